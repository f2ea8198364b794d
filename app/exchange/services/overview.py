"""The exchange as people see it: the status of connections, failures, and calls.

Only reads; each function states its number of statements.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, true
from sqlalchemy.orm import Session, defer

from app.core.models.base import UtcTime
from app.core.rules.errors import NotFound
from app.exchange.models.connections import Connection, ConnectionProfile, ExchangeCall
from app.exchange.models.pairs import ExchangeEntry, TicketPair, UnpairedTicket
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Direction
from app.exchange.services.standing import Compared, compared, is_left_out
from app.exchange.services.unpaired import count_unpaired
from app.tickets.models.tickets import Ticket

CALLS_COUNTED: Final = timedelta(days=1)
_OPEN: Final = (EntryState.WAITING, EntryState.ASKED)


@dataclass(frozen=True)
class Traffic:
    """The status of a connection. ``oldest`` is when the oldest waiting entry was written; calls
    are those of ``CALLS_COUNTED``."""

    waiting: int = 0
    oldest: datetime | None = None
    asked: int = 0
    """Conflicts that wait for a person."""
    stopped: int = 0
    """Tickets whose exchange failed."""
    retrying: int = 0
    """Tickets that are retried automatically."""
    calls: int = 0
    failed_calls: int = 0


def traffic(
    session: Session, now: datetime, connection_id: int | None = None
) -> Mapping[int, Traffic]:
    """The status of each connection, or one, by its id; one without an entry, a pair and a call has
    no row. Retries are counted only for a single connection. Three statements."""
    found: dict[int, Traffic] = defaultdict(Traffic)
    entries = (
        select(
            TicketPair.connection_id,
            ExchangeEntry.state,
            func.count(),
            func.min(ExchangeEntry.at, type_=UtcTime),
        )
        .join(TicketPair, TicketPair.id == ExchangeEntry.pair_id)
        .where(ExchangeEntry.state.in_(_OPEN), _of(TicketPair.connection_id, connection_id))
        .group_by(TicketPair.connection_id, ExchangeEntry.state)
    )
    for key, state, number, oldest in session.execute(entries):
        if state == EntryState.WAITING:
            found[key] = replace(found[key], waiting=number, oldest=oldest)
        else:
            found[key] = replace(found[key], asked=number)
    is_stopped = TicketPair.state == PairState.STOPPED
    wanted = is_stopped if connection_id is None else or_(is_stopped, TicketPair.attempts > 0)
    pairs = (
        select(
            TicketPair.connection_id,
            func.count().filter(is_stopped),
            func.count().filter(~is_stopped),
        )
        .where(wanted, _of(TicketPair.connection_id, connection_id))
        .group_by(TicketPair.connection_id)
    )
    for key, stopped, retrying in session.execute(pairs):
        found[key] = replace(found[key], stopped=stopped, retrying=retrying)
    calls = (
        select(
            ExchangeCall.connection_id,
            func.count(),
            func.count().filter(ExchangeCall.failure != ""),
        )
        .where(
            ExchangeCall.at > now - CALLS_COUNTED, _of(ExchangeCall.connection_id, connection_id)
        )
        .group_by(ExchangeCall.connection_id)
    )
    for key, number, failed in session.execute(calls):
        found[key] = replace(found[key], calls=number, failed_calls=failed)
    return found


def _of(column: Any, connection_id: int | None) -> ColumnElement[bool]:
    return true() if connection_id is None else column == connection_id


def connection_of_number(session: Session, number: int) -> Connection:
    """A connection. One statement; raises ``NotFound``."""
    found = session.get(Connection, number)
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True)
class Trouble:
    """A ticket whose exchange waits for a person: it failed, or two values contradict each
    other."""

    pair: TicketPair
    title: str
    first: ExchangeEntry | None
    """The next entry to be sent."""
    asked: int


def troubles(
    session: Session, limit: int, connection_id: int | None = None, *, before: int | None = None
) -> Sequence[Trouble]:
    """Tickets whose exchange waits for a person, newest pair first; ``before``: only pairs with a
    lower id. One statement."""
    conflicts = _conflict_of_pair()
    first = (
        select(func.min(ExchangeEntry.sequence))
        .where(
            ExchangeEntry.pair_id == TicketPair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.state == EntryState.WAITING,
        )
        .correlate(TicketPair)
        .scalar_subquery()
    )
    rows = (
        select(TicketPair, Ticket.title, ExchangeEntry, conflicts.label("asked"))
        .join(Ticket, Ticket.number == TicketPair.ticket_number)
        .outerjoin(
            ExchangeEntry,
            and_(
                ExchangeEntry.pair_id == TicketPair.id,
                ExchangeEntry.origin == Origin.OURS,
                ExchangeEntry.sequence == first,
            ),
        )
        .where(in_trouble())
        .order_by(TicketPair.id.desc())
        .limit(limit)
    )
    if connection_id is not None:
        rows = rows.where(TicketPair.connection_id == connection_id)
    if before is not None:
        rows = rows.where(TicketPair.id < before)
    return [Trouble(*row) for row in session.execute(rows)]


def in_trouble() -> ColumnElement[bool]:
    """The condition that a pair waits for a person."""
    undecided = select(ExchangeEntry.pair_id).where(ExchangeEntry.state == EntryState.ASKED)
    differs = and_(TicketPair.differs_at.is_not(None), TicketPair.state != PairState.ENDED)
    return or_(TicketPair.state == PairState.STOPPED, TicketPair.id.in_(undecided), differs)


def count_troubles() -> Any:
    """How many tickets' exchange waits for a person, here or there, for use in another statement:
    four indexes provide it."""
    pairs = select(func.count()).select_from(TicketPair).where(in_trouble()).scalar_subquery()
    return pairs + count_unpaired()


def _conflict_of_pair() -> Any:
    return (
        select(func.count())
        .where(ExchangeEntry.pair_id == TicketPair.id, ExchangeEntry.state == EntryState.ASKED)
        .correlate(TicketPair)
        .scalar_subquery()
    )


def left_out(
    session: Session, connection_id: int, limit: int
) -> Sequence[tuple[ExchangeEntry, int, bool]]:
    """Entries of ours that a person skipped, and of theirs that are not allowed here, newest first,
    with our ticket's number and whether it is still exchanged. One statement."""
    rows = session.execute(
        select(ExchangeEntry, TicketPair.ticket_number, TicketPair.state != PairState.ENDED)
        .join(TicketPair, TicketPair.id == ExchangeEntry.pair_id)
        .where(
            TicketPair.connection_id == connection_id,
            or_(
                and_(
                    ExchangeEntry.state == EntryState.SKIPPED, ExchangeEntry.origin == Origin.OURS
                ),
                ExchangeEntry.state == EntryState.RECORDED,
            ),
        )
        .order_by(ExchangeEntry.id.desc())
        .limit(limit)
    )
    return [(entry, number, is_exchanged) for entry, number, is_exchanged in rows]


