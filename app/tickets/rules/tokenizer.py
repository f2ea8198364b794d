"""The words of a text, the same whatever the database: what the search keeps and looks for.

A word is a run of letters and digits, in small letters, without accents. Of scripts that put no
blanks between words (Chinese, Japanese, Thai ...) each character is a word, so that a text is found
by any of its parts. A name such as ``CERN-GRIDKA-LHCOPN-001`` is four words: it is found as a
whole, as words that follow each other, and by each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from unicodedata import normalize

from app.core.rules.language import _

MAX_WORD_LENGTH: Final = 64
"""Characters of a word that count; what follows is left out, of what is searched for likewise."""
MAX_WORDS: Final = 32
"""Words of one search."""
MAX_CHARACTERS: Final = 255
"""Characters of one search."""
BREAK: Final = "_"
"""Separates two texts of one ticket, so that no phrase reaches across; no part of a word."""
MIN_PART_LENGTH: Final = 3
"""A word of fewer letters stands for itself only, never for a part of a longer one."""

_SINGLE = (  # each character is a word
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
_MARKS = (  # accents and vowel signs inside a word
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
_UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
_LETTER = rf"[^\W_{_SINGLE}]"
_RUN = re.compile(rf"[{_SINGLE}]|{_LETTER}(?:{_LETTER}|[{_MARKS}{_UNSEEN}])*")
_PLAIN_RUN = re.compile(r"[a-z0-9]+")
_TOKEN = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')
_NUMBER = re.compile(r"#([0-9]{1,9})", re.ASCII)


def words_of(text: str) -> list[str]:
    """The words of a text, in their order."""
    if text.isascii():
        return [word[:MAX_WORD_LENGTH] for word in _PLAIN_RUN.findall(text.lower())]
    return [word for run in _RUN.findall(text) if (word := _folded(run))]


def joined(words: Sequence[str]) -> str:
    """Words as the search keeps them: each between two blanks."""
    return f" {' '.join(words)} " if words else " "


def endings_of(words: Iterable[str]) -> list[str]:
    """The words with all their endings, as far as these are long enough to be searched for: each
    part of a word is the beginning of one of these."""
    return [word[at:] for word in words for at in range(len(word) - MIN_PART_LENGTH + 1)]


@lru_cache(maxsize=4096)
def _folded(run: str) -> str:
    if run.isascii():
        return run.lower()[:MAX_WORD_LENGTH]
    letters = "".join(sign for sign in normalize("NFKD", run.casefold()) if sign.isalnum())
    return normalize("NFKC", letters).casefold()[:MAX_WORD_LENGTH]


@dataclass(frozen=True)
class Term:
    """Words that must follow each other; of the last one only the beginning if ``begun``.

    With ``part`` it is one word, and a title is also found that holds it inside of a word. With a
    ``number`` it is the ticket of that number instead, and has no words.
    """

    words: tuple[str, ...]
    begun: bool = False
    part: bool = False
    number: int | None = None

    @property
    def needle(self) -> str:
        """What is to be found in ``joined`` words."""
        return f" {' '.join(self.words)}{'' if self.begun else ' '}"

    @property
    def needle_of_part(self) -> str:
        """What is to be found in the ``joined`` endings of a title's words, for a ``part``."""
        return f" {self.words[0]}"

    def is_in_title(self, words: Sequence[str]) -> bool:
        """Whether a title of these words holds it, be it inside of one of them."""
        inside = self.part and any(self.words[0] in word for word in words)
        return inside or self.needle in joined(words)


@dataclass(frozen=True)
class Search:
    """What a person searches for: all terms are required."""

    terms: tuple[Term, ...]
    notes: tuple[str, ...] = ()
    """What of the search was not used, in words for the person."""

    @property
    def finds_nothing(self) -> bool:
        """Whether it holds nothing that could be found."""
        return not self.terms


