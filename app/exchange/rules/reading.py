"""Finds what is new in a partner's ticket, as a read by its id returned it.

All reads (after a hint, a pull, the nightly comparison, a look after a lost answer) use this
module, any number of times and in any order: what is already known is not new.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.exchange.rules.ledger import Origin
from app.tickets.rules.marks import SHORTEST_CUT, digest_of, is_copy, mark_of, normalised

FIRST: Final = 1
"""The sequence of the entry that creates a ticket."""


LATE: Final = timedelta(minutes=10)
"""A text written this long before it is read states its time; changes are read each minute."""
_NAME: Final = 200
"""Characters of an author's name next to such a time."""


@dataclass(frozen=True)
class TheirFile:
    """A file of one of their texts. ``load`` fetches it from there and raises ``CallFailed``;
    ``problem`` says why it was not fetched, "" = ``content`` is the file."""

    key: str
    name: str
    size: int = 0
    load: Callable[[], bytes] | None = field(default=None, compare=False)
    content: bytes = b""
    problem: str = ""


@dataclass(frozen=True)
class TheirText:
    """A text of their ticket. ``key`` is its id there, the same in each read."""

    key: str
    text: str
    author: str = ""
    by_us: bool = False
    """Our account there wrote it."""
    internal: bool = False
    files: Sequence[TheirFile] = ()
    at: datetime | None = None
    """When it was written there (UTC); None = unknown."""

    def signed(self, now: datetime, author: str) -> str:
        """The author, and the time if it was read much later: our log has the time of reading.
        ``author``: the name used next to a time if the text has no author."""
        if self.at is None or now - self.at < LATE:
            return self.author
        return f"{(self.author or author)[:_NAME]}, written {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class TheirTicket:
    """A partner's ticket. ``values``: fields in their words; ``merged_into``: the ticket into which
    it was merged."""

    id: str
    texts: Sequence[TheirText]
    values: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    number: str = ""
    """The number that people there use."""
    url: str = ""
    merged_into: str = ""
    asked_at: datetime | None = None
    """When the read started, by our clock; None = unknown."""
    times: Mapping[str, datetime] = field(default_factory=dict)
    """When values were set there (UTC), for those whose time was requested and is known."""
    our_files: Sequence[int] | None = None
    """The sizes of the files that our account attached; None = not available."""
    file_keys: frozenset[str] | None = None
    """The keys of all files of its texts, also of those that need not be fetched; None = not
    available."""
    is_whole: bool = False
    """``texts`` are all that it ever had, with keys that never change: a ticket without any of the
    known keys and without our reference is another ticket."""
    is_cut: bool = False
    """Not all of its files were fetched: the next read fetches the rest."""


@dataclass(frozen=True)
class Known:
    """What is recorded for a pair: our entries by sequence, and theirs."""

    number: int
    sent: Mapping[int, str]
    """Sequence and text of each entry of ours with a text, whether it arrived or not."""
    arrived: frozenset[str]
    """Keys of their texts that were recorded, whatever happened to them."""
    pushed: Mapping[str, int] = field(default_factory=dict)
    """Digest and count of their entries that arrived in another way, without a key of theirs."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Keys of the texts stored on both sides, and the digest of each."""
    elsewhere: frozenset[str] = frozenset()
    """Keys that were recorded with another ticket of ours, whose counterpart was merged into this
    one."""
    placed: Mapping[int, str] = field(default_factory=dict)
    """Sequence and key of each entry of ours that was seen there: as long as that text exists,
    another one with its mark is a copy."""

    hidden: frozenset[str] = frozenset()
    """Keys of their texts that arrived as internal ones."""


@dataclass(frozen=True)
class News:
    """What is new in a read."""

    confirmed: Mapping[int, str]
    """Our entries found there: sequence and their key."""
    texts: Sequence[TheirText]
    """Their texts to be recorded, in order. They include the marks of forwarding systems, which
    count the hops."""
    copies: Sequence[str]
    """Keys of texts that are copies of ours: only recorded as seen."""
    keyed: Mapping[str, str]
    """Keys of texts that arrived before in another way, with the digest of each."""
    files: Sequence[tuple[str, TheirFile]] = ()
    """Their new files, each with the author of its text."""
    published: frozenset[str] = frozenset()
    """Keys of those of ``texts`` that arrived before as internal ones."""


