"""Meeting packs: slides of a range of quarters that the chair orders, and the worker makes.

Who may: the chair (operators and admins) makes and deletes them, everybody logged in fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from app.core.rules.access import Actor
from app.core.rules.documents.slides import SlideKind
from app.core.rules.errors import Forbidden, Invalid
from app.core.rules.language import _
from app.core.rules.quarters import Quarter, period_range
from app.reports.rules.reports import is_chair

PACK: Final = "meeting pack"
"""The kind of a pack in the change log."""
MAX_QUARTERS: Final = 20
"""Of one pack: five years."""
MAX_WAITING: Final = 10
"""Packs that wait or are being made at the same time."""
MAX_TITLE_LENGTH: Final = 120
USUAL_TITLE: Final = "LHCOPN operations"


class PackState(StrEnum):
    """How far a pack is."""

    WAITING = "waiting"
    MAKING = "making"
    MADE = "made"
    FAILED = "failed"
    """It was tried as often as background work is; the chair can retry it."""


TO_COME: Final = (PackState.WAITING, PackState.MAKING)
"""In these states a worker has it, or will."""


class PackFile(StrEnum):
    """What is made of a pack."""

    PPTX = "pptx"
    PDF = "pdf"


_LOOKS: Final = ((20, 1), (40, 3), (60, 10))
"""Looks of a page at a pack, and the seconds between them up to there."""
_SLOWEST_LOOK: Final = 30
"""Seconds; who forgets the page in a tab over a weekend costs next to nothing."""


def pause_before_look(looks: int) -> int:
    """Seconds that an open page waits before it looks once more, after so many looks."""
    return next((pause for most, pause in _LOOKS if looks < most), _SLOWEST_LOOK)


def trouble_in_words(doing: str, why: str) -> str:
    """What the chair reads of a try that failed: at which step, and why."""
    return (
        _("Step “%(doing)s”: %(why)s", doing=doing, why=why)
        if doing
        else _("Before the first step: %(why)s", why=why)
    )


def require_chair(actor: Actor, what: str) -> None:
    """Raise ``Forbidden`` unless the actor is the chair; ``what`` completes "Only ... may"."""
    if not is_chair(actor):
        raise Forbidden(_("Only operators and admins may %(what)s", what=what))


def slides_as_text(kinds: Sequence[SlideKind]) -> str:
    """The chosen slides in their order, as they are stored."""
    return " ".join(kinds)


def slides_from_text(text: str) -> Sequence[SlideKind]:
    """What ``slides_as_text`` made."""
    return [SlideKind(word) for word in text.split()]


def checked_slides(kinds: Sequence[str]) -> Sequence[SlideKind]:
    """The slides of a pack in their order. ``Invalid`` for none, doubles and unknown ones."""
    if not kinds:
        raise Invalid("slides", _("Slides: choose at least one"))
    if len(set(kinds)) != len(kinds):
        raise Invalid("slides", _("Slides: choose each only once"))
    try:
        return [SlideKind(kind) for kind in kinds]
    except ValueError:
        raise Invalid(
            "slides", _("Slides: choose from %(listed)s", listed=", ".join(SlideKind))
        ) from None


def checked_range(first: str, last: str) -> Sequence[Quarter]:
    """The quarters of a pack. Raises ``Invalid`` on ``first`` or ``last`` for what cannot be."""
    begin, end = Quarter.parse(first.strip(), "first"), Quarter.parse(last.strip(), "last")
    for name, one in (("first", begin), ("last", end)):
        if not 1990 <= one.year <= 2099:
            raise Invalid(name, _("Choose a quarter from 1990-Q1 to 2099-Q4"))
    found = period_range(begin, end, "last")
    if len(found) > MAX_QUARTERS:
        raise Invalid(
            "last",
            _(
                "%(begin)s to %(end)s is too long: choose at most %(max_quarters)s quarters",
                begin=begin,
                end=end,
                max_quarters=MAX_QUARTERS,
            ),
        )
    return found
