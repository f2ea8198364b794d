"""One of their tickets, read whole: its texts, its values, and those of its files that are new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from app.core.rules.attached_files import LIMIT_IN_WORDS, SIZE_LIMIT
from app.core.rules.texts import SHORT_TEXT_LIMIT, storable_text
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.partner import CallFailed, PartnerSystem
from app.exchange.rules.reading import TheirFile, TheirTicket
from app.exchange.services.readings import known_files, pair_of_their_id
from app.exchange.services.values import needs_times
from app.jobs.tasks.context import Context

_UNFORESEEN: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RecursionError, TypeError, ValueError),
)
"""What a kind raises where it did not think of an answer."""


def read_whole(
    context: Context, system: PartnerSystem, connection_id: int, their_id: str
) -> TheirTicket:
    """Read a ticket, and fetch the files that are not known. Nothing is open in the database
    meanwhile. Raises ``CallFailed``."""
    asked_at = context.now()
    try:
        ticket = system.read(their_id)
    except _UNFORESEEN as error:  # of this ticket alone: the others go on
        reason = f"Their ticket {their_id} cannot be read: {type(error).__name__}: {error}"
        raise CallFailed(Failure(Outcome.PERMANENT, reason[:300])) from error
    storable = [
        replace(
            text,
            text=storable_text(text.text),
            author=storable_text(text.author, SHORT_TEXT_LIMIT),
        )
        for text in ticket.texts
    ]
    times = _times(context, system, connection_id, ticket)
    ticket = replace(ticket, texts=storable, times=times, asked_at=asked_at)
    if not any(text.files and not text.by_us for text in ticket.texts):
        return ticket
    with context.reading() as session:
        known = known_files(session, connection_id, their_id)
    texts = [
        replace(
            text,
            files=[_fetched(one) for one in text.files if not text.by_us and one.key not in known],
        )
        for text in ticket.texts
    ]
    return replace(ticket, texts=texts)


def _times(
    context: Context, system: PartnerSystem, connection_id: int, ticket: TheirTicket
) -> Mapping[str, datetime]:
    """When its values were set, where that decides. Who may not know it asks a person."""
    with context.reading() as session:
        pair = pair_of_their_id(session, connection_id, ticket.id)
        if pair is None or not needs_times(session, pair, ticket.values):
            return {}
    try:
        return system.times(ticket.id)
    except CallFailed as error:
        if error.failure.outcome is Outcome.PERMANENT:
            return {}
        raise


def _fetched(file: TheirFile) -> TheirFile:
    """The file with its content, or with the reason why it is not taken."""
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
