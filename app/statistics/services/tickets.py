"""The facts of tickets for figures, read from their rows and their log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, func, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.services.changes import TICKET
from app.statistics.services.blocks import FactKind, Packed
from app.tickets.figures.facts import (
    PackedFacts,
    TicketFacts,
    TicketRow,
    facts_of,
    joined,
    pack,
    replaced,
    unpack,
)
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.times import WATCHED, LoggedValue, TicketTimes, times_of

_LAYOUT: Final = 2
_AT_ONCE: Final = 1_000
"""Numbers that are listed in one statement; a range is asked for as one."""


def _table(kind: Any) -> Table:
    table = kind.__table__
    assert isinstance(table, Table)
    return table


_t, _links, _sites = (_table(kind) for kind in (Ticket, TicketLink, TicketSite))
_changes, _fields = _table(Change), _table(ChangedField)


def read_ticket_facts(session: Session, numbers: Sequence[int]) -> TicketFacts:
    """The facts of these tickets as their rows and their log are now; numbers ascend."""
    parts = [_read(session, part) for part in _parts(numbers)]
    return parts[0] if len(parts) == 1 else joined(parts)


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    if isinstance(numbers, range):
        yield numbers
        return
    for first in range(0, len(numbers), _AT_ONCE):
        yield numbers[first : first + _AT_ONCE]


def _read(session: Session, numbers: Sequence[int]) -> TicketFacts:
    connection = session.connection()
    names = ("number", "created_at", "changed_at", "ended_at", "responsible_site_id")
    words = ("state", "network", "category", "layer", "priority")
    rows = connection.execute(
        select(*(_t.c[name] for name in (*names, *words))).where(_within(_t.c.number, numbers))
    ).all()
    times = dict(_times(session, numbers))
    links = connection.execute(
        select(_links.c.ticket_number, _links.c.link_id).where(
            _within(_links.c.ticket_number, numbers)
        )
    ).all()
    sites = connection.execute(
        select(_sites.c.ticket_number, _sites.c.site_id, _sites.c.name).where(
            _within(_sites.c.ticket_number, numbers)
        )
    ).all()
    return facts_of(
        ((TicketRow(*row), times.get(row[0], TicketTimes())) for row in rows),
        [(number, link) for number, link in links],
        [(number, site) for number, site, _ in sites if site is not None],
        ((number, name) for number, site, name in sites if site is None),
    )


def _times(session: Session, numbers: Sequence[int]) -> Iterator[tuple[int, TicketTimes]]:
    log = session.connection().execute(
        select(
            _changes.c.thing_id,
            _changes.c.version,
            _changes.c.at,
            _fields.c.field,
            _fields.c.new,
        )
        .join_from(_changes, _fields, _fields.c.change_id == _changes.c.id)
        .where(
            _changes.c.kind == TICKET,
            _within(_changes.c.thing_id, numbers),
            _fields.c.field.in_(WATCHED),
        )
        .order_by(_changes.c.thing_id, _changes.c.version, _fields.c.position)
    )
    number, items = 0, list[LoggedValue]()
    for thing, version, at, field, new in log:
        if thing != number:
            if items:
                yield number, times_of(items)
            number, items = thing, []
        items.append(LoggedValue(version, at, field, new))
    if items:
        yield number, times_of(items)


def _within(column: Column[Any], numbers: Sequence[int]) -> ColumnElement[bool]:
    if isinstance(numbers, range):
        return column.between(numbers.start, numbers.stop - 1)
    return column.in_(numbers)


def _highest(session: Session) -> int:
    return session.scalar(select(func.max(Ticket.number))) or 0


def _pack(facts: TicketFacts) -> Packed:
    packed = pack(facts)
    return Packed(packed.tickets, packed.links, packed.sites, packed.names)


def _unpack(packed: Packed) -> TicketFacts:
    return unpack(PackedFacts(packed.rows, packed.links, packed.sites, packed.names))


TICKET_FACTS: Final = FactKind(
    TICKET, _LAYOUT, _highest, read_ticket_facts, _pack, _unpack, joined, replaced
)
"""The facts of tickets, as they are kept."""
