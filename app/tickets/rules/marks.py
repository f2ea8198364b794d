"""How our tickets and entries are known again in a foreign system, and a copy of a text as a copy.

Our reference in a foreign ticket is ``LHCOPN#<number>``; each text of ours that crosses ends with a
line that names it, its sequence and who wrote it, because everything there appears as our account
(decisions, section 14). What lies between two systems changes texts: case, white space, the time
zone of a time, a cut end. A text is therefore compared by its normalised form.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MAX_HOPS: Final = 5
"""Systems that a text may have passed; one that passed more is not sent on."""
SHORTEST_CUT: Final = 60
"""Normalised characters from which on the beginning of a text counts as the text, cut."""
_MARK: Final = re.compile(
    r"^\((?P<author>.*) via LHCOPN#(?P<number>\d{1,18})/(?P<sequence>\d{1,9})\)$", re.IGNORECASE
)
_INLINE: Final = re.compile(r" ?\([^()]* via lhcopn#\d{1,18}/\d{1,9}\)")
"""A mark in a text whose lines were joined, in small letters."""
_CUT_MARK: Final = re.compile(r" \([^()]*$")
_REFERENCE: Final = re.compile(r"(?<![A-Za-z0-9])LHCOPN#(\d{1,18})(?![0-9])")
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)?"
    r" ?(z|utc|gmt|[+-]\d\d:?\d\d)(?![a-z0-9])"
)


@dataclass(frozen=True)
class Mark:
    """The last line of a text of ours: our ticket's number, the entry's sequence, its author."""

    number: int
    sequence: int
    author: str = ""


def reference_of(number: int) -> str:
    """Our ticket as foreign systems name it."""
    return f"LHCOPN#{number}"


def references_in(text: str) -> list[int]:
    """The numbers of all our references in a text, in their order, each once."""
    return list(dict.fromkeys(int(found) for found in _REFERENCE.findall(text)))


def marked(text: str, mark: Mark) -> str:
    """A text as it is sent: with the line that says whose it is."""
    author = " ".join(mark.author.split()) or "the portal"
    line = f"({author} via {reference_of(mark.number)}/{mark.sequence})"
    body = text.rstrip()
    return f"{body}\n\n{line}" if body else line


def mark_of(text: str) -> Mark | None:
    """The mark in the last line that holds anything, or None."""
    lines = text.rstrip().splitlines()
    found = _MARK.match(lines[-1].strip()) if lines else None
    if found is None:
        return None
    return Mark(int(found["number"]), int(found["sequence"]), found["author"])


def without_marks(text: str) -> str:
    """A text without the lines by which systems of this kind passed it on."""
    lines = text.splitlines()
    return "\n".join(line for line in lines if not _MARK.match(line.strip())).rstrip()


def hops_of(text: str) -> int:
    """How many systems of this kind a text has passed: the marks with which it ends. Marks further
    up belong to what its author quotes."""
    return len(parted_at_marks(text)[1])


def parted_at_marks(text: str) -> tuple[str, list[str]]:
    """A text without the marks with which it ends, and these, oldest first."""
    lines, marks = text.splitlines(), list[str]()
    while lines and (not (last := lines[-1].strip()) or _MARK.match(last)):
        lines.pop()
        marks += [last] if last else []
    return "\n".join(lines), marks[::-1]


def normalised(text: str) -> str:
    """What of a text survives a foreign system: no marks, no case, no white space, times in UTC."""
    plain = unicodedata.normalize("NFKC", without_marks(text)).casefold()
    return _INLINE.sub("", " ".join(_TIME.sub(_in_utc, plain).split())).strip()


def digest_of(text: str) -> str:
    """The digest by which a text is compared: SHA-256 of its normalised form, in hex."""
    return hashlib.sha256(normalised(text).encode(errors="replace")).hexdigest()


def is_copy(copy: str, texts: Iterable[str]) -> bool:
    """Whether a normalised text is one of ``texts``, whole, or cut after ``SHORTEST_CUT`` or
    within its mark."""
    cut = copy.removesuffix("...").removesuffix("\N{HORIZONTAL ELLIPSIS}").rstrip()
    is_long = len(cut) >= SHORTEST_CUT
    without = _CUT_MARK.sub("", cut)
    return any(
        text in (copy, without or copy) or (is_long and text.startswith(cut)) for text in texts
    )


def _in_utc(found: re.Match[str]) -> str:
    day, minute, second, zone = found.groups()
    zone = "+00:00" if zone[0] not in "+-" else zone
    try:
        at = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}{zone}")
    except ValueError:  # the 31st of February stays as it was written
        return found[0]
    return f"{at.astimezone(UTC):%Y-%m-%dt%H:%M:%S}z"