def recent_calls(
    session: Session, connection_id: int, limit: int, *, failed: bool = False
) -> Sequence[ExchangeCall]:
    """The newest calls, without their content. One statement."""
    found = (
        select(ExchangeCall)
        .where(ExchangeCall.connection_id == connection_id)
        .order_by(ExchangeCall.id.desc())
        .limit(limit)
        .options(defer(ExchangeCall.asked), defer(ExchangeCall.answered))
    )
    if failed:
        found = found.where(ExchangeCall.failure != "")
    return session.scalars(found).all()


def call_of_number(session: Session, connection_id: int, number: int) -> ExchangeCall:
    """One call with its content. One statement; raises ``NotFound``."""
    found = session.get(ExchangeCall, number)
    if found is None or found.connection_id != connection_id:
        raise NotFound
    return found


def versions_of(session: Session, connection_id: int) -> Sequence[ConnectionProfile]:
    """All versions of choice, maps and owners, newest first. One statement."""
    return session.scalars(
        select(ConnectionProfile)
        .where(ConnectionProfile.connection_id == connection_id)
        .order_by(ConnectionProfile.version.desc())
    ).all()


@dataclass(frozen=True)
class Conflict:
    """A field that both sides changed: a person chooses."""

    entry_id: int
    name: str
    theirs: str


