"""The facts of tickets for figures, read from their rows and their log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.services.changes import TICKET
from app.statistics.services.cache import FactKind
from app.tickets.figures.facts import TicketFacts, TicketRow, facts_of, followed, joined
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.tickets import CREATION_STATES
from app.tickets.rules.times import WATCHED, LoggedValue, TicketTimes, times_of


def _table(kind: Any) -> Table:
    table = kind.__table__
    assert isinstance(table, Table)
    return table


_t, _links, _sites = (_table(kind) for kind in (Ticket, TicketLink, TicketSite))
_changes, _fields = _table(Change), _table(ChangedField)


def read_ticket_facts(session: Session, numbers: Sequence[int]) -> TicketFacts:
    """The facts of these tickets as their rows and their log are now; numbers ascend."""
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
    field, new = _fields.c.field, _fields.c.new
    # of a creation, which half of the rows are of, only this tells anything
    tells = or_(
        _changes.c.version > 1,
        field == "priority",
        and_(field == "state", new.not_in(CREATION_STATES)),
    )
    connection = session.connection()
    of_these = _changes.c.kind == TICKET, _within(_changes.c.thing_id, numbers)
    # PostgreSQL would look through all fields that ever were, for each range of tickets
    ends = select(func.min(_changes.c.id), func.max(_changes.c.id)).where(*of_these)
    first, last = connection.execute(ends).one()
    log = connection.execute(
        select(
            _changes.c.thing_id,
            _changes.c.version,
            _changes.c.at,
            field,
            new,
        )
        .join_from(_changes, _fields, _fields.c.change_id == _changes.c.id)
        .where(
            *of_these,
            _fields.c.change_id.between(first, last),
            field.in_(WATCHED),
            tells,
        )
        .order_by(_changes.c.thing_id, _changes.c.version, _fields.c.position)
    )
    number, items = 0, list[LoggedValue]()
    for thing, version, at, name, value in log:
        if thing != number:
            if items:
                yield number, times_of(items)
            number, items = thing, []
        items.append(LoggedValue(version, at, name, value))
    if items:
        yield number, times_of(items)


def _within(column: Column[Any], numbers: Sequence[int]) -> ColumnElement[bool]:
    if isinstance(numbers, range):
        return column.between(numbers.start, numbers.stop - 1)
    return column.in_(numbers)


def _highest(session: Session) -> int:
    return session.scalar(select(func.max(Ticket.number))) or 0


TICKET_FACTS: Final = FactKind(TICKET, _highest, read_ticket_facts, joined, followed)
"""The facts of tickets, as they are cached."""
