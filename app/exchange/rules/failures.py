"""What the outcome of a call to a partner means, and how long to wait before the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

SHARE_OF_SLOW: Final = 6
"""After a call without success that took the longest that one may, the partner is left alone for so
many times that: what is slow or drips uses no more than a seventh of a worker."""
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
    """Not done, and would not be the next time: a person decides at once."""


@dataclass(frozen=True)
class Failure:
    """A call that did not succeed. ``reason`` is for operators and holds no secret."""

    outcome: Outcome
    reason: str
    retry_after: timedelta | None = None
    """What the partner asked for (``Retry-After``)."""
    status: int = 0
    """The HTTP status that it answered; 0 = there was no answer."""

    waited: timedelta = timedelta(0)
    """How long it was waited for, where that was the longest that a call may take; else zero."""

    @property
    def is_away(self) -> bool:
        """Whether nothing is known of the partner's own system: it did not answer, or whatever
        is before it did."""
        is_bare = self.outcome is Outcome.TRANSIENT and is_of_gateways(self.status)
        return self.status == 0 or self.status >= 500 or is_bare


def outcome_of_status(status: int, *, is_own: bool) -> Outcome:
    """What an HTTP status other than success says of a call that writes. ``is_own``: its body is
    an error in the form of the partner's own system.

    A server or a gateway that answers 5xx may have written before it failed. 408, 425 and 429 are
    refusals to look at the request. 3xx, 403, 404 and 405 come from whatever is before the
    partner's system, unless that says so itself. The other 4xx are about what was asked.
    """
    if status in (408, 425, 429) or (is_of_gateways(status) and not is_own):
        return Outcome.TRANSIENT
    return Outcome.PERMANENT if 300 <= status < 500 else Outcome.UNKNOWN


def is_of_gateways(status: int) -> bool:
    """Whether proxies and gateways answer so by themselves."""
    return 300 <= status < 400 or status in (403, 404, 405)


def pause_after(attempts: int, chance: float, asked: timedelta | None = None) -> timedelta:
    """The pause after so many failed attempts (1 = the first): 5 s, doubled each time, up to a
    day, each by half to one and a half of it (``chance`` from 0 to 1), so that not all come back at
    once. What the partner asked for is waited at least, up to a day."""
    doubled: int = 2 ** min(attempts - 1, _DOUBLINGS)
    pause = min(FIRST_PAUSE * doubled, LONGEST_PAUSE)
    pause = min(pause * (0.5 + chance), LONGEST_PAUSE)
    return min(max(pause, asked), LONGEST_PAUSE) if asked is not None else pause
