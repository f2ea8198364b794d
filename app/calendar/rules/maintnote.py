"""MAINTNOTE's words for planned work, and those of the portal's tickets for the same.

MAINTNOTE (draft NANOG BCOP 0.1, github.com/jda/maintnote-std/blob/master/standard.md) is an
iCalendar event with fields of its own. Providers' notices are read with these words
(``app.notices``), and the portal's own work is told in them (``app.calendar.adapters``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.tickets.rules.tickets import Impact, State


class Status(StrEnum):
    """X-MAINTNOTE-STATUS."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    IN_PROCESS = "IN-PROCESS"
    COMPLETED = "COMPLETED"


IMPACTS: Final[Mapping[str, Impact]] = {
    "NO-IMPACT": Impact.NONE,
    "REDUCED-REDUNDANCY": Impact.REDUCED,
    "DEGRADED": Impact.DEGRADED,
    "OUTAGE": Impact.OUTAGE,
}
"""X-MAINTNOTE-IMPACT; any other value is an outage, as the standard says."""
IMPACT_WORDS: Final[Mapping[str, str]] = {
    **{impact: word for word, impact in IMPACTS.items()},
    Impact.UNKNOWN: "OUTAGE",
}
"""A ticket's impact in MAINTNOTE's words; what nobody stated is the standard's default."""
_STATUSES: Final[Mapping[str, Status]] = {
    State.NEW: Status.CONFIRMED,
    State.ASSIGNED: Status.CONFIRMED,
    State.IN_PROGRESS: Status.IN_PROCESS,
    State.WAITING: Status.CONFIRMED,
    State.ON_HOLD: Status.TENTATIVE,
    State.REOPENED: Status.CONFIRMED,
    State.SOLVED: Status.COMPLETED,
    State.UNSOLVED: Status.CANCELLED,
    State.VERIFIED: Status.COMPLETED,
    State.CLOSED: Status.COMPLETED,
}


def status_of(state: str, *, is_cancelled: bool, is_agreed: bool, has_begun: bool) -> Status:
    """The status of planned work whose ticket is in ``state``.

    ``is_cancelled``: the ticket ended unsolved, also where it was closed since. ``is_agreed``: no
    site is still to accept it. ``has_begun``: its window had started when the ticket was last
    changed; by that, and not by now, one SEQUENCE never has two statuses.
    """
    if is_cancelled:
        return Status.CANCELLED
    status = _STATUSES[state]
    if status is Status.IN_PROCESS and not has_begun:
        status = Status.CONFIRMED  # somebody prepares it
    if status is Status.CONFIRMED and not is_agreed:
        return Status.TENTATIVE
    return status
