"""The status of planned work, by the state of its ticket.

The words are those of MAINTNOTE, in which providers announce their work (``app.notices``) and the
portal announces its own (``app.calendar.adapters``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.tickets.rules.tickets import State


class WorkStatus(StrEnum):
    """The status of planned work."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    IN_PROCESS = "IN-PROCESS"
    COMPLETED = "COMPLETED"


_STATUSES: Final[Mapping[str, WorkStatus]] = {
    State.NEW: WorkStatus.CONFIRMED,
    State.ASSIGNED: WorkStatus.CONFIRMED,
    State.IN_PROGRESS: WorkStatus.IN_PROCESS,
    State.WAITING: WorkStatus.CONFIRMED,
    State.ON_HOLD: WorkStatus.TENTATIVE,
    State.REOPENED: WorkStatus.CONFIRMED,
    State.SOLVED: WorkStatus.COMPLETED,
    State.UNSOLVED: WorkStatus.CANCELLED,
    State.VERIFIED: WorkStatus.COMPLETED,
    State.CLOSED: WorkStatus.COMPLETED,
}


def status_of(state: str, *, is_cancelled: bool, is_agreed: bool, has_begun: bool) -> WorkStatus:
    """The status of planned work whose ticket is in ``state``.

    ``is_cancelled``: the ticket ended unsolved, also where it was closed since. ``is_agreed``: no
    site is still to accept it. ``has_begun``: its window had started when the ticket was last
    changed; by that, and not by now, one SEQUENCE never has two statuses.
    """
    if is_cancelled:
        return WorkStatus.CANCELLED
    status = _STATUSES[state]
    if status is WorkStatus.IN_PROCESS and not has_begun:
        status = WorkStatus.CONFIRMED  # somebody prepares it
    if status is WorkStatus.CONFIRMED and not is_agreed:
        return WorkStatus.TENTATIVE
    return status
