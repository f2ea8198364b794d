"""What the outcome of a call to a partner means, and how long to wait before the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(days=1)
_DOUBLINGS: Final = 15
"""5 s doubled so often is more than a day."""


class Outcome(StrEnum):
    """What is known of a call that did not succeed (decisions, section 14)."""

    TRANSIENT = "transient"
    """Certainly not done; to be tried again."""
    UNKNOWN = "unknown"
    """It may have been done: looked up before it is tried again."""
    PERMANENT = "permanent"
    """Not done, and would not be the next time: a person is asked at once."""


@dataclass(frozen=True)
class Failure:
    """A call that did not succeed. ``reason`` is for operators and holds no secret."""

    outcome: Outcome
    reason: str
    retry_after: timedelta | None = None
    """What the partner asked for (``Retry-After``)."""
    status: int = 0
    """The HTTP status that it answered; 0 = there was no answer."""


def outcome_of_status(status: int) -> Outcome:
    """What an HTTP status other than success says of a call that writes.

    A server or a gateway that answers 5xx may have written before it failed. 408, 425 and 429 are
    refusals to look at the request; the other 4xx are about what was asked.
    """
    if status in (408, 425, 429):
        return Outcome.TRANSIENT
    if 400 <= status < 500:
        return Outcome.PERMANENT
    return Outcome.UNKNOWN


def pause_after(attempts: int, chance: float, asked: timedelta | None = None) -> timedelta:
    """The pause after so many failed attempts (1 = the first): 5 s, doubled each time, up to a
    day, each by half to one and a half of it (``chance`` from 0 to 1), so that not all come back at
    once. What the partner asked for is waited at least, up to a day."""
    doubled: int = 2 ** min(attempts - 1, _DOUBLINGS)
    pause = min(FIRST_PAUSE * doubled, LONGEST_PAUSE)
    pause = min(pause * (0.5 + chance), LONGEST_PAUSE)
    return min(max(pause, asked), LONGEST_PAUSE) if asked is not None else pause
