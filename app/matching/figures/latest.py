"""Of the many intervals that meet another: those that begin last, or the first in some order.

For where the pairs that meet are too many to be made. Work and memory grow with the intervals and
with what is asked for, not with what meets: the first by a tree of the latest ends, in rounds over
all that still want one; the other by the ends of runs of 1, 2, 4 ... beginnings.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from app.core.figures.frames import Times
from app.matching.figures.overlaps import Line, Lot

NONE: Final = -1
"""No position."""
_MIN, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def last_begun(left: Lot, want: Times, right: Lot, owner: Times) -> tuple[Times, Times]:
    """Positions of pairs of one group that meet: for each left interval up to ``want`` right ones
    of as many owners, those that begin last; of the same beginning those of the higher owner.

    An owner's intervals of one group do not meet each other: of each owner its last stands for it.
    """
    nothing = np.zeros(0, np.int64)
    if not len(left[0]) or not len(right[0]):
        return nothing, nothing
    line = Line(left, right)
    order = np.lexsort((owner, line.right_start))
    starts, again = line.right_start[order], _next_of_owner(line, owner)[order]
    tree = _Latest(line.right_end[order])
    asking = np.flatnonzero(want > 0)
    place = np.searchsorted(starts, line.left_end[asking], "right") - 1
    missing = want[asking]
    of_left, of_right = [nothing], [nothing]
    while True:
        place = tree.before(place, line.left_start[asking])
        going = np.flatnonzero(place >= 0)
        if not len(going):
            break
        asking, place, missing = asking[going], place[going], missing[going]
        # of an owner that was found already a later interval meets as well
        is_new = again[place] > line.left_end[asking]
        of_left.append(asking[is_new])
        of_right.append(order[place[is_new]])
        missing = missing - is_new
        going = np.flatnonzero(missing > 0)
        asking, place, missing = asking[going], place[going] - 1, missing[going]
    return np.concatenate(of_left), np.concatenate(of_right)


def _next_of_owner(line: Line, owner: Times) -> Times:
    """Where the owner's next interval of the group begins, on the line."""
    following = np.full(len(owner), _MOST)
    order = np.lexsort((line.right_start, owner, line.right_base))
    one, other = order[:-1], order[1:]
    same = (owner[one] == owner[other]) & (line.right_base[one] == line.right_base[other])
    following[one[same]] = line.right_start[other[same]]
    return following


class _Latest:
    """The ends in order of the beginnings, and of each two neighbours the later one, and so on."""

    def __init__(self, ends: Times) -> None:
        self._levels = [ends]
        while len(ends) > 1:
            if len(ends) % 2:
                ends = np.append(ends, _MIN)
                self._levels[-1] = ends
            ends = np.maximum(ends[::2], ends[1::2])
            self._levels.append(ends)

    def before(self, place: Times, least: Times) -> Times:
        """For each the highest place up to ``place`` whose end is at least ``least``, or NONE."""
        found = np.full(len(place), NONE, np.int64)
        rising, node = np.flatnonzero(place >= 0), place[place >= 0]
        sinking: list[tuple[Times, Times]] = []
        # a node stands for what lies left of all that was seen; to the right nothing fits
        for ends in self._levels:
            fits = ends[node] >= least[rising]
            sinking.append((rising[fits], node[fits]))
            rising, node = rising[~fits], (node[~fits] - 1) >> 1
            left = node >= 0
            rising, node = rising[left], node[left]
            if not len(rising):
                break
        which, node = sinking.pop()
        while sinking:
            ends = self._levels[len(sinking) - 1]
            node = 2 * node + 1
            node -= ends[node] < least[which]
            also, beside = sinking.pop()
            which, node = np.concatenate([which, also]), np.concatenate([node, beside])
        found[which] = node
        return found


def first_in_order(left: Lot, right: Lot, rank: Times) -> Times:
    """For each left interval the position of the right one of its group that meets it and has the
    lowest rank, or NONE. Ranks are 0, 1, 2 ..., each once."""
    count = len(right[0])
    if not len(left[0]) or not count:
        return np.full(len(left[0]), NONE, np.int64)
    line = Line(left, right)
    order = np.argsort(line.right_start)
    begun = np.searchsorted(line.right_start[order], line.left_end, "right")
    by_end = np.argsort(line.right_end)
    place_of_end = np.empty(count, np.int64)
    place_of_end[by_end] = np.arange(count)
    least = np.searchsorted(line.right_end[by_end], line.left_start, "left")
    # the first ``begun`` are runs of the lengths that are in that number's binary digits
    at, ends, ranks = np.arange(count), place_of_end[order], rank[order]
    best = np.full(len(begun), count, np.int64)
    for power in range(count.bit_length()):
        key = (at >> power) * count + ends
        walk = np.argsort(key, kind="stable")
        at, ends, ranks, key = at[walk], ends[walk], ranks[walk], key[walk]
        wanted = np.flatnonzero((begun >> power) & 1)
        if not len(wanted):
            continue
        run = (begun[wanted] >> (power + 1)) * 2
        place = np.searchsorted(key, run * count + least[wanted], "left")
        ends_here = place < (run + 1) << power
        wanted, place = wanted[ends_here], place[ends_here]
        best[wanted] = np.minimum(best[wanted], _least_behind(ranks, power)[place])
    of_rank = np.full(count + 1, NONE, np.int64)
    of_rank[rank] = np.arange(count)
    return of_rank[best]


def _least_behind(values: Times, power: int) -> Times:
    """In runs of two to that power: the least from each place to the end of its run."""
    length = 1 << power
    filled = np.full(-(-len(values) // length) * length, _MOST)
    filled[: len(values)] = values
    runs = filled.reshape(-1, length)[:, ::-1]
    return np.minimum.accumulate(runs, axis=1)[:, ::-1].reshape(-1)
