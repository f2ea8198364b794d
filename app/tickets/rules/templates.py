"""The usual questions for each category: the form of a new ticket can insert them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.tickets.rules.tickets import Category

DESCRIPTIONS: Final[Mapping[str, str]] = {
    Category.INCIDENT: (
        "Observed:\nSeen by (monitoring, users):\nChecked so far:\nProvider and its ticket:\n"
        "Next update:"
    ),
    Category.MAINTENANCE: (
        "Work:\nProvider and its ticket:\nExpected effect:\nContact during the work:\nFallback:"
    ),
    Category.CHANGE: "Change:\nReason:\nWhat the sites have to do:\nFallback:",
    Category.INFORMATIONAL: "What:\nFrom when:\nWho is affected:",
    Category.TEST: "Tested:\nExpected result:",
}


def with_template(category: str, text: str) -> str:
    """The text with the template of this category behind it; unchanged where it holds that."""
    template = DESCRIPTIONS.get(category, "")
    if not template or template in text:
        return text
    return f"{text.rstrip()}\n\n{template}" if text.strip() else template
