"""Meeting packs: slides of a range of quarters that the chair orders, and the worker makes.

Who may: the chair (operators and admins) makes and deletes them, everybody logged in fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from app.domain.access import Actor
from app.domain.errors import Forbidden, Invalid
from app.domain.quarters import Quarter, period_range
from app.domain.reports import is_chair
from app.domain.slides import SlideKind

PACK: Final = "meeting pack"
"""The kind of a pack in the change log."""
MOST_QUARTERS: Final = 20
"""Of one pack: five years."""
MOST_WAITING: Final = 10
"""Packs that wait or are being made at the same time."""
LONGEST_TITLE: Final = 120
USUAL_TITLE: Final = "LHCOPN operations"


class PackState(StrEnum):
    """How far a pack is."""

    WAITING = "waiting"
    MAKING = "making"
    MADE = "made"


class PackFile(StrEnum):
    """What is made of a pack."""

    PPTX = "pptx"
    PDF = "pdf"


def require_chair(actor: Actor, what: str) -> None:
    """Raise ``Forbidden`` unless the actor is the chair; ``what`` completes "Only ... may"."""
    if not is_chair(actor):
        raise Forbidden(f"Only operators and admins may {what}")


def slides_as_text(kinds: Sequence[SlideKind]) -> str:
    """The chosen slides in their order, as they are stored."""
    return " ".join(kinds)


def slides_from_text(text: str) -> Sequence[SlideKind]:
    """What ``slides_as_text`` made."""
    return [SlideKind(word) for word in text.split()]


def checked_slides(kinds: Sequence[str]) -> Sequence[SlideKind]:
    """The slides of a pack in their order. ``Invalid`` for none, doubles and unknown ones."""
    if not kinds:
        raise Invalid("slides", "Slides: choose at least one; give it a place")
    if len(set(kinds)) != len(kinds):
        raise Invalid("slides", "Slides: each stands once")
    try:
        return [SlideKind(kind) for kind in kinds]
    except ValueError:
        raise Invalid("slides", f"Slides takes of: {', '.join(SlideKind)}") from None


def checked_range(first: str, last: str) -> Sequence[Quarter]:
    """The quarters of a pack. Raises ``Invalid`` on ``first`` or ``last`` for what cannot be."""
    begin, end = Quarter.parse(first.strip(), "first"), Quarter.parse(last.strip(), "last")
    for name, one in (("first", begin), ("last", end)):
        if not 1990 <= one.year <= 2099:
            raise Invalid(name, "Choose a quarter from 1990-Q1 to 2099-Q4")
    found = period_range(begin, end, "last")
    if len(found) > MOST_QUARTERS:
        raise Invalid("last", f"{begin} to {end} is too long; a pack has {MOST_QUARTERS} quarters")
    return found
