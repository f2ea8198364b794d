"""Two people who changed the same: what a form states of the version that it shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.rules.errors import Invalid
from app.core.rules.language import _


@dataclass(frozen=True)
class Clash:
    """A field that two people changed: what is stored now, and what was typed."""

    label: str
    theirs: str
    mine: str


def seen_version(text: str | None) -> int:
    """The version that a form states; ``Invalid`` if it states none."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("version", _("The form is incomplete; open it again"))
    return int(text)
