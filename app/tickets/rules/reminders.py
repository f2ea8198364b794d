"""When the portal reminds of a ticket that waits for a reply, and when it gives the reply up.

As GGUS did: a reminder after 5 and after 10 working days, unsolved after 5 more. Counting begins at
the newest move to "waiting for reply"; an answer, any public comment but the portal's own, begins
it again (the submitter's own answer moves the ticket to "in progress" by itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.tickets.rules.working_time import add_working_days

REMINDER: Final = "reminder"
"""The field of the change log that holds reminders."""
DAYS_BETWEEN: Final = 5
"""Working days from the beginning to the first reminder, and from each step to the next."""
REMINDERS: Final = 2
PUNCTUAL: Final = timedelta(hours=1)
"""A reminder that came no later than this after it was due does not move the next step; one that
came later (the portal was down) does, so that nobody is given less time to reply."""


class WaitingStep(StrEnum):
    """What is to be done about a ticket that waits."""

    REMIND = "remind"
    GIVE_UP = "give up"


def next_step_at(since: datetime, reminded: Sequence[datetime]) -> datetime:
    """When the next step is due, of a ticket that waits ``since`` then and of whose reply the
    portal has ``reminded`` at these times; all UTC."""
    due = add_working_days(since, DAYS_BETWEEN)
    for made in reminded:
        due = add_working_days(due if made - due <= PUNCTUAL else made, DAYS_BETWEEN)
    return due


def due_step(since: datetime, reminded: Sequence[datetime], as_of: datetime) -> WaitingStep | None:
    """What is to be done at ``as_of``; None = nothing yet. One step at a time."""
    if as_of < next_step_at(since, reminded):
        return None
    return WaitingStep.REMIND if len(reminded) < REMINDERS else WaitingStep.GIVE_UP


def in_words(number: int) -> str:
    """The value of the log's field: which reminder of how many."""
    return f"{number} of {REMINDERS}"


def reason_to_give_up(reminded: Sequence[datetime]) -> str:
    """The public comment with which a ticket becomes unsolved."""
    days = " and ".join(f"{made:%Y-%m-%d}" for made in reminded)
    return (
        f"No reply, although the portal sent reminders on {days} (UTC). The ticket is now unsolved;"
        " reopen it when there is a reply."
    )
