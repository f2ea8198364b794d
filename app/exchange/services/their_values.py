"""What happens here to their values: accepted, left to a person, or shown (``settle``).

All reads of their ticket use ``take_values``; a person's choice uses ``set_theirs``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, ActorKind, Door, TicketAccess, Writer
from app.core.rules.errors import PortalError
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.fields import Owner
from app.exchange.rules.ledger import Origin
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import TheirTicket
from app.exchange.rules.settle import (
    Base,
    Settlement,
    Why,
    agreed,
    as_stored,
    bases_of,
    settle,
    to_be_sent,
)
from app.exchange.services.entries import add_entry
from app.exchange.services.planning import profile_in_use
from app.exchange.services.questions import ask, end_questions
from app.exchange.services.values import first_seen, is_older, send_value, times_of, value_here
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import ENDED_STATES
from app.tickets.services.lifecycle import change_ticket


def writer_of(connection: Connection, now: datetime, author: str = "") -> Writer:
    """The partner as the actor for what was read."""
    actor = Actor(
        kind=ActorKind.PARTNER,
        account=connection.partner.code,
        partner_id=connection.partner_id,
        partner_code=connection.partner.code,
        access=TicketAccess.ALL,
        internal=True,
    )
    return Writer(actor=actor, door=Door.EXCHANGE, now=now, author=author)


def take_values(
    session: Session, pair: TicketPair, ticket: Ticket, read: TheirTicket, now: datetime
) -> None:
    """Reconcile mapped values, as ``settle`` decides. Remaining differences are named."""
    if is_older(session, pair, read.asked_at):
        return
    profile, bases = profile_in_use(session, pair.connection), bases_of(pair.bases)
    note_their_values(pair, profile, read)
    for name, rows in profile.maps.items():
        if not rows or name not in read.values:
            continue
        words, theirs, owner = profile.map_of(name), read.values[name], profile.owner_of(name)
        ours, base = value_here(ticket, name), bases.get(name)
        if base is not None and base.theirs is None:  # what is read first is the start
            base = bases[name] = replace(base, theirs=theirs)
        times = times_of(session, ticket, name, read.times.get(name))
        settled = settle(base, ours, theirs, words, owner, times)
        if settled.what is Settlement.ASK:
            ask(session, pair, name, words.ours_of(theirs.casefold()) or theirs, now)
            continue
        end_questions(session, pair, name, now)
        if settled.what is Settlement.NOTHING:
            bases[name] = agreed(base, ours, theirs, now)
        elif settled.what is Settlement.TAKE:
            if _take_value(session, pair, name, words.all_of(theirs), now):
                bases[name] = Base(value_here(ticket, name), theirs)
        elif settled.what is Settlement.SEND:
            bases[name] = to_be_sent(base, theirs)
            send_value(session, pair, name, ours, now)
        elif base is None and owner is not Owner.US:
            bases[name] = first_seen(session, pair, name, ours, theirs)
        if settled.why in _SAID:
            text = _SAID[settled.why].format(name=name, ours=ours, theirs=theirs)
            pair.reason = text[:500]
    pair.bases = as_stored(bases)


_SAID: Final[Mapping[Why | None, str]] = {
    Why.NO_WORD_OF_THEIRS: "No mapping for their {name} {theirs!r}; add one",
    Why.NO_WORD_OF_OURS: "No mapping for our {name} {ours!r}; add one",
    Why.NOT_KEPT: "{name}: they do not accept our {ours!r}",
}
"""Why values stay different; without a known reason the two values are shown alone."""


def note_their_values(pair: TicketPair, profile: Profile, read: TheirTicket) -> None:
    """Store the values of mapped fields, in their words, to compare them with ours."""
    values = {name: read.values[name] for name in profile.maps if name in read.values}
    pair.their_values = json.dumps(values, ensure_ascii=False)


def _take_value(
    session: Session, pair: TicketPair, name: str, meant: Sequence[str], now: datetime
) -> bool:
    """Their value becomes ours: the first of its possible meanings that our ticket may be moved to;
    return whether it did. A move that is not allowed here is recorded, not forced: once, however
    often it is read."""
    by, reason, value = writer_of(pair.connection, now), "", meant[0]
    if _is_recorded(session, pair, {name: value}):
        return False
    try:
        value = set_theirs(session, by, pair, name, meant)
    except PortalError as error:
        reason = error.message
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        EntryKind.FIELDS,
        {name: value},
        author=by.shown_author,
        at=now,
        state=EntryState.RECORDED if reason else EntryState.APPLIED,
        reason=reason[:500],
    )
    return not reason


def set_theirs(
    session: Session, by: Writer, pair: TicketPair, name: str, meant: Sequence[str]
) -> str:
    """Set a value of theirs on our ticket: the first of its possible meanings that is allowed. If
    none is, raises the error of the first one."""
    refused: PortalError | None = None
    for value in meant:
        wanted = {name: value}
        if name == "state" and value in ENDED_STATES:
            wanted["solution"] = solution_of(session, pair)
        try:
            with session.begin_nested():
                change_ticket(session, by, pair.ticket_number, wanted)
        except PortalError as error:
            refused = refused or error
        else:
            return value
    assert refused is not None, "each value has a word"
    raise refused


def solution_of(session: Session, pair: TicketPair) -> str:
    """The solution of a partner's ticket: its last text, because few systems have a field for
    it."""
    ticket = session.get_one(Ticket, pair.ticket_number)
    if ticket.solution:
        return ticket.solution
    last = session.scalars(
        select(ExchangeEntry.content)
        .where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.THEIRS,
            ExchangeEntry.kind == EntryKind.COMMENT,
        )
        .order_by(ExchangeEntry.sequence.desc())
        .limit(1)
    ).first()
    where = pair.connection.partner.code
    return str(json.loads(last)["text"]) if last else f"Solved at {where}, without a word on how"


def _is_recorded(session: Session, pair: TicketPair, content: Mapping[str, str]) -> bool:
    """Whether the newest entry of theirs about this field has the same content, and is not
    allowed."""
    newest = session.scalars(
        select(ExchangeEntry)
        .where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.THEIRS,
            ExchangeEntry.kind == EntryKind.FIELDS,
        )
        .order_by(ExchangeEntry.sequence.desc())
    )
    for entry in newest:
        recorded = json.loads(entry.content)
        if recorded.keys() & content.keys():
            return entry.state == EntryState.RECORDED and bool(recorded == content)
    return False
