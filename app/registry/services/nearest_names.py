"""The known names that are nearest to one that nobody knows, by the letters to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz, process, utils

FEWEST: Final = 65.0
"""Likeness in percent below which two names have nothing to do with each other."""


@dataclass(frozen=True)
class Near:
    """A known name, and the key of the thing that bears it."""

    name: str
    key: str


class NearestNames:
    """All known names of one kind. Case and signs between letters make no difference."""

    def __init__(self, known: Iterable[tuple[str, str]]) -> None:
        self._known = [Near(name, key) for name, key in known]
        self._words = [utils.default_process(near.name) for near in self._known]

    def of(self, name: str, most: int = 3) -> Sequence[Near]:
        """Up to ``most`` things, nearest first, each with its nearest name."""
        found: dict[str, Near] = {}
        for _word, _likeness, place in process.extract(
            utils.default_process(name),
            self._words,
            scorer=fuzz.ratio,
            processor=None,
            score_cutoff=FEWEST,
            limit=4 * most,
        ):
            near = self._known[place]
            found.setdefault(near.key, near)
        return list(found.values())[:most]
