"""What each kind of timed work does, by its name in ``app.domain.work``.

A function returns what came of it in words for operators, and raises where it failed. It is safe to
repeat, and asks ``context.is_ending()`` between two steps where there may be many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from app.domain.work import CLOSE_DUE, DIGESTS
from app.services.tickets import close_due_tickets
from app.worker.context import Context
from app.worker.mails import send_digests

TimedFunction: TypeAlias = Callable[[Context], str]

STEP: Final = 50
"""Tickets in one transaction, so that other writers never wait long."""
_NAMED_AT_MOST: Final = 20


def close_due(context: Context) -> str:
    """Close what has been solved or unsolved for 10 working days."""
    closed: list[int] = []
    while not context.is_ending():
        with context.writing() as session:
            by = context.writer()
            step = close_due_tickets(session, by, by.now, limit=STEP)
        closed += step
        if len(step) < STEP:
            break
    return f"Closed {in_words(closed)}" if closed else "No ticket was due"


def in_words(numbers: Sequence[int]) -> str:
    """How many tickets, and which."""
    named = ", ".join(map(str, numbers[:_NAMED_AT_MOST]))
    more = ", ..." if len(numbers) > _NAMED_AT_MOST else ""
    return f"{len(numbers)} ticket{'' if len(numbers) == 1 else 's'}: {named}{more}"


TIMED: Final[dict[str, TimedFunction]] = {CLOSE_DUE.name: close_due, DIGESTS.name: send_digests}
