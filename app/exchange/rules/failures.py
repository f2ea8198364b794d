"""What the outcome of a call to a partner means, and the pause before the next one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.jobs.rules.jobs import growing_pause

SHARE_OF_SLOW: Final = 6
"""After a failed call of the longest allowed duration, the partner is not called for this many
times that duration: a slow or dripping system uses at most a seventh of a worker."""
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(days=1)


class Outcome(StrEnum):
    """What is known about a failed call (decisions, section 14)."""

    TRANSIENT = "transient"
    """Certainly not done; to be retried."""
    UNKNOWN = "unknown"
    """May have been done: looked up before it is retried."""
    PERMANENT = "permanent"
    """Not done, and a retry would fail, too: a person decides at once."""


@dataclass(frozen=True)
class Failure:
    """A failed call. ``reason`` is for operators and contains no secret."""

    outcome: Outcome
    reason: str
    retry_after: timedelta | None = None
    """The pause that the partner requested (``Retry-After``)."""
    status: int = 0
    """The HTTP status of the answer; 0 = no answer."""

    waited: timedelta = timedelta(0)
    """How long the call waited, if that was the maximum of a call; else zero."""

    @property
    def is_away(self) -> bool:
        """Whether nothing is known of the partner's own system: there was no answer, or only from
        a gateway."""
        is_bare = self.outcome is Outcome.TRANSIENT and is_of_gateways(self.status)
        return self.status == 0 or self.status >= 500 or is_bare


def outcome_of_status(status: int, *, is_own: bool) -> Outcome:
    """What an HTTP status other than success means for a call that writes. ``is_own``: the body is
    an error in the format of the partner's own system.

    A server or a gateway that answers 5xx may have written before it failed. 408, 425 and 429 mean
    that the request was not examined. 3xx, 403, 404 and 405 come from a gateway in front of the
    partner's system, unless the body is the system's own. The other 4xx are about the request.
    """
    if status in (408, 425, 429) or (is_of_gateways(status) and not is_own):
        return Outcome.TRANSIENT
    return Outcome.PERMANENT if 300 <= status < 500 else Outcome.UNKNOWN


def is_of_gateways(status: int) -> bool:
    """Whether proxies and gateways themselves give this answer."""
    return 300 <= status < 400 or status in (403, 404, 405)


def pause_after(attempts: int, chance: float, requested: timedelta | None = None) -> timedelta:
    """The pause after so many failed attempts (1 = the first): 5 s, doubled each time, up to a day,
    multiplied by a factor from 0.5 to 1.5 (``chance`` from 0 to 1), so that not all are retried
    together. At least what the partner requested, up to a day."""
    pause = growing_pause(attempts, FIRST_PAUSE, LONGEST_PAUSE)
    pause = min(pause * (0.5 + chance), LONGEST_PAUSE)
    return min(max(pause, requested), LONGEST_PAUSE) if requested is not None else pause
