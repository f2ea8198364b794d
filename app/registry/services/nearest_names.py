"""The known names that are nearest to an unknown one, by the letters to change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final

FEWEST: Final = 65.0
"""Likeness in percent below which two names have nothing to do with each other."""


@dataclass(frozen=True)
class Near:
    """A known name, and the key of the thing that has it."""

    name: str
    key: str


class NearestNames:
    """All known names of one kind. Case and signs between letters make no difference."""

    def __init__(self, known: Iterable[tuple[str, str]]) -> None:
        self._known = [Near(name, key) for name, key in known]
        self._words = [_word(near.name) for near in self._known]

    def of(self, name: str, most: int = 3) -> Sequence[Near]:
        """Up to ``most`` things, nearest first, each with its nearest name."""
        likenesses = _likenesses(_word(name), self._words)
        near = [
            (-likeness, place) for place, likeness in enumerate(likenesses) if likeness >= FEWEST
        ]
        found: dict[str, Near] = {}
        for _, place in nsmallest(4 * most, near):
            found.setdefault(self._known[place].key, self._known[place])
        return list(found.values())[:most]


def _word(name: str) -> str:
    return re.sub(r"[\W_]", " ", name.lower()).strip()


def _likenesses(word: str, others: Iterable[str]) -> Iterable[float]:
    """How like each other one is, in percent: the letters that both have in the same order, among
    all letters of both.

    The longest common subsequence is found for all letters of ``word`` at once, a bit each
    (H. Hyyrö, 2004): an eighth of what ``difflib`` takes, which also misses some.
    """
    bits: dict[str, int] = {}
    for place, letter in enumerate(word):
        bits[letter] = bits.get(letter, 0) | 1 << place
    everything = (1 << len(word)) - 1
    for other in others:
        unmatched = everything
        for letter in other:
            matched = unmatched & bits.get(letter, 0)
            unmatched = (unmatched + matched) | (unmatched - matched)
        common = len(word) - (unmatched & everything).bit_count()
        yield 200 * common / max(1, len(word) + len(other))
