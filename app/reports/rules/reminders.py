"""When the portal reminds of a quarterly report that is not submitted.

A week before the due day, on it, a week after it, and then every two weeks three times more. Each
step holds until the next one: a portal that was down sends the newest step alone, and one that is
new reminds of nothing that was due long ago. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.reports.rules.reports import due_at

BEFORE: Final = 7
"""Days before the due day of the first reminder."""
AFTER: Final = (7, 21, 35, 49)
"""Days after the due day of the later ones."""
LAST_HOLDS: Final = 14
"""Days for which the last step is made up where the portal was down."""
BY_HAND: Final = "by hand "
"""How the name of a reminder begins that the chair sent; the day is behind."""


@dataclass(frozen=True, order=True)
class ReminderStep:
    """A reminder, by its days after the due day; before it they are below zero."""

    days: int

    @property
    def name(self) -> str:
        """As it is stored."""
        if self.days == 0:
            return "on the due day"
        if self.days < 0:
            return f"{-self.days} days before it"
        return f"{self.days} days after it"

    @property
    def words(self) -> str:
        """As people read it."""
        if self.days == 0:
            return _("on the due date")
        if self.days < 0:
            return _("%(days)s days before the due date", days=-self.days)
        return _("%(days)s days after the due date", days=self.days)


STEPS: Final[Sequence[ReminderStep]] = tuple(ReminderStep(days) for days in (-BEFORE, 0, *AFTER))


def step_in_words(stored: str) -> str:
    """A reminder, named as it is stored, as people read it: ``21 days after the due date``."""
    if stored.startswith(BY_HAND):
        return _("sent by hand")
    return next((step.words for step in STEPS if step.name == stored), stored)


def due_day(quarter: Quarter, due_days: int) -> datetime:
    """The first moment of the last day on which a report is not late."""
    return due_at(quarter, due_days) - timedelta(days=1)


def step_at(quarter: Quarter, due_days: int, step: ReminderStep) -> datetime:
    """When a step is due."""
    return due_day(quarter, due_days) + timedelta(days=step.days)


def steps_of(quarter: Quarter, due_days: int) -> Sequence[ReminderStep]:
    """The reminders of a quarter; none before it has ended, when nothing can be submitted yet."""
    return [one for one in STEPS if step_at(quarter, due_days, one) >= quarter.end]


def step_due(quarter: Quarter, due_days: int, now: datetime) -> ReminderStep | None:
    """The step that holds now, None before the first one and when the last one is over."""
    begun = [one for one in steps_of(quarter, due_days) if step_at(quarter, due_days, one) <= now]
    return begun[-1] if begun and now < _over(quarter, due_days) else None


def next_step(quarter: Quarter, due_days: int, now: datetime) -> ReminderStep | None:
    """The first step that is still ahead."""
    return next(
        (one for one in steps_of(quarter, due_days) if step_at(quarter, due_days, one) > now), None
    )


def quarters_reminded_of(due_days: int, now: datetime) -> Sequence[Quarter]:
    """The quarters that have ended and of which reminders are sent or ahead, oldest first."""
    return sorted(_ended(due_days, now))


def _ended(due_days: int, now: datetime) -> Iterator[Quarter]:
    quarter = Quarter.of(now).previous
    while now < _over(quarter, due_days):
        yield quarter
        quarter = quarter.previous


def _over(quarter: Quarter, due_days: int) -> datetime:
    return step_at(quarter, due_days, STEPS[-1]) + timedelta(days=LAST_HOLDS)
