"""Mails of ticket systems: lines of a key and a value, in one column or two, and a text below them.

Network operations centres write so ("Ticket Number: 479", "Status: Open"); which keys a sender uses
for what is data of its connection. Nothing of a mail is lost by reading it: its text stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.core.rules.mail_lines import columns_of, utc_time

NUMBER, OURS, TITLE, TEXT = "number", "ours", "title", "text"
"""What a line may hold besides a field's value: their number, ours, the title; and where a text
begins that continues to the end."""
MAPPED: Final = ("state", "priority", "category", "layer", "impact")
WINDOW: Final = ("window_start", "window_end")
TIMES: Final = ("event_start", "event_detected", "event_end", *WINDOW, "estimated_end")
MEANINGS: Final = (NUMBER, OURS, TITLE, TEXT, *MAPPED, *TIMES, "links", "sites")
"""What a key may stand for. Links, sites and times but those of the window are written, and read
by people."""
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
    window: Mapping[str, datetime] = field(default_factory=dict)
    """Start and end of the window, where both say that they are UTC and are in order."""


def read_mail(text: str, lines: Lines) -> StructuredMail | None:
    """Read a mail; None = it holds no number of theirs in any line, so nobody knows which ticket
    of theirs it is about. Of a key that is there twice the first counts."""
    meanings = {key.casefold(): meaning for key, meaning in lines}
    found: dict[str, str] = {}
    rows = text.replace("\r\n", "\n").split("\n")
    for place, columns in enumerate(columns_of(rows, meanings)):
        if _QUOTED.match(rows[place].rstrip()) or TEXT in found:
            break
        for at, column in enumerate(columns):
            line = _LINE.match(column)
            meaning = meanings.get(" ".join(line[1].split()).casefold(), "") if line else ""
            if line is None or not meaning or meaning in found:
                continue
            if meaning == TEXT:
                first = "".join([line[2], *columns[at + 1 :]])
                found[TEXT] = "\n".join([first, *rows[place + 1 :]]).strip()
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
        window=_window(found),
    )


def _window(found: Mapping[str, str]) -> Mapping[str, datetime]:
    times = {name: utc_time(found.get(name, "")) for name in WINDOW}
    window = {name: time for name, time in times.items() if time is not None}
    is_whole = len(window) == len(WINDOW) and window[WINDOW[0]] <= window[WINDOW[1]]
    return window if is_whole else {}


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
