"""Which intervals of two lots meet, group by group: the join behind every match.

Two intervals meet where they share a moment; both ends belong to them. Of each pair that meets, one
begins within the other: so the pairs are found by two searches in sorted beginnings, and the work
grows with the intervals and the pairs that there are. Neither a long interval nor many of them
make it slow, as a look back by the longest length would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from app.statistics.frames import Flags, Times

_ROOM: Final = 2**62


def meeting(
    left_group: Times,
    left_start: Times,
    left_end: Times,
    right_group: Times,
    right_start: Times,
    right_end: Times,
) -> tuple[Times, Times]:
    """Positions of all pairs of one group that meet, each once, in no special order.

    An interval that ends before it begins meets nothing.
    """
    sound_left = np.flatnonzero(left_end >= left_start)
    sound_right = np.flatnonzero(right_end >= right_start)
    if not len(sound_left) or not len(sound_right):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    line = _Line(
        (left_group[sound_left], left_start[sound_left], left_end[sound_left]),
        (right_group[sound_right], right_start[sound_right], right_end[sound_right]),
    )
    # the right one begins within the left one, the same moment included ...
    first_left, first_right = _within(line.left_start, line.left_end, line.right_start, "left")
    # ... or the left one within the right one, and later
    then_right, then_left = _within(line.right_start, line.right_end, line.left_start, "right")
    left = np.concatenate([first_left, then_left])
    right = np.concatenate([first_right, then_right])
    return sound_left[left], sound_right[right]


def starting_near(
    group: Times,
    moments: Sequence[Times],
    slack: int,
    other_group: Times,
    other_start: Times,
) -> tuple[Times, Times]:
    """Positions of all pairs of one group of which the other begins at most ``slack`` from one of
    the ``moments`` that each row has; each pair once, in order."""
    nothing = np.zeros(0, np.int64)
    if not len(group) or not len(other_group):
        return nothing, nothing
    codes, groups = _codes(np.concatenate([group, other_group]))
    first, last = int(other_start.min()) - 1, int(other_start.max()) + 1
    room = last - first + 1
    if groups * room >= _ROOM:  # too many for one line: half of the groups, then the other half
        half = codes < groups // 2
        return _in_halves(half, group, moments, slack, other_group, other_start)
    count = len(group)
    order = np.argsort(codes[count:] * room + (other_start - first))
    line = (codes[count:] * room + (other_start - first))[order]
    walk = np.argsort(codes[:count] * room + (np.clip(moments[0], first, last) - first))
    base = (codes[:count] * room)[walk]
    found = [nothing]
    for moment in moments:
        asked = moment[walk]
        low = np.searchsorted(line, base + (np.clip(asked - slack, first, last) - first), "left")
        high = np.searchsorted(line, base + (np.clip(asked + slack, first, last) - first), "right")
        outer, place = _spread(low, high)
        found.append(walk[outer] * len(other_start) + order[place])
    pairs = np.unique(np.concatenate(found))
    return pairs // len(other_start), pairs % len(other_start)


def _in_halves(
    half: Flags,
    group: Times,
    moments: Sequence[Times],
    slack: int,
    other_group: Times,
    other_start: Times,
) -> tuple[Times, Times]:
    lefts, rights = [], []
    for which in (half, ~half):
        left = np.flatnonzero(which[: len(group)])
        right = np.flatnonzero(which[len(group) :])
        one, other = starting_near(
            group[left],
            [moment[left] for moment in moments],
            slack,
            other_group[right],
            other_start[right],
        )
        lefts.append(left[one])
        rights.append(right[other])
    return np.concatenate(lefts), np.concatenate(rights)


class _Line:
    """All groups behind each other on one line of numbers, on which one search finds all.

    A group is a stretch with room for all moments. Where that is more than numbers hold, moments
    become their ranks, which are as many as there are moments.
    """

    def __init__(self, left: tuple[Times, Times, Times], right: tuple[Times, Times, Times]) -> None:
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
        base_left, base_right = codes[:count] * room, codes[count:] * room
        self.left_start, self.left_end = base_left + placed[0], base_left + placed[1]
        self.right_start, self.right_end = base_right + placed[2], base_right + placed[3]


def _codes(values: Times) -> tuple[Times, int]:
    """Small numbers in place of the groups', and how many numbers those are."""
    low = int(values.min())
    width = int(values.max()) - low + 1
    if width <= 4 * len(values):  # they are small already
        return values - low, width
    known, codes = np.unique(values, return_inverse=True)
    return codes, len(known)


def _within(low: Times, high: Times, starts: Times, side: str) -> tuple[Times, Times]:
    """Pairs (position of a stretch, position of a start that lies in it)."""
    order, outer_order = np.argsort(starts), np.argsort(low)
    sorted_starts, low, high = starts[order], low[outer_order], high[outer_order]
    # in their order the searches walk through memory once
    first = np.searchsorted(sorted_starts, low, side=side)  # type: ignore[call-overload]
    behind = np.searchsorted(sorted_starts, high, side="right")
    outer, place = _spread(first, behind)
    return outer_order[outer], order[place]


def _spread(first: Times, behind: Times) -> tuple[Times, Times]:
    """Each stretch of places as the pairs of its position and one place."""
    counts = np.maximum(behind - first, 0)
    outer = np.repeat(np.arange(len(first)), counts)
    # within each stretch 0, 1, 2 ...
    inner = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return outer, np.repeat(first, counts) + inner
