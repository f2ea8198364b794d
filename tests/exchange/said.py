"""What somebody said, out of a text that crossed."""

from __future__ import annotations

import re
from typing import Final

from app.tickets.rules.marks import without_marks

_FACTS: Final = re.compile(r"\n*(?:(?:^|\n)[A-Z][a-z ]+: [^\n]+)*\nTicket: http\S+$")


def said_in(text: str) -> str:
    """A text without its marks, and without the facts that stand above them in a first text: those
    of each system that it passed."""
    said = "\n" + without_marks(text)
    while (less := "\n" + without_marks(_FACTS.sub("", said)).removeprefix("\n")) != said:
        said = less
    return said.removeprefix("\n")
