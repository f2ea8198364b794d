"""Mails of ticket systems: lines of a key and a value, and a text below them.

Network operations centres write so ("Ticket Number: 479", "Status: Open"); which keys a sender uses
for what is data of its connection. Nothing of a mail is lost by reading it: its text stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

NUMBER, OURS, TITLE, TEXT = "number", "ours", "title", "text"
"""What a line may hold besides a field's value: their number, ours, the title; and where a text
begins that goes on to the end."""
MAPPED: Final = ("state", "priority", "category", "layer", "impact")
TIMES: Final = (
    *("event_start", "event_detected", "event_end"),
    *("window_start", "window_end", "estimated_end"),
)
MEANINGS: Final = (NUMBER, OURS, TITLE, TEXT, *MAPPED, *TIMES, "links", "sites")
"""What a key may stand for. Links, sites and times are written, and read by people."""
LONGEST_NUMBER: Final = 100
LONGEST_KEY: Final = 60
"""Characters of a key."""
_LINE: Final = re.compile(r"^[ \t]{0,8}([^\s:>][^:\n]{0,59}?)[ \t]*:(?!//)[ \t]*(.*)$")

_QUOTED: Final = re.compile(r"[ \t]*(>|-{3,} ?[^\W\d_].{3,60}-{3,}$|_{20,}$|On .{6,300} wrote:$)")
"""From where on somebody else's mail is repeated: nothing there is news."""

Lines = Sequence[tuple[str, str]]
"""Their key and what it stands for, in the order in which they are written."""


@dataclass(frozen=True)
class StructuredMail:
    """A mail as its sender's lines tell it. ``values`` are in their words."""

    number: str = ""
    ours: str = ""
    title: str = ""
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def read_mail(text: str, lines: Lines) -> StructuredMail | None:
    """Read a mail; None = it holds no number of theirs in any line, so nobody knows which ticket
    of theirs it is about. Of a key that is there twice the first counts."""
    meanings = {key.casefold(): meaning for key, meaning in lines}
    found: dict[str, str] = {}
    rows = text.replace("\r\n", "\n").split("\n")
    for place, row in enumerate(rows):
        if _QUOTED.match(row.rstrip()):
            break
        line = _LINE.match(row)
        meaning = meanings.get(" ".join(line[1].split()).casefold(), "") if line else ""
        if line is None or not meaning or meaning in found:
            continue
        if meaning == TEXT:
            found[TEXT] = "\n".join([line[2], *rows[place + 1 :]]).strip()
            break
        found[meaning] = line[2].strip()
    if not found.get(NUMBER) or len(found[NUMBER]) > LONGEST_NUMBER:
        return None
    return StructuredMail(
        number=found[NUMBER].lstrip("#"),
        ours=found.get(OURS, ""),
        title=found.get(TITLE, ""),
        text=found.get(TEXT, "") or text.strip(),
        values={name: found[name] for name in MAPPED if found.get(name)},
    )


def write_mail(values: Mapping[str, str], text: str, lines: Lines) -> str:
    """The lines for which there is a value, and the text: below its key, or below all of them."""
    told = [
        f"{key}: {' '.join(values[meaning].split())}"
        for key, meaning in lines
        if meaning != TEXT and values.get(meaning)
    ]
    key = next((key for key, meaning in lines if meaning == TEXT), "")
    body = f"{key}:\n{text}" if key and text else text
    return "\n".join(told) + (f"\n\n{body}" if body else "") + "\n"
