"""Their tickets with our reference but without a pair: found by any read, handed to a person at
once, and removed from here as soon as they no longer exist there or have a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_operator
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_reason
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair, UnpairedTicket
from app.exchange.rules.pairs import PairState
from app.exchange.rules.reading import TheirTicket, beginning_of
from app.exchange.services.connections.connections import record
from app.tickets.models.tickets import Ticket

_NO_TICKET: Final = 0
"""The ticket number in the test tickets of connection tests."""


@dataclass(frozen=True)
class Unpaired:
    """A ticket there without a pair. ``title``: our ticket's, None = there is no such ticket;
    ``is_second``: ours is exchanged with them through another one."""

    row: UnpairedTicket
    title: str | None
    is_second: bool


def note_unpaired(
    session: Session, connection: Connection, read: TheirTicket, now: datetime
) -> None:
    """Record a ticket of our account without a pair, unless it was merged, or is the one that is
    being created: looking for the result of that call finds it."""
    number = beginning_of(read)
    if number in (None, _NO_TICKET) or read.merged_into:
        forget_unpaired(session, connection.id, read.id)
        return
    with_partner = (
        select(TicketPair)
        .join(Connection, Connection.id == TicketPair.connection_id)
        .where(TicketPair.ticket_number == number, Connection.partner_id == connection.partner_id)
    )
    pairs = session.scalars(with_partner).all()
    if any(one.state == PairState.CREATING and one.connection_id == connection.id for one in pairs):
        return
    if any(one.their_id == read.id for one in pairs):  # of an ended connection
        return
    found = session.scalars(_of(connection.id, read.id)).first()
    if found is None:
        found = UnpairedTicket(connection_id=connection.id, their_id=read.id, found_at=now)
        session.add(found)
    found.ticket_number, found.seen_at = number, now
    found.their_number, found.their_url = read.number[:255], read.url[:500]


def forget_unpaired(session: Session, connection_id: int, their_id: str) -> None:
    """Forget it: it has a pair by now, or no longer exists there."""
    session.execute(
        delete(UnpairedTicket).where(
            UnpairedTicket.connection_id == connection_id, UnpairedTicket.their_id == their_id
        )
    )


def unread_others(
    session: Session, connection_id: int, since: datetime, after: int, limit: int
) -> Sequence[tuple[int, str]]:
    """Recorded ones that were not read since then, after the row ``after``: the key and their
    id."""
    found = session.execute(
        select(UnpairedTicket.id, UnpairedTicket.their_id)
        .where(
            UnpairedTicket.connection_id == connection_id,
            UnpairedTicket.seen_at < since,
            UnpairedTicket.id > after,
        )
        .order_by(UnpairedTicket.id)
        .limit(limit)
    )
    return [(key, their_id) for key, their_id in found]


def unpaired_tickets(
    session: Session,
    limit: int | None = None,
    *,
    connection_id: int | None = None,
    with_left: bool = False,
) -> Sequence[Unpaired]:
    """Those that wait for a person, newest first; ``with_left``: also those that a person accepted.
    One statement."""
    pair = and_(
        TicketPair.ticket_number == UnpairedTicket.ticket_number,
        TicketPair.connection_id == UnpairedTicket.connection_id,
    )
    rows = (
        select(UnpairedTicket, Ticket.title, TicketPair.id)
        .outerjoin(Ticket, Ticket.number == UnpairedTicket.ticket_number)
        .outerjoin(TicketPair, pair)
        .order_by(UnpairedTicket.id.desc())
        .limit(limit)
    )
    if not with_left:
        rows = rows.where(UnpairedTicket.left_at.is_(None))
    if connection_id is not None:
        rows = rows.where(UnpairedTicket.connection_id == connection_id)
    return [
        Unpaired(row, title, pair_id is not None) for row, title, pair_id in session.execute(rows)
    ]


def count_unpaired() -> Any:
    """How many wait for a person, for use in another statement."""
    return (
        select(func.count())
        .select_from(UnpairedTicket)
        .where(UnpairedTicket.left_at.is_(None))
        .scalar_subquery()
    )


def leave_unpaired(session: Session, by: Writer, key: int, reason: str) -> None:
    """Accept that a ticket there stays as it is, with a reason: it is not listed again."""
    require_operator(by.actor, _("leave a partner's ticket without a pair"))
    reason = checked_reason(reason, _("Enter a reason for leaving it as it is"))
    found = session.get(UnpairedTicket, key, with_for_update={"of": UnpairedTicket})
    if found is None:
        raise NotFound
    if found.left_at is None:
        found.left_at = by.now
        note = f"{found.their_number or found.their_id}: {reason}"
        record(session, by, found.connection, {"ticket without a pair": (None, note)})


def _of(connection_id: int, their_id: str) -> Any:
    return select(UnpairedTicket).where(
        UnpairedTicket.connection_id == connection_id, UnpairedTicket.their_id == their_id
    )
