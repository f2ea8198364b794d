"""Reads a whole ticket of theirs, with its texts, values and new files, and stores it, some texts
in each transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError

from app.core.rules.attached_files import LIMIT_IN_WORDS, SIZE_LIMIT
from app.core.rules.texts import SHORT_TEXT_LIMIT, storable_text
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.budget import TEXTS_AT_ONCE, Budget
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.partner import CallFailed, PartnerSystem
from app.exchange.rules.reading import TheirFile, TheirTicket, beginnings_in
from app.exchange.services.deliveries import Claim
from app.exchange.services.reading import (
    Looked,
    Stored,
    known_files,
    look,
    pair_of_their_id,
    stored_for,
    take_in,
    take_new,
    without_pair,
)
from app.exchange.services.values import needs_times
from app.jobs.tasks.context import Context

MOST_LOOKED_AT: Final = 30
"""Tickets of ours without a pair that are read before a second create."""
CLOCKS: Final = timedelta(days=1)
"""How far a partner's clock may be behind ours, which is compared with its tickets' times."""
_UNFORESEEN: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RecursionError, TypeError, ValueError),
)
"""What a kind raises on an answer that it did not expect."""


def read_whole(
    context: Context,
    system: PartnerSystem,
    connection_id: int,
    their_id: str,
    budget: Budget | None = None,
) -> tuple[TheirTicket, Stored | None]:
    """Read a ticket, and fetch the unknown files, as many as the budget allows. No transaction is
    open meanwhile. Also returns what is stored for its pair, None = it has no pair. Raises
    ``CallFailed``."""
    asked_at, budget = context.now(), budget or Budget(context.now)
    budget.spend(calls=1)
    ticket = _read_ticket(system, their_id)
    storable = [
        replace(
            text,
            text=storable_text(text.text),
            author=storable_text(text.author, SHORT_TEXT_LIMIT),
        )
        for text in ticket.texts
    ]
    keys = frozenset(file.key for text in ticket.texts for file in text.files)
    ticket = replace(ticket, texts=storable, asked_at=asked_at, file_keys=keys)
    stored, is_timed = None, False
    with context.reading() as session:
        if (pair := pair_of_their_id(session, connection_id, ticket.id)) is not None:
            stored = stored_for(session, pair, ticket)
            is_timed = needs_times(session, pair, ticket.values)
    if is_timed:
        ticket = replace(ticket, times=_times(system, ticket.id))
    if not any(text.files and not text.by_us for text in ticket.texts):
        return ticket, stored
    with context.reading() as session:
        known = known_files(session, connection_id, their_id)
    texts, is_cut, fetched = [], False, 0
    for text in ticket.texts:
        files = []
        for file in text.files:
            if text.by_us or file.key in known:
                continue
            if fetched and budget.is_spent:
                is_cut = True
                continue
            files.append(_fetched(file))
            fetched += 1
            budget.spend(calls=1)
        texts.append(replace(text, files=files))
    return replace(ticket, texts=texts, is_cut=is_cut), stored


@dataclass(frozen=True)
class Taken:
    """The result for a ticket that was read. ``is_whole``: nothing is left to be stored;
    ``their_id``: that of its pair now, "" = it has no pair or a new one."""

    is_whole: bool
    their_id: str = ""


def take_read(
    context: Context,
    connection_id: int,
    ticket: TheirTicket,
    stored: Stored | None,
    budget: Budget,
) -> Taken | None:
    """Store a ticket that was read, or create one for it, until the budget is spent: the next read
    stores the rest. ``stored``: as ``read_whole`` returned it. None = the connection is stopped,
    so nothing is stored. What is new is determined before anything is locked."""
    looked: Looked | None = look(stored, ticket) if stored is not None else None
    is_first = True
    while True:
        try:
            with context.transaction() as session:
                if session.get_one(Connection, connection_id).stopped_at is not None:
                    return None
                pair = pair_of_their_id(session, connection_id, ticket.id)
                key = pair.id if pair is not None else None
                if key is None:
                    key = take_new(session, connection_id, ticket, context.now())
                if key is None:
                    return Taken(is_whole=True)
                looked = take_in(session, key, ticket, context.now(), looked)
                on = (pair.their_id or "") if pair is not None else ""
        except IntegrityError:  # another worker stored the same ticket at this moment
            if not is_first:
                raise
            is_first, looked = False, None
            continue
        if looked is None:
            return Taken(not ticket.is_cut, on)
        budget.spend(texts=TEXTS_AT_ONCE)
        # not the time: the read of a long ticket alone may need it, and is repeated each turn
        if context.is_ending() or budget.texts <= 0:
            return Taken(is_whole=False, their_id=on)


def look_up(
    context: Context, system: PartnerSystem, pair_id: int, claimed: Claim, budget: Budget
) -> Sequence[str]:
    """The tickets there that are this ticket of ours: found by our reference or, if the outcome of
    a create is unknown, among those that our account created since it started. Each of these
    without a pair is read by its id: an index is not used, since it may be delayed, even
    forever. Raises ``CallFailed``, for a person, if there are more of them than can be read."""
    ids = system.find(claimed.reference)
    if ids or claimed.begun is None:
        return ids
    with context.reading() as session:
        connection_id = session.get_one(TicketPair, pair_id).connection_id
    found: list[str] = []
    looked_at, cursor = 0, ""
    while True:
        page = system.ours(claimed.begun - CLOCKS, cursor)
        with context.reading() as session:
            ids = without_pair(session, connection_id, page.ids)
        for their_id in ids:
            if (looked_at := looked_at + 1) > MOST_LOOKED_AT:
                reason = f"Too many tickets of ours there have no pair: is one {claimed.reference}?"
                raise CallFailed(Failure(Outcome.PERMANENT, reason))
            ticket = _read_ticket(system, their_id)
            if ticket.merged_into:
                ticket = _read_ticket(system, ticket.merged_into)
            budget.spend(calls=1)
            if claimed.number in beginnings_in(ticket):
                found.append(their_id)
        if not (cursor := page.cursor):
            return found


def _read_ticket(system: PartnerSystem, their_id: str) -> TheirTicket:
    try:
        return system.read(their_id)
    except _UNFORESEEN as error:  # of this ticket alone: the others continue
        reason = f"Their ticket {their_id} cannot be read: {type(error).__name__}: {error}"
        raise CallFailed(Failure(Outcome.PERMANENT, reason[:300])) from error


def _times(system: PartnerSystem, their_id: str) -> Mapping[str, datetime]:
    """When its values were set. Without the right to know it, a person is asked."""
    try:
        return system.times(their_id)
    except CallFailed as error:
        if error.failure.outcome is Outcome.PERMANENT:
            return {}
        raise


def _fetched(file: TheirFile) -> TheirFile:
    """The file with its content, or with the reason why it is not accepted."""
    if file.size > SIZE_LIMIT:
        return replace(file, problem=f"Larger than {LIMIT_IN_WORDS} ({file.size} bytes)")
    if file.load is None:
        return file
    try:
        return replace(file, content=file.load())
    except CallFailed as error:
        if error.failure.outcome is Outcome.TRANSIENT:
            raise
        return replace(file, problem=error.failure.reason)
