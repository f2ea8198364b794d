"""Which intervals of two lots meet, group by group: the join behind every match.

Two intervals meet where they share a moment; both ends belong to them. Of each pair that meets, one
begins within the other: so the pairs are found by two searches in sorted beginnings, and the work
grows with the intervals and the pairs that there are. Neither a long interval nor many of them
make it slow, as a look back by the longest length would.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from app.statistics.frames import Times

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


def starting_within(
    group: Times, low: Times, high: Times, other_group: Times, other_start: Times
) -> tuple[Times, Times]:
    """Positions of all pairs of one group of which the other begins from ``low`` to ``high``."""
    if not len(group) or not len(other_group):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    line = _Line((group, low, high), (other_group, other_start, other_start))
    return _within(line.left_start, line.left_end, line.right_start, "left")


class _Line:
    """All groups behind each other on one line of numbers, on which one search finds all.

    A group is a stretch with room for all moments. Where that is more than numbers hold, moments
    become their ranks, which are as many as there are moments.
    """

    def __init__(self, left: tuple[Times, Times, Times], right: tuple[Times, Times, Times]) -> None:
        groups, codes = np.unique(np.concatenate([left[0], right[0]]), return_inverse=True)
        count = len(left[0])
        moments = [left[1], left[2], right[1], right[2]]
        low = min(int(one.min()) for one in moments)
        # nothing begins later: an end behind it is as good as it
        last = max(int(left[1].max()), int(right[1].max()))
        room = last - low + 1
        if len(groups) * room < _ROOM:
            placed = [np.minimum(one, last) - low for one in moments]
        else:
            ranks = np.unique(np.concatenate(moments))
            placed = [np.searchsorted(ranks, one) for one in moments]
            room = len(ranks)
        base_left, base_right = codes[:count] * room, codes[count:] * room
        self.left_start, self.left_end = base_left + placed[0], base_left + placed[1]
        self.right_start, self.right_end = base_right + placed[2], base_right + placed[3]


def _within(low: Times, high: Times, starts: Times, side: str) -> tuple[Times, Times]:
    """Pairs (position of a stretch, position of a start that lies in it)."""
    order = np.argsort(starts, kind="stable")
    sorted_starts = starts[order]
    first = np.searchsorted(sorted_starts, low, side=side)  # type: ignore[call-overload]
    behind = np.searchsorted(sorted_starts, high, side="right")
    counts = np.maximum(behind - first, 0)
    total = int(counts.sum())
    outer = np.repeat(np.arange(len(low)), counts)
    # within each stretch 0, 1, 2 ...
    inner = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    return outer, order[np.repeat(first, counts) + inner]
