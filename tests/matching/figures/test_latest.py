"""Some of the intervals that meet another are found as by looking at all of them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from app.core.figures.frames import Times
from app.matching.figures.latest import NONE, first_in_order, last_begun
from app.matching.figures.overlaps import Lot, Meeting, starting_near

Interval = tuple[int, int, int]
"""Group, start, end."""
SEEDS = range(60)


def lot(intervals: list[Interval]) -> Lot:
    groups, starts, ends = np.array(intervals, np.int64).reshape(-1, 3).T
    return groups, starts, ends


def world(seed: int) -> tuple[list[Interval], list[Interval], list[int]]:
    """Intervals that ask; those that may meet them, and whose those are: an owner's do not meet."""
    chance = random.Random(seed)
    asking = []
    for _ in range(chance.randrange(12)):
        start = chance.randrange(60)
        asking.append((chance.randrange(3), start, start + chance.randrange(20)))
    others, owners = [], []
    for owner in range(chance.randrange(14)):
        for group in range(3):
            end = chance.randrange(-2, 50)
            while chance.random() < 0.6:
                start = end + chance.randrange(1, 8)
                end = start + chance.choice((0, 1, 5, 60))
                others.append((group, start, end))
                owners.append(owner)
    together = [*zip(others, owners, strict=True)]
    chance.shuffle(together)
    return asking, [one for one, _ in together], [owner for _, owner in together]


def meet(one: Interval, other: Interval) -> bool:
    return one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]


def pairs(found: tuple[Times, Times]) -> list[tuple[int, int]]:
    return sorted(zip(found[0].tolist(), found[1].tolist(), strict=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_all_that_meet(seed: int) -> None:
    asking, others, _ = world(seed)
    expected = [
        (at, place)
        for at, one in enumerate(asking)
        for place, other in enumerate(others)
        if meet(one, other)
    ]
    found = Meeting(lot(asking), lot(others))
    assert (found.count, pairs(found.pairs())) == (len(expected), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_each_owner_the_last_and_of_these_the_last_ones(seed: int) -> None:
    asking, others, owners = world(seed)
    chance = random.Random(seed)
    want = [chance.randrange(5) for _ in asking]
    expected = []
    for at, one in enumerate(asking):
        last: dict[int, tuple[int, int, int]] = {}
        for place, other in enumerate(others):
            if meet(one, other):
                mine = (other[1], owners[place], place)
                last[owners[place]] = max(mine, last.get(owners[place], mine))
        for _, _, place in sorted(last.values(), reverse=True)[: want[at]]:
            expected.append((at, place))
    found = last_begun(
        lot(asking), np.array(want, np.int64), lot(others), np.array(owners, np.int64)
    )
    assert pairs(found) == sorted(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_in_any_order(seed: int) -> None:
    asking, others, _ = world(seed)
    rank = [*range(len(others))]
    random.Random(seed).shuffle(rank)
    expected = []
    for one in asking:
        met = [(rank[place], place) for place, other in enumerate(others) if meet(one, other)]
        expected.append(min(met)[1] if met else NONE)
    found = first_in_order(lot(asking), lot(others), np.array(rank, np.int64))
    assert found.tolist() == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_what_starts_near_is_the_same_in_parts_of_any_size(seed: int) -> None:
    asking, others, _ = world(seed)
    groups, starts, ends = lot(asking)
    expected = [
        (at, place)
        for at, (group, *moments) in enumerate(asking)
        for place, (other, start, _) in enumerate(others)
        if group == other and min(abs(start - moment) for moment in moments) <= 3
    ]
    for at_once in (1, 7, 1000):
        parts = starting_near(groups, [starts, ends], 3, *lot(others)[:2], at_once)
        found = [pair for part in parts for pair in pairs(part)]
        assert sorted(found) == expected