@dataclass(frozen=True)
class Counterpart:
    """A partner of a ticket. ``pair`` None: not exchanged with it."""

    connection: Connection
    pair: TicketPair | None
    waiting: Sequence[str] = field(default=())
    """Kinds of the waiting entries, in order."""
    oldest: datetime | None = None
    conflicts: Sequence[Conflict] = field(default=())
    left_out: Sequence[ExchangeEntry] = field(default=())
    """Comments and files that one side has and the other does not, newest first; their reasons say
    why."""
    compared: Compared | None = None
    """How the two tickets compare; None = not exchanged."""
    unpaired: Sequence[UnpairedTicket] = field(default=())
    """Other tickets there with our reference that wait for a person."""

    @property
    def is_shareable(self) -> bool:
        """Whether the ticket can be shared with this partner now."""
        pushes = Direction(self.connection.direction).pushes
        return self.pair is None and pushes and self.connection.ended_at is None


def counterparts(
    session: Session, number: int, now: datetime, *, internal: bool
) -> Sequence[Counterpart]:
    """Every partner with a connection, for this ticket; ``internal``: with waiting internal notes.
    One statement, and some more if the ticket is exchanged (``compared``)."""
    found: dict[Connection, tuple[TicketPair | None, list[UnpairedTicket]]] = {}
    for connection, pair, other in session.execute(
        select(Connection, TicketPair, UnpairedTicket)
        .outerjoin(
            TicketPair,
            and_(TicketPair.connection_id == Connection.id, TicketPair.ticket_number == number),
        )
        .outerjoin(
            UnpairedTicket,
            and_(
                UnpairedTicket.connection_id == Connection.id,
                UnpairedTicket.ticket_number == number,
                UnpairedTicket.left_at.is_(None),
            ),
        )
        .order_by(Connection.id, UnpairedTicket.id)
    ):
        others = found.setdefault(connection, (pair, []))[1]
        if other is not None:
            others.append(other)
    pairs = [pair for pair, _others in found.values() if pair is not None]
    open_: dict[int, list[ExchangeEntry]] = defaultdict(list)
    if keys := [pair.id for pair in pairs]:
        for entry in session.scalars(
            select(ExchangeEntry)
            .where(
                ExchangeEntry.pair_id.in_(keys), or_(ExchangeEntry.state.in_(_OPEN), is_left_out())
            )
            .where(or_(ExchangeEntry.kind != EntryKind.INTERNAL, literal(internal)))
            .order_by(ExchangeEntry.pair_id, ExchangeEntry.sequence)
        ):
            open_[entry.pair_id].append(entry)
    standings = compared(session, pairs, now)
    return [
        Counterpart(connection, None, unpaired=others)
        if pair is None
        else _counterpart(connection, pair, open_[pair.id], standings[pair.id], others)
        for connection, (pair, others) in found.items()
    ]


def _counterpart(
    connection: Connection,
    pair: TicketPair,
    entries: Iterable[ExchangeEntry],
    found: Compared,
    others: Sequence[UnpairedTicket],
) -> Counterpart:
    entries = list(entries)
    waiting = [entry for entry in entries if entry.state == EntryState.WAITING]
    conflicts = {
        name: Conflict(entry.id, name, value)
        for entry in entries
        if entry.state == EntryState.ASKED and entry.kind == EntryKind.FIELDS
        for name, value in json.loads(entry.content).items()
    }
    return Counterpart(
        connection,
        pair,
        tuple(entry.kind for entry in waiting),
        min((entry.at for entry in waiting), default=None),
        tuple(conflicts.values()),
        [entry for entry in reversed(entries) if entry.state not in _OPEN],
        found,
        others,
    )
