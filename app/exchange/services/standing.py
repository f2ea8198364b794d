"""The evidence about pairs, which ``app.exchange.rules.standing`` evaluates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.models.base import UtcTime
from app.core.models.changes import Change
from app.core.rules.access import Door
from app.core.services.changes import TICKET, of_kind
from app.exchange.models.connections import Connection, ConnectionProfile
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Profile, profile_of
from app.exchange.rules.reading import UNKNOWN, PartDifference
from app.exchange.rules.settle import bases_of
from app.exchange.rules.standing import (
    Answering,
    Evidence,
    Standing,
    Unread,
    ValueDifference,
    answering,
    compare_values,
    standing_of,
    unread,
    values_not_set,
)
from app.exchange.services.connections.connections import is_called
from app.exchange.services.planning import is_read, planned_up_to
from app.tickets.models.tickets import Ticket
from app.tickets.services.fields import as_logged, current_value


@dataclass(frozen=True)
class Compared:
    """How a pair's two tickets compare. ``why``: why that is unknown; ``at``: until when it is
    known."""

    standing: Standing
    why: Unread | None
    differing: Sequence[ValueDifference]
    unknown: Sequence[str]
    left_out: int
    at: datetime | None
    parts: Sequence[PartDifference] = ()
    """Texts and files that differ there."""
    not_set: Sequence[str] = ()
    """Fields that a partner that is not read did not set when they were sent."""

    @property
    def agrees(self) -> bool:
        """Whether no value, text or file is known to differ."""
        return not (self.differing or any(one.why != UNKNOWN for one in self.parts))

    @property
    def in_step(self) -> bool:
        """Whether both tickets have the same content: the only place that says so."""
        return self.standing is Standing.IN_STEP


def answers(connection: Connection, now: datetime) -> Answering:
    """Whether a partner's system answers, as far as is known. No statement."""
    return answering(
        ended=connection.ended_at is not None,
        stopped=connection.stopped_at is not None,
        paused=connection.paused_at is not None,
        resting_until=connection.resting_until,
        failures=connection.failures,
        succeeded=(connection.sent_at, connection.read_at),
        now=now,
    )


@dataclass(frozen=True)
class _Counts:
    waiting: int = 0
    asked: int = 0
    left_out: int = 0
    sent_at: datetime | None = None


def compared(
    session: Session, pairs: Sequence[TicketPair], now: datetime
) -> Mapping[int, Compared]:
    """How the tickets of each pair compare, by its id. Four statements for any number of pairs;
    none without pairs."""
    if not pairs:
        return {}
    counts = _counts(session, [pair.id for pair in pairs])
    numbers = {pair.ticket_number for pair in pairs}
    tickets = {
        one.number: one for one in session.scalars(select(Ticket).where(Ticket.number.in_(numbers)))
    }
    unplanned = _unplanned(session, numbers)
    profiles = _profiles(session, {pair.connection_id for pair in pairs})
    found = {}
    for pair in pairs:
        ours = partial(_ours, tickets[pair.ticket_number])
        known = _evidence(
            pair,
            counts.get(pair.id, _Counts()),
            *compare_values(profiles[pair.connection_id], ours, json.loads(pair.their_values)),
            is_planned=unplanned.get(pair.ticket_number, set()) <= {pair.connection.partner_id},
        )
        found[pair.id] = Compared(
            standing_of(known, now),
            unread(known, now),
            known.differing,
            known.unknown,
            known.left_out,
            known.heard_at,
            known.parts or (),
            ()
            if known.is_read
            else values_not_set(profiles[pair.connection_id], ours, bases_of(pair.bases)),
        )
    return found


def _evidence(
    pair: TicketPair,
    counts: _Counts,
    differing: Sequence[ValueDifference],
    unknown: Sequence[str],
    *,
    is_planned: bool,
) -> Evidence:
    connection = pair.connection
    return Evidence(
        state=PairState(pair.state),
        is_called=is_called(connection),
        is_read=is_read(connection),
        waiting=counts.waiting + (not is_planned),
        asked=counts.asked,
        is_calling=pair.begun_at is not None,
        left_out=counts.left_out,
        sent_at=counts.sent_at,
        read_at=pair.read_at,
        unread_since=pair.unread_since,
        heard_at=connection.read_at,
        differing=differing if pair.read_at is not None else (),
        unknown=unknown,
        parts=_parts(pair.differing),
    )


def _parts(stored: str | None) -> Sequence[PartDifference] | None:
    return None if stored is None else [PartDifference(**one) for one in json.loads(stored)]


def _ours(ticket: Ticket, name: str) -> str:
    return as_logged(current_value(ticket, name)) or ""


def is_left_out() -> ColumnElement[bool]:
    """The condition that an entry is a comment or a file that one side has and the other does
    not."""
    return or_(
        and_(
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.state == EntryState.SKIPPED,
            ExchangeEntry.kind == EntryKind.COMMENT,
        ),
        and_(
            ExchangeEntry.kind == EntryKind.ATTACHMENT,
            ExchangeEntry.state.in_((EntryState.SKIPPED, EntryState.RECORDED)),
        ),
    )


def _counts(session: Session, ids: Sequence[int]) -> Mapping[int, _Counts]:
    is_ours = ExchangeEntry.origin == Origin.OURS
    rows = session.execute(
        select(
            ExchangeEntry.pair_id,
            func.count().filter(is_ours, ExchangeEntry.state == EntryState.WAITING),
            func.count().filter(ExchangeEntry.state == EntryState.ASKED),
            func.count().filter(is_left_out()),
            func.max(ExchangeEntry.done_at, type_=UtcTime).filter(
                is_ours, ExchangeEntry.state == EntryState.SENT
            ),
        )
        .where(ExchangeEntry.pair_id.in_(ids))
        .group_by(ExchangeEntry.pair_id)
    )
    return {
        pair_id: _Counts(waiting, asked, left_out, sent_at)
        for pair_id, waiting, asked, left_out, sent_at in rows
    }


def _unplanned(session: Session, numbers: set[int]) -> Mapping[int, set[int | None]]:
    """Tickets with changes for which no entry is planned yet, so that nothing appears to wait, and
    whose changes they are: the ids of partners, None = no partner."""
    changed = (
        select(Change.thing_id, Change.partner_id)
        .where(of_kind(TICKET), Change.thing_id.in_(numbers), Change.id > planned_up_to(session))
        .where(Change.door != Door.IMPORT)
        .distinct()
    )
    found: dict[int, set[int | None]] = {}
    for number, partner in session.execute(changed):
        found.setdefault(number, set()).add(partner)
    return found


def _profiles(session: Session, ids: set[int]) -> Mapping[int, Profile]:
    rows = session.execute(
        select(Connection.id, ConnectionProfile.content)
        .join(
            ConnectionProfile,
            and_(
                ConnectionProfile.connection_id == Connection.id,
                ConnectionProfile.version == Connection.profile_version,
            ),
        )
        .where(Connection.id.in_(ids))
    )
    return {key: profile_of(content) for key, content in rows}