_WRITTEN_OF_HTML: Final = re.compile(
    r"\((?:https?:|ftp:|mailto:|tel:|/)[^()]*\)|\[picture[^\[\]]*\]|\|"
)
"""What replaces links, pictures and borders of cells in the text of HTML."""


def trace_of(text: str) -> str:
    """The digest that identifies a text in later reads, however its HTML is converted now and
    then."""
    return digest_of("".join(_WRITTEN_OF_HTML.sub("", normalised(text)).split()))


def beginnings_in(ticket: TheirTicket) -> set[int]:
    """The numbers of our tickets whose first text is in this one, written by our account."""
    marks = (mark_of(text.text) for text in ticket.texts if text.by_us)
    return {mark.number for mark in marks if mark is not None and mark.sequence == FIRST}


def beginning_of(ticket: TheirTicket) -> int | None:
    """The number of our ticket for which our account created this one; None = it did not."""
    first = ticket.texts[0] if ticket.texts else None
    mark = mark_of(first.text) if first is not None and first.by_us else None
    return mark.number if mark is not None and mark.sequence == FIRST else None


def why_lost(ticket: TheirTicket, known: Known, *, their_number: str, moved: bool) -> str:
    """Why a ticket is not the one that had this id before, "" = it is. A partner that restored an
    old backup assigns ids a second time (F12). ``moved``: ours was merged into it."""
    if not ticket.is_whole or ticket.merged_into:
        return ""
    if their_number and ticket.number and ticket.number != their_number:
        return f"Their ticket {ticket.id} was {their_number} before, and is {ticket.number} now"
    marks = (mark_of(text.text) for text in ticket.texts)
    if moved or any(mark is not None and mark.number == known.number for mark in marks):
        return ""
    if not known.digests and not known.sent:  # nothing is known of the ticket yet
        return ""
    # keys are reused, too: what they identify must be unchanged
    if any(known.digests.get(one.key) == trace_of(one.text) for one in ticket.texts):
        return ""
    return f"Their ticket {ticket.id} contains neither our reference nor any of its earlier texts"


def left_behind(ticket: TheirTicket, number: int, sent: Mapping[int, str | None]) -> set[int]:
    """Which of our texts (sequence and key, if known) are missing in a ticket into which theirs was
    merged: they were written on the old one after the merge, where nobody reads them."""
    keys = {text.key for text in ticket.texts}
    marks = [mark_of(text.text) for text in ticket.texts if text.by_us]
    there = {mark.sequence for mark in marks if mark is not None and mark.number == number}
    return {one for one, key in sent.items() if one not in there and key not in keys}


def our_sizes(texts: Iterable[TheirText]) -> Sequence[int]:
    """The sizes of the files in texts of our account."""
    return [file.size for text in texts if text.by_us for file in text.files]


class Part(StrEnum):
    """A part of a ticket that may differ."""

    TEXT = "text"
    FILE = "file"


@dataclass(frozen=True)
class Held:
    """An exchanged text or file, as it is stored here. ``size``: of a file of ours, None = no
    longer stored here."""

    part: Part
    origin: str
    sequence: int
    key: str
    text: str = ""
    size: int | None = None


@dataclass(frozen=True)
class PartDifference:
    """A text or a file that differs between both sides, as last read back."""

    part: Part
    origin: str
    sequence: int
    why: str
    """missing, changed, or unknown: not available from their system."""


MISSING, CHANGED, UNKNOWN = "missing", "changed", "not listed"
_POINTER: Final = re.compile(r"(\.\.\. ?)?\[(the rest is in |\.\.\. whole in ).*$")
"""The end of a text that was cut to fit there."""


