"""What the portal does to tickets when time has passed: closes them, reminds, gives up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.jobs.tasks.context import Context
from app.tickets.rules.reminders import WaitingStep
from app.tickets.services.lifecycle import close_due_tickets
from app.tickets.services.reminders import overdue_replies, take_due_step

STEP: Final = 50
"""Tickets in one transaction, so that other writers never wait long."""

_NAMED_AT_MOST: Final = 20


def close_due(context: Context) -> str:
    """Close what has been solved or unsolved for 10 working days."""
    closed: list[int] = []
    while not context.is_ending():
        with context.transaction() as session:
            by = context.writer()
            step = close_due_tickets(session, by, by.now, limit=STEP)
        closed += step
        if len(step) < STEP:
            break
    return f"Closed {in_words(closed)}" if closed else "No ticket was due"


def remind(context: Context) -> str:
    """Remind of replies that are overdue, and give up those that were reminded of twice."""
    done: dict[WaitingStep, list[int]] = {step: [] for step in WaitingStep}
    after: int | None = 0
    while after is not None and not context.is_ending():
        with context.reading() as session:
            due, after = overdue_replies(session, context.now(), after)
        for number in due:
            if context.is_ending():
                break
            with context.transaction() as session:
                step = take_due_step(session, context.writer(), number)
            if step is not None:
                done[step].append(number)
    reminded = [
        f"{words} {in_words(done[step])}"
        for step, words in ((WaitingStep.REMIND, "Reminded of"), (WaitingStep.GIVE_UP, "Gave up"))
        if done[step]
    ]
    return "; ".join(reminded) or "No reply was overdue"


def in_words(numbers: Sequence[int]) -> str:
    """How many tickets, and which."""
    named = ", ".join(map(str, numbers[:_NAMED_AT_MOST]))
    more = ", ..." if len(numbers) > _NAMED_AT_MOST else ""
    return f"{len(numbers)} ticket{'' if len(numbers) == 1 else 's'}: {named}{more}"
