"""Values of a pair as ``app.exchange.rules.settle`` decides: what is agreed, and what is sent.

Everything that reads their ticket, sends to it, or chooses for a person uses this module; none of
them compares two values itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.models.base import UtcTime
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Door
from app.core.services.changes import TICKET, of_kind
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.fields import Owner
from app.exchange.rules.ledger import Origin
from app.exchange.rules.profiles import Direction, Profile
from app.exchange.rules.settle import (
    Base,
    Settlement,
    Times,
    answered,
    as_stored,
    bases_of,
    carried,
    may_be_contested,
    not_set,
    same,
    settle,
    text_begun,
)
from app.exchange.services.entries import add_entry
from app.exchange.services.planning import (
    enqueue_pair,
    is_read,
    planned_up_to,
    profile_in_use,
)
from app.tickets.models.tickets import Ticket
from app.tickets.services.fields import as_logged, current_value

_STATE: Final = "state"
"""The field that texts move."""


class Left(StrEnum):
    """Why a value of an entry of ours is not sent."""

    GAVE_WAY = "Gave way to the partner's value"
    ASKED = "A person has to choose"
    CROSSED = "Both sides changed it at the same time; a person has to choose"
    REPLACED = "Changed again since"
    DIFFERS = "This value cannot be set there"


@dataclass(frozen=True)
class ToSend:
    """The values of an entry: those to be sent now, and why others are not."""

    values: Mapping[str, str]
    left: Mapping[str, Left] = field(default_factory=dict)


def value_here(ticket: Ticket, name: str) -> str:
    """A value of ours as in the change log."""
    return as_logged(current_value(ticket, name)) or ""


def their_value(pair: TicketPair, name: str) -> str | None:
    """A value of theirs in their words, as last read."""
    reported: str | None = json.loads(pair.their_values).get(name)
    return reported


def values_to_send(
    session: Session, pair: TicketPair, entry: ExchangeEntry, *, was_tried: bool = False
) -> ToSend:
    """Which values of an entry of ours are to be sent, now that their ticket was read, if that is
    possible. ``was_tried``: an earlier call may have carried it."""
    profile, bases = profile_in_use(session, pair.connection), bases_of(pair.bases)
    ticket, undecided = session.get_one(Ticket, pair.ticket_number), _undecided(session, pair)
    values: dict[str, str] = {}
    left: dict[str, Left] = {}
    for name, value in json.loads(entry.content).items():
        if name in undecided:
            left[name] = Left.ASKED
            continue
        if is_overtaken(session, pair, name, value):
            left[name] = Left.CROSSED if was_tried and profile.maps.get(name) else Left.GAVE_WAY
            continue
        base, owner = bases.get(name), profile.owner_of(name)
        theirs = their_value(pair, name)
        if theirs is None:
            theirs = base.theirs if base is not None else None
        if not profile.maps.get(name) or theirs is None:
            why = Left.GAVE_WAY if owner is Owner.THEM else None
        else:
            ours, words = value_here(ticket, name), profile.map_of(name)
            what = settle(base, ours, theirs, words, owner).what
            if what is Settlement.NOTHING and not same(words, value, theirs):
                is_replaced = _waits(session, pair, name, after=entry.sequence)
                why = Left.REPLACED if is_replaced else Left.GAVE_WAY
            else:
                why = _LEFT[what]
        if why is None:
            values[name] = value
        else:
            left[name] = why
    return ToSend(values, left)


_LEFT: Final[Mapping[Settlement, Left | None]] = {
    Settlement.NOTHING: None,
    Settlement.SEND: None,
    Settlement.TAKE: Left.GAVE_WAY,
    Settlement.ASK: Left.GAVE_WAY,  # theirs is newer, and not allowed here
    Settlement.SAY: Left.DIFFERS,
}


def is_overtaken(session: Session, pair: TicketPair, name: str, value: str) -> bool:
    """Whether a partner that is not read, and writes at our own interface, has set a field after
    this value of ours: its last value there is its current value, unless a call with ours
    crosses it."""
    ticket = session.get_one(Ticket, pair.ticket_number)
    if is_read(pair.connection) or value_here(ticket, name) == value:
        return False
    newest = session.scalars(
        select(Change.partner_id)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(of_kind(TICKET), Change.thing_id == ticket.number, ChangedField.field == name)
        .order_by(Change.id.desc())
        .limit(1)
    ).first()
    return newest == pair.connection.partner_id


def is_older(session: Session, pair: TicketPair, asked_at: datetime | None) -> bool:
    """Whether a read that started then may not show yet what a call has set since."""
    if asked_at is None:
        return False
    newest = session.scalar(
        select(func.max(ExchangeEntry.done_at, type_=UtcTime)).where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.kind == EntryKind.FIELDS,
            ExchangeEntry.state == EntryState.SENT,
        )
    )
    return newest is not None and asked_at < newest


def note_values_sent(
    session: Session, pair: TicketPair, values: Mapping[str, str], left_out: Mapping[str, str]
) -> None:
    """Record that a call carried values of ours; ``left_out``: those that it sent, and they did not
    set. For a partner that is not read, their value stays the last one received: it does not
    follow what we send."""
    profile, bases = profile_in_use(session, pair.connection), bases_of(pair.bases)
    for name, value in left_out.items():
        if profile.maps.get(name):
            bases[name] = not_set(bases.get(name), value)
    for name, value in values.items():
        theirs = profile.map_of(name).theirs_of(value)
        if theirs is not None:
            over = their_value(pair, name)
            is_one_way = not is_read(pair.connection) and over is not None
            bases[name] = carried(bases.get(name), value, None if is_one_way else theirs, over)
    pair.bases = as_stored(bases)


def note_values_created(
    session: Session, pair: TicketPair, values: Mapping[str, str], left_out: Mapping[str, str]
) -> None:
    """Record that their ticket was created with values of ours; ``left_out``: those that are still
    to be sent, whatever values it has instead."""
    note_values_sent(session, pair, values, {})
    profile, bases = profile_in_use(session, pair.connection), bases_of(pair.bases)
    bases |= {name: Base(None, None) for name in left_out if profile.maps.get(name)}
    pair.bases = as_stored(bases)


def note_text_begun(
    session: Session, pair: TicketPair, moved_by_text: Mapping[str, str], now: datetime
) -> None:
    """Record that a public text of ours is being sent, which may move their state by a rule of
    theirs."""
    bases = bases_of(pair.bases)
    if moved_by_text and _STATE in bases:
        bases[_STATE] = text_begun(bases[_STATE], moved_by_text, now)
        pair.bases = as_stored(bases)


def note_answered(pair: TicketPair) -> None:
    """Record that somebody there wrote a public text: what it moved is not our change."""
    bases = bases_of(pair.bases)
    if _STATE in bases:
        bases[_STATE] = answered(bases[_STATE])
        pair.bases = as_stored(bases)


def set_once_more(session: Session, pair: TicketPair, now: datetime) -> bool:
    """After a text of ours arrived: return whether it may have moved their state. If that is not
    read, our state is sent once more."""
    base = bases_of(pair.bases).get(_STATE)
    if base is None or base.moved is None:
        return False
    if not is_read(pair.connection):
        ticket = session.get_one(Ticket, pair.ticket_number)
        send_value(session, pair, _STATE, value_here(ticket, _STATE), now)
    return True


def first_seen(session: Session, pair: TicketPair, name: str, ours: str, theirs: str) -> Base:
    """Nothing was agreed for a field, and both differ: from now on it is known who changes it. A
    change of ours that is under way counts."""
    is_changed = _is_under_way(session, pair, name)
    return Base(None if is_changed else ours, theirs, is_seen=True)


def send_value(
    session: Session, pair: TicketPair, name: str, ours: str, now: datetime, author: str = ""
) -> None:
    """Send our value, unless it is already under way or nothing is sent to them."""
    if not Direction(pair.connection.direction).pushes or _is_under_way(session, pair, name):
        return
    add_entry(
        session,
        pair,
        Origin.OURS,
        EntryKind.FIELDS,
        {name: ours},
        author=author,
        at=now,
        state=EntryState.WAITING,
    )
    enqueue_pair(session, pair)


def times_of(session: Session, ticket: Ticket, name: str, theirs: datetime | None) -> Times:
    """When both values were set; ``theirs`` None = unknown."""
    if theirs is None:
        return Times()
    ours = session.scalar(
        select(func.max(Change.at, type_=UtcTime))
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(of_kind(TICKET), Change.thing_id == ticket.number, ChangedField.field == name)
    )
    return Times(ours, theirs)


def needs_times(session: Session, pair: TicketPair, reported: Mapping[str, str]) -> bool:
    """Whether the times of their values matter, which ``reported`` contains in their words: both
    sides changed a value that belongs to the last writer."""
    bases = bases_of(pair.bases)
    names = [name for name in reported if may_be_contested(bases.get(name), reported[name])]
    if not names:  # usually: nothing more is loaded
        return False
    profile = profile_in_use(session, pair.connection)
    ticket = session.get_one(Ticket, pair.ticket_number)
    return any(
        name in profile.maps
        and profile.owner_of(name) is Owner.NEWEST
        and _is_contested(profile, bases.get(name), name, value_here(ticket, name), reported[name])
        for name in names
    )


def _is_contested(profile: Profile, base: Base | None, name: str, ours: str, theirs: str) -> bool:
    words, owner = profile.map_of(name), profile.owner_of(name)
    return settle(base, ours, theirs, words, owner).what is Settlement.ASK


def _undecided(session: Session, pair: TicketPair) -> set[str]:
    """Fields for which a person has to choose."""
    contents = session.scalars(
        select(ExchangeEntry.content).where(
            ExchangeEntry.pair_id == pair.id, ExchangeEntry.state == EntryState.ASKED
        )
    )
    return {name for content in contents for name in json.loads(content)}


def _waits(session: Session, pair: TicketPair, name: str, after: int = 0) -> bool:
    """Whether an entry of ours with this field waits."""
    contents = session.scalars(
        select(ExchangeEntry.content).where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.kind == EntryKind.FIELDS,
            ExchangeEntry.state == EntryState.WAITING,
            ExchangeEntry.sequence > after,
        )
    )
    return any(name in json.loads(content) for content in contents)


def _is_under_way(session: Session, pair: TicketPair, name: str) -> bool:
    """Whether our value waits to be sent, or a change that contains it waits to be planned."""
    unplanned = (
        select(Change.id)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(of_kind(TICKET), Change.thing_id == pair.ticket_number, ChangedField.field == name)
        .where(Change.id > planned_up_to(session), Change.door != Door.IMPORT)
        .where(Change.partner_id.is_distinct_from(pair.connection.partner_id))
        .limit(1)
    )
    return _waits(session, pair, name) or session.scalar(unplanned) is not None
