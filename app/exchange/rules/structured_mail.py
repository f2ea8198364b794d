"""Mails of ticket systems: key and value lines, in one column or two, and a text below them.

Network operations centres write such mails ("Ticket Number: 479", "Status: Open"); the meaning of a
sender's keys is data of its connection. Reading a mail loses nothing: its text stays complete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.core.rules.mails.mail_lines import columns_of, utc_time

NUMBER, OURS, TITLE, TEXT = "number", "ours", "title", "text"
"""What a line may contain besides a field's value: their number, ours, the title; and the start of
a text that continues to the end."""
MAPPED: Final = ("state", "priority", "category", "layer", "impact")
WINDOW: Final = ("window_start", "window_end")
TIMES: Final = ("event_start", "event_detected", "event_end", *WINDOW, "estimated_end")
MEANINGS: Final = (NUMBER, OURS, TITLE, TEXT, *MAPPED, *TIMES, "links", "sites")
"""The possible meanings of a key. Links, sites and times, except those of the window, are written,
and read only by people."""
LONGEST_NUMBER: Final = 100
LONGEST_KEY: Final = 60
"""Longest key, in characters."""
_LINE: Final = re.compile(r"^[ \t]{0,8}([^\s:>][^:\n]{0,59}?)[ \t]*:(?!//)[ \t]*(.*)$")

_QUOTED: Final = re.compile(r"[ \t]*(>|-{3,} ?[^\W\d_].{3,60}-{3,}$|_{20,}$|On .{6,300} wrote:$)")
"""From here on the mail quotes another one: nothing there is new."""

Lines = Sequence[tuple[str, str]]
"""Their keys and meanings, in writing order."""


@dataclass(frozen=True)
class StructuredMail:
    """A mail as read from its lines. ``values`` are in the sender's words."""

    number: str = ""
    ours: str = ""
    title: str = ""
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    window: Mapping[str, datetime] = field(default_factory=dict)
    """Start and end of the window, if both state UTC and are in order."""


def read_mail(text: str, lines: Lines) -> StructuredMail | None:
    """Read a mail; None = no line contains their number, so their ticket is unknown. Of a repeated
    key the first line counts."""
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
    """The lines that have a value, and the text: below its key, or below all lines."""
    written = [
        f"{key}: {' '.join(values[meaning].split())}"
        for key, meaning in lines
        if meaning != TEXT and values.get(meaning)
    ]
    key = next((key for key, meaning in lines if meaning == TEXT), "")
    body = f"{key}:\n{text}" if key and text else text
    return "\n".join(written) + (f"\n\n{body}" if body else "") + "\n"
