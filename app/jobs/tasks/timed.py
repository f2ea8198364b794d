"""What each kind of timed work does, by its name in ``app.jobs.rules.work``.

A function returns what came of it in words for operators, and raises where it failed. It is safe to
repeat, and asks ``context.is_ending()`` between two steps where there may be many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from app.home.services.tidying import Retention, tidy
from app.jobs.rules.work import CLOSE_DUE, DIGESTS, REMINDERS, REPORT_REMINDERS, TIDY
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import send_digests
from app.reports.tasks.reminders import remind_of_reports
from app.tickets.rules.reminders import Step
from app.tickets.services.lifecycle import close_due_tickets
from app.tickets.services.reminders import overdue_replies, take_due_step

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


def remind(context: Context) -> str:
    """Remind of replies that are overdue, and give up those that were reminded of twice."""
    done: dict[Step, list[int]] = {step: [] for step in Step}
    after: int | None = 0
    while after is not None and not context.is_ending():
        with context.reading() as session:
            due, after = overdue_replies(session, context.now(), after)
        for number in due:
            if context.is_ending():
                break
            with context.writing() as session:
                step = take_due_step(session, context.writer(), number)
            if step is not None:
                done[step].append(number)
    told = [
        f"{words} {in_words(done[step])}"
        for step, words in ((Step.REMIND, "Reminded of"), (Step.GIVE_UP, "Gave up"))
        if done[step]
    ]
    return "; ".join(told) or "No reply was overdue"


def tidy_up(context: Context) -> str:
    """Delete what nobody needs any more, and what was kept for as long as the settings say."""
    settings = context.settings
    retention = Retention(
        mails=timedelta(days=settings.mails_kept_days),
        calls=timedelta(days=settings.calls_kept_days),
        refusals=timedelta(days=settings.refusals_kept_days),
    )
    gone: Counter[str] = Counter()
    while not context.is_ending():
        with context.writing() as session:
            step = tidy(session, context.now(), retention)
        gone.update(step.rows)
        if step.is_all:
            break
    deleted = [
        f"{count:,} old {kind.removesuffix('s') if count == 1 else kind}"
        for kind, count in gone.items()
        if count
    ]
    return f"Deleted {', '.join(deleted)}" if deleted else "Nothing was old enough"


def in_words(numbers: Sequence[int]) -> str:
    """How many tickets, and which."""
    named = ", ".join(map(str, numbers[:_NAMED_AT_MOST]))
    more = ", ..." if len(numbers) > _NAMED_AT_MOST else ""
    return f"{len(numbers)} ticket{'' if len(numbers) == 1 else 's'}: {named}{more}"


TIMED: Final[dict[str, TimedFunction]] = {
    CLOSE_DUE.name: close_due,
    REMINDERS.name: remind,
    DIGESTS.name: send_digests,
    REPORT_REMINDERS.name: remind_of_reports,
    TIDY.name: tidy_up,
}
