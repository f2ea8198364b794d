"""Tickets as an NTTDM document: the rows of an export, with what NTTDM has in addition.

Internal entries are never included, for no reader: such documents are made to be passed on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, aliased

from app.core.database.transactions import read_connection
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Actor
from app.core.rules.documents.cells import joined
from app.core.services.changes import TICKET
from app.registry.models.registry import Link, Site
from app.tickets.adapters.nttdm import HEAD, TAIL, history_of, nttdm_ticket
from app.tickets.models.tickets import ExternalReference, Ticket, TicketLink
from app.tickets.rules.files import COLUMNS
from app.tickets.services.diaries import PUBLIC
from app.tickets.services.files.export import exported_rows
from app.tickets.services.relations import bonds_of, readable_numbers

Cells = Mapping[str, str]


def nttdm_pieces(engine: Engine, actor: Actor, numbers: Sequence[int]) -> Iterator[str]:
    """A document of the tickets with these numbers, which the actor may read, piece by piece.

    Between two pieces nothing of the database is held.
    """
    yield HEAD
    for rows in exported_rows(engine, numbers):
        of_rows = [int(row[0]) for row in rows]
        with read_connection(engine) as connection, Session(connection) as session:
            more = _more(session, actor, of_rows)
        yield "".join(
            nttdm_ticket({**dict(zip(COLUMNS, row, strict=True)), **more[number]})
            for number, row in zip(of_rows, rows, strict=True)
        )
    yield TAIL


def _more(session: Session, actor: Actor, numbers: Sequence[int]) -> Mapping[int, Cells]:
    """What no column of a file holds, by the ticket's number."""
    cells: dict[int, dict[str, str]] = {number: {} for number in numbers}
    for found in (
        _own(session, numbers),
        _ends(session, numbers),
        _references(session, numbers),
        _relations(session, actor, numbers),
        _history(session, numbers),
    ):
        for number, values in found:
            cells[number] |= values
    return cells


_Found = Iterable[tuple[int, dict[str, str]]]


def _own(session: Session, numbers: Sequence[int]) -> _Found:
    rows = session.execute(
        select(
            Ticket.number,
            Ticket.affected_vo,
            Ticket.person_in_charge,
            Ticket.estimated_end,
            Ticket.ended_at,
            Ticket.last_author,
            Ticket.created_by_partner_id,
            Ticket.created_by_user_id,
        ).where(Ticket.number.in_(numbers))
    )
    for row in rows:
        by_partner = "Other NOC" if row.created_by_partner_id is not None else ""
        yield (
            row.number,
            {
                "affected_vo": row.affected_vo,
                "person_in_charge": row.person_in_charge,
                "estimated_end": _written(row.estimated_end) if row.estimated_end else "",
                "closed_by": row.last_author if row.ended_at is not None else "",
                "tt_source": by_partner or ("Users" if row.created_by_user_id is not None else ""),
            },
        )


def _ends(session: Session, numbers: Sequence[int]) -> _Found:
    """The two ends of the first affected link."""
    end_a, end_b = aliased(Site), aliased(Site)
    rows = session.execute(
        select(TicketLink.ticket_number, end_a.key, end_b.key)
        .select_from(TicketLink)
        .join(Link, Link.id == TicketLink.link_id)
        .join(end_a, end_a.id == Link.end_a_id)
        .join(end_b, end_b.id == Link.end_b_id)
        .where(TicketLink.ticket_number.in_(numbers))
        .order_by(TicketLink.ticket_number, TicketLink.position.desc())  # the first one stays
    )
    return ((number, {"end_a": a, "end_b": b}) for number, a, b in rows)


def _references(session: Session, numbers: Sequence[int]) -> _Found:
    rows = session.execute(
        select(
            ExternalReference.ticket_number,
            ExternalReference.provider,
            ExternalReference.reference,
            ExternalReference.url,
        )
        .where(ExternalReference.ticket_number.in_(numbers))
        .order_by(ExternalReference.id)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for number, provider, reference, url in rows:
        found[number].append(f"{provider}: {reference or url}")
    return ((number, {"references": joined(texts)}) for number, texts in found.items())


def _relations(session: Session, actor: Actor, numbers: Sequence[int]) -> _Found:
    """The related tickets that the actor may read."""
    found: dict[int, list[int]] = defaultdict(list)
    wanted = set(numbers)
    for bond in bonds_of(session, *numbers):
        for one, other in ((bond.ticket, bond.other), (bond.other, bond.ticket)):
            if one in wanted:
                found[one].append(other)
    others = {number for related in found.values() for number in related}
    readable = readable_numbers(session, actor, others) if others else frozenset()
    return (
        (number, {"relations": joined([str(one) for one in sorted({*related} & readable)])})
        for number, related in found.items()
    )


def _history(session: Session, numbers: Sequence[int]) -> _Found:
    """The public diary and the moves, oldest first."""
    rows = session.execute(
        select(
            Change.thing_id,
            Change.version,
            Change.at,
            Change.author,
            ChangedField.field,
            ChangedField.old,
            ChangedField.new,
        )
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(
            Change.kind == TICKET,
            Change.thing_id.in_(numbers),
            ChangedField.field.in_((PUBLIC, "state")),
            ChangedField.new.is_not(None),
        )
        .order_by(Change.thing_id, Change.version, ChangedField.position)
    )
    entries: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        entries[row.thing_id] += _entry(row)
    return ((number, {"public_comment": history_of(told)}) for number, told in entries.items())


def _entry(row: Any) -> list[str]:
    if row.field == "state" and row.old is None:
        return []  # the state in which it was created
    text = f"{row.old} -> {row.new}" if row.field == "state" else row.new
    return [f"{_written(row.at)} {row.author}: {text}"]


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
