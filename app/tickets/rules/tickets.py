"""A network ticket's vocabulary and the one table of its allowed moves.

States, priorities and their meaning are those of GGUS (support staff guide); categories, layers,
impacts and networks those of the LHCOPN operational model.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed
from app.core.rules.language import _


class State(StrEnum):
    """States of a ticket in GGUS's spelling."""

    NEW = "new"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in progress"
    WAITING = "waiting for reply"
    ON_HOLD = "on hold"
    REOPENED = "reopened"
    SOLVED = "solved"
    UNSOLVED = "unsolved"
    VERIFIED = "verified"
    CLOSED = "closed"


OPEN_STATES: Final = (
    State.NEW,
    State.ASSIGNED,
    State.IN_PROGRESS,
    State.WAITING,
    State.ON_HOLD,
    State.REOPENED,
)
CLOSED_STATES: Final = (State.SOLVED, State.UNSOLVED, State.VERIFIED, State.CLOSED)
ENDED_STATES: Final = (State.SOLVED, State.UNSOLVED)
"""Closed, but may still be reopened, verified or closed for good."""
FINAL_STATES: Final = (State.VERIFIED, State.CLOSED)
CREATION_STATES: Final = (State.NEW, State.ASSIGNED)

WORKING_DAYS_TO_CLOSE: Final = 10
"""Working days after solved/unsolved after which GGUS closes a ticket by itself."""


class Priority(StrEnum):
    """GGUS priorities; ``normal`` exists at the SOAP door only and is stored as sent."""

    LESS_URGENT = "less urgent"
    NORMAL = "normal"
    URGENT = "urgent"
    VERY_URGENT = "very urgent"
    TOP = "top priority"


class Category(StrEnum):
    """What kind of thing a ticket reports."""

    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    CHANGE = "change"
    INFORMATIONAL = "informational"
    TEST = "test"


class Layer(StrEnum):
    """Where in the network the cause lies: circuit (L1/L2), router or prefix (L3), ..."""

    L2 = "L1/L2"
    L3 = "L3"
    PERFORMANCE = "performance"
    OTHER = "other"
    UNKNOWN = "unknown"


class Impact(StrEnum):
    """What users of the network notice, in the words of the MAINTNOTE standard."""

    NONE = "none"
    REDUCED = "reduced redundancy"
    DEGRADED = "degraded"
    OUTAGE = "outage"
    UNKNOWN = "unknown"


DEFAULT_UNIT: Final = "TPM"
"""GGUS's first line support (ticket process managers)."""
DEFAULT_TYPE_OF_PROBLEM: Final = "Other"

GGUS_CATEGORIES: Final[dict[str, tuple[Category, Layer | None]]] = {
    "Incident": (Category.INCIDENT, None),
    "Incident L2": (Category.INCIDENT, Layer.L2),
    "Incident L3": (Category.INCIDENT, Layer.L3),
    "Change Request": (Category.CHANGE, None),
    "Documentation": (Category.INFORMATIONAL, None),
    "Maintenance": (Category.MAINTENANCE, None),
    "Maintenance L2": (Category.MAINTENANCE, Layer.L2),
    "Maintenance L3": (Category.MAINTENANCE, Layer.L3),
    "Informational": (Category.INFORMATIONAL, None),
    "Test": (Category.TEST, None),
    "Spam": (Category.TEST, None),
}
"""``GHD_Ticket_Category`` of the 2013 and 2016 contracts -> category and, where it says so,
layer. ``None`` leaves the layer as it is."""

GGUS_CATEGORY_NAMES: Final[dict[Category, str]] = {
    Category.INCIDENT: "Incident",
    Category.MAINTENANCE: "Maintenance",
    Category.CHANGE: "Change Request",
    Category.INFORMATIONAL: "Informational",
    Category.TEST: "Test",
}
"""The name under which a category is answered and searched at the GGUS door."""

_OPEN_TARGETS: Final = (
    State.ASSIGNED,
    State.IN_PROGRESS,
    State.WAITING,
    State.ON_HOLD,
    State.SOLVED,
    State.UNSOLVED,
)
MOVES: Final[dict[State, tuple[State, ...]]] = {
    **{state: tuple(to for to in _OPEN_TARGETS if to != state) for state in OPEN_STATES},
    State.SOLVED: (State.REOPENED, State.VERIFIED, State.CLOSED),
    State.UNSOLVED: (State.REOPENED, State.VERIFIED, State.CLOSED),
    State.VERIFIED: (),
    State.CLOSED: (),
}
"""The table of allowed moves: from state -> to states. Who may make them: ``check_move``."""


def is_open(state: str) -> bool:
    """Whether GGUS's meta status of this state is ``Open``."""
    return state in OPEN_STATES


def allowed_moves(state: str, *, is_submitter: bool, may_close: bool) -> tuple[State, ...]:
    """The moves out of ``state`` that this writer may make, in the order of the table."""
    return tuple(
        to
        for to in MOVES[State(state)]
        if (to != State.VERIFIED or is_submitter) and (to != State.CLOSED or may_close)
    )


def check_move(
    old: str, new: str, *, has_solution: bool, is_submitter: bool, may_close: bool
) -> None:
    """Raise unless a writer may move a ticket from ``old`` to ``new``.

    ``MoveNotAllowed`` when the table does not hold the move, ``Forbidden`` when it is somebody
    else's to make, ``Invalid`` (field ``solution``) when solved lacks its solution.
    """
    possible = MOVES[State(old)]
    if new not in possible:
        allowed = ", ".join(possible) if possible else _("no other state; it is final")
        raise MoveNotAllowed(
            _(
                "A ticket in state %(old)s cannot be moved there; allowed: %(allowed)s",
                old=old,
                allowed=allowed,
            )
        )
    if new == State.VERIFIED and not is_submitter:
        raise Forbidden(_("Only the submitter of a ticket may move it to verified"))
    if new == State.CLOSED and not may_close:
        raise Forbidden(_("Only operators may close a ticket; it is closed 10 working days after"))
    if new == State.SOLVED and not has_solution:
        raise Invalid("solution", _("A solved ticket needs a solution; say how it was solved"))


def check_creation_state(state: str) -> None:
    """Raise ``Invalid`` unless a ticket may be created in ``state``."""
    if state not in CREATION_STATES:
        raise Invalid("state", _("A ticket is created as new or assigned"))