def parts_that_differ(
    read: TheirTicket, number: int, held: Iterable[Held]
) -> Sequence[PartDifference]:
    """Exchanged texts and files that differ in their ticket: texts are matched by their keys or our
    marks, our files by their sizes, their files by their keys."""
    by_key = {text.key: text for text in read.texts}
    marks = ((text, mark_of(text.text)) for text in read.texts if text.by_us)
    ours = {mark.sequence: text for text, mark in marks if mark and mark.number == number}
    sizes = Counter(read.our_files or ())
    found = []
    for one in held:
        is_ours = one.origin == Origin.OURS
        why = ""
        if one.part is Part.TEXT:
            text = (ours.get(one.sequence) if is_ours else None) or by_key.get(one.key)
            if text is None:
                why = MISSING
            elif not _reads_alike(text.text, one.text, is_ours=is_ours):
                why = CHANGED
        elif not is_ours:
            why = MISSING if read.file_keys is not None and one.key not in read.file_keys else ""
        elif read.our_files is None:
            why = UNKNOWN
        elif one.size is not None:
            why = "" if sizes[one.size] > 0 else MISSING
            sizes[one.size] -= 1
        if why:
            found.append(PartDifference(one.part, one.origin, one.sequence, why))
    return found


def _reads_alike(there: str, here: str, *, is_ours: bool) -> bool:
    """Whether a text there is equal to the one here, apart from changes of format by their system;
    a text of ours may have been cut to fit."""
    if trace_of(there) == trace_of(here):
        return True
    cut, whole = (_letters(_POINTER.sub("", normalised(one))) for one in (there, here))
    return cut == whole or (is_ours and len(cut) >= SHORTEST_CUT and whole.startswith(cut))


def _letters(text: str) -> str:
    return "".join(one for one in _WRITTEN_OF_HTML.sub("", text) if one.isalnum())


_OF_INTERNAL: Final = "It belongs to an internal text, but files here are visible to everybody"


def news_of(ticket: TheirTicket, known: Known) -> News:
    """Compare a ticket with what is recorded. The order of ``ticket.texts`` is preserved."""
    confirmed: dict[int, str] = {}
    texts: list[TheirText] = []
    copies: list[str] = []
    keyed: dict[str, str] = {}
    pushed = Counter(known.pushed)
    plain: dict[int, str] = {}
    keys = {text.key for text in ticket.texts}
    for text in ticket.texts:
        is_published = text.key in known.hidden and not text.internal
        if text.key in known.arrived and not is_published:
            continue
        if text.key in known.elsewhere:
            copies.append(text.key)
            continue
        mark = mark_of(text.text)
        is_marked = text.by_us and mark is not None and mark.number == known.number
        if is_marked and mark is not None and mark.sequence in known.sent:
            if mark.sequence in confirmed or known.placed.get(mark.sequence) in keys:
                copies.append(text.key)
            else:
                confirmed[mark.sequence] = text.key
            continue
        digest = digest_of(text.text)
        if pushed[digest] > 0:
            pushed[digest] -= 1
            keyed[text.key] = digest
            continue
        if text.by_us or mark is not None:
            # our account, but the mark was cut off; or our text, returned by another system
            plain = plain or {sequence: normalised(one) for sequence, one in known.sent.items()}
            same = [one for one in plain if is_copy(normalised(text.text), [plain[one]])]
            if same:
                new = [one for one in same if text.by_us and one not in confirmed]
                if new:
                    confirmed[new[0]] = text.key
                else:
                    copies.append(text.key)
                continue
        texts.append(text)
    files: list[tuple[str, TheirFile]] = []
    seen, copied = known.arrived | known.elsewhere, frozenset(copies)
    for text in ticket.texts:
        if not text.by_us and text.key not in copied:
            problem = _OF_INTERNAL if text.internal else ""
            files.extend(
                (text.author, replace(file, problem=problem or file.problem))
                for file in text.files
                if file.key not in seen
            )
    published = frozenset(text.key for text in texts if text.key in known.hidden)
    return News(confirmed, texts, copies, keyed, files, published)