def read_search(text: str) -> Search:
    """Read a search: words, ``"a phrase"``, ``begin*``, ``#1042`` for a ticket's number.

    Any text can be read. The last word may be one that is still being typed: it is found by its
    beginning, unless it is short, a number or in quotes. In titles every such word is also found
    inside of others.
    """
    notes = []
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS]
        notes.append(
            _(
                "Only the first %(max_characters)s characters were searched for",
                max_characters=MAX_CHARACTERS,
            )
        )
    terms: dict[Term, None] = {}
    room = MAX_WORDS
    found = list(_TOKEN.finditer(text))
    for token in found:
        plain = token[3] or ""
        if number := _NUMBER.fullmatch(plain):
            terms[Term((), number=int(number[1]))] = None
            continue
        words = tuple(words_of(plain or token[1] or ""))
        if not words:
            continue
        if len(words) > room:
            notes.append(
                _("Only the first %(max_words)s words were searched for", max_words=MAX_WORDS)
            )
            words = words[:room]
        room -= len(words)
        if words:
            begun = (token[2] or plain[-1:]) == "*"
            if plain and token is found[-1]:
                begun = begun or _may_be_part(words[-1])
            part = bool(plain) and len(words) == 1 and _may_be_part(words[0])
            terms[Term(words, begun=begun, part=part)] = None
    if not terms and text.strip():
        notes.append(_("Enter letters or digits to search"))
    return Search(tuple(terms), tuple(dict.fromkeys(notes)))


def _may_be_part(word: str) -> bool:
    return len(word) >= MIN_PART_LENGTH and not word.isdecimal()


@dataclass(frozen=True)
class Piece:
    """A part of a text, and whether it is what was searched for."""

    text: str
    hit: bool = False


def hits_in(text: str, terms: Sequence[Term], *, is_title: bool = False) -> list[tuple[int, int]]:
    """The positions of the terms in a text: from, to; in order, none inside another. A word that
    holds a part is a hit as a whole."""
    words = words_of(text)
    kept = joined(words)
    wanted = [
        term
        for term in terms
        if term.words and (term.is_in_title(words) if is_title else term.needle in kept)
    ]
    if not wanted:
        return []
    runs = [
        (word, run.start(), run.end())
        for run in _RUN.finditer(text)
        if (word := _folded(run.group()))
    ]
    places: list[tuple[int, int]] = []
    for term in wanted:
        length = len(term.words)
        for at in range(len(runs) - length + 1):
            here = [run[0] for run in runs[at : at + length]]
            last = here.pop()
            if is_title and term.part:
                same = term.words[-1] in last
            else:
                same = last.startswith(term.words[-1]) if term.begun else last == term.words[-1]
            if same and tuple(here) == term.words[:-1]:
                places.append((runs[at][1], runs[at + length - 1][2]))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def pieces_of(text: str, hits: Sequence[tuple[int, int]]) -> list[Piece]:
    """The whole text in pieces, hits apart."""
    return list(_pieces(text, hits, 0, len(text)))


def context_of(text: str, hits: Sequence[tuple[int, int]], width: int = 140) -> list[Piece]:
    """The surroundings of the first hit, about ``width`` characters, hits apart."""
    first, end = hits[0]
    start = max(0, first - width // 6)  # so near the beginning that a narrow column shows the hit
    stop = min(len(text), max(end, start + width))
    if start:  # begin with a whole word
        blank = text.find(" ", start, first)
        start = blank + 1 if blank >= 0 else start
    if stop < len(text):
        blank = text.rfind(" ", end, stop)
        stop = blank if blank > end else stop
    pieces = list(_pieces(text, hits, start, stop))
    before, after = "… " if start else "", " …" if stop < len(text) else ""
    return [piece for piece in (Piece(before), *pieces, Piece(after)) if piece.text]


def _pieces(text: str, hits: Sequence[tuple[int, int]], start: int, stop: int) -> Iterator[Piece]:
    at = start
    for begin, end in hits:
        if end <= start or begin >= stop:
            continue
        if begin > at:
            yield Piece(text[at:begin])
        yield Piece(text[max(at, begin) : min(end, stop)], hit=True)
        at = min(end, stop)
    if at < stop:
        yield Piece(text[at:stop])
