"""Which intervals of two lots meet, group by group: the join behind every match.

Two intervals meet where they share a moment; both ends belong to them. Of each pair that meets, one
begins within the other: so the pairs are found by two searches in sorted beginnings, and the work
grows with the intervals and the pairs that there are. Neither a long interval nor many of them
make it slow, as a look back by the longest length would. Where there are too many pairs to make,
``app.matching.figures.latest`` finds some of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np

from app.core.figures.frames import Times

AT_ONCE: Final = 2_000_000
"""Pairs that are held in memory together: some tens of megabytes."""
_ROOM: Final = 2**62
Lot: TypeAlias = tuple[Times, Times, Times]
"""Group, start and end of each interval."""


class Meeting:
    """The pairs of two lots of intervals that meet: how many there are, before any is made.

    An interval that ends before it begins meets nothing.
    """

    def __init__(self, left: Lot, right: Lot) -> None:
        self._of_left = np.flatnonzero(left[2] >= left[1])
        self._of_right = np.flatnonzero(right[2] >= right[1])
        self._found: Sequence[_Within] = ()
        if len(self._of_left) and len(self._of_right):
            line = Line(
                tuple(values[self._of_left] for values in left),  # type: ignore[arg-type]  # three
                tuple(values[self._of_right] for values in right),  # type: ignore[arg-type]
            )
            self._found = (
                # the right one begins within the left one, the same moment included ...
                _Within(line.left_start, line.left_end, line.right_start, "left"),
                # ... or the left one within the right one, and later
                _Within(line.right_start, line.right_end, line.left_start, "right"),
            )

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return sum(one.count for one in self._found)

    def pairs(self) -> tuple[Times, Times]:
        """Positions of all of them, each once, in no special order."""
        if not self._found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        (first_left, first_right), (then_right, then_left) = (one.pairs() for one in self._found)
        left = np.concatenate([first_left, then_left])
        right = np.concatenate([first_right, then_right])
        return self._of_left[left], self._of_right[right]


def starting_near(
    group: Times,
    moments: Sequence[Times],
    slack: int,
    other_group: Times,
    other_start: Times,
    at_once: int = AT_ONCE,
) -> Iterator[tuple[Times, Times]]:
    """Positions of all pairs of one group of which the other begins at most ``slack`` from one of
    the ``moments`` that each row has; each pair once. In parts of about ``at_once`` pairs, each
    with all pairs of its rows."""
    if not len(group) or not len(other_group):
        return
    codes, groups = _codes(np.concatenate([group, other_group]))
    first, last = int(other_start.min()) - 1, int(other_start.max()) + 1
    room = last - first + 1
    if groups * room >= _ROOM:  # too many for one line: half of the groups, then the other half
        half = codes < groups // 2
        for which in (half, ~half):
            left = np.flatnonzero(which[: len(group)])
            right = np.flatnonzero(which[len(group) :])
            of_half = [moment[left] for moment in moments]
            others = (other_group[right], other_start[right])
            for one, other in starting_near(group[left], of_half, slack, *others, at_once):
                yield left[one], right[other]
        return
    count = len(group)
    order = np.argsort(codes[count:] * room + (other_start - first))
    line = (codes[count:] * room + (other_start - first))[order]
    walk = np.argsort(codes[:count] * room + (np.clip(moments[0], first, last) - first))
    base = (codes[:count] * room)[walk]
    lows, highs = [], []
    for moment in moments:
        asked = moment[walk]
        below = base + (np.clip(asked - slack, first, last) - first)
        above = base + (np.clip(asked + slack, first, last) - first)
        lows.append(np.searchsorted(line, below, "left"))
        highs.append(np.searchsorted(line, above, "right"))
    until = np.cumsum(np.sum(highs, axis=0) - np.sum(lows, axis=0))
    begin = 0
    while begin < count:
        before = int(until[begin - 1]) if begin else 0
        # one row at least, however many pairs it has
        end = max(begin + 1, int(np.searchsorted(until, before + at_once, "right")))
        found = []
        for low, high in zip(lows, highs, strict=True):
            outer, place = _spread(low[begin:end], high[begin:end])
            found.append(walk[begin + outer] * len(other_start) + order[place])
        pairs = np.unique(np.concatenate(found))
        if len(pairs):
            yield pairs // len(other_start), pairs % len(other_start)
        begin = end


class Line:
    """All groups behind each other on one line of numbers, on which one search finds all.

    A group is a stretch with room for all moments. Where that is more than numbers hold, moments
    become their ranks, which are as many as there are moments.
    """

    def __init__(self, left: Lot, right: Lot) -> None:
        count = len(left[0])
        codes, groups = _codes(np.concatenate([left[0], right[0]]))
        moments = [left[1], left[2], right[1], right[2]]
        low = min(int(one.min()) for one in moments)
        # nothing begins later: an end behind it is as good as it
        last = max(int(left[1].max()), int(right[1].max()))
        room = last - low + 1
        if groups * room < _ROOM:
            placed = [np.minimum(one, last) - low for one in moments]
        else:
            ranks = np.unique(np.concatenate(moments))
            placed = [np.searchsorted(ranks, one) for one in moments]
            room = len(ranks)
        base = codes[:count] * room
        self.right_base = codes[count:] * room
        """Where the stretch of each right interval begins."""
        self.left_start, self.left_end = base + placed[0], base + placed[1]
        self.right_start = self.right_base + placed[2]
        self.right_end = self.right_base + placed[3]


def _codes(values: Times) -> tuple[Times, int]:
    """Small numbers in place of the groups', and how many numbers those are."""
    low = int(values.min())
    width = int(values.max()) - low + 1
    if width <= 4 * len(values):  # they are small already
        return values - low, width
    known, codes = np.unique(values, return_inverse=True)
    return codes, len(known)


class _Within:
    """Pairs (position of a stretch, position of a start that lies in it)."""

    def __init__(self, low: Times, high: Times, starts: Times, side: str) -> None:
        self._order, self._outer_order = np.argsort(starts), np.argsort(low)
        sorted_starts = starts[self._order]
        # in their order the searches walk through memory once
        low, high = low[self._outer_order], high[self._outer_order]
        self._first = np.searchsorted(sorted_starts, low, side=side)  # type: ignore[call-overload]
        self._behind = np.searchsorted(sorted_starts, high, side="right")

    @property
    def count(self) -> int:
        return int(np.maximum(self._behind - self._first, 0).sum())

    def pairs(self) -> tuple[Times, Times]:
        outer, place = _spread(self._first, self._behind)
        return self._outer_order[outer], self._order[place]


def _spread(first: Times, behind: Times) -> tuple[Times, Times]:
    """Each stretch of places as the pairs of its position and one place."""
    counts = np.maximum(behind - first, 0)
    outer = np.repeat(np.arange(len(first)), counts)
    # within each stretch 0, 1, 2 ...
    inner = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return outer, np.repeat(first, counts) + inner
