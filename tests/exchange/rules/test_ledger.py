"""The chain of what crossed a pair: one entry removed, altered or doubled is named."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchange.rules.ledger import (
    Difference,
    Linked,
    chain,
    first_broken,
    first_difference,
    link,
)

MANY = 100_000
DIGESTS = st.lists(st.sampled_from("abc"), max_size=30)


@pytest.fixture(scope="module")
def whole() -> list[Linked]:
    return chain("LHCOPN#1", (f"{number:064x}" for number in range(MANY)))


@given(DIGESTS)
def test_a_chain_is_whole_as_it_was_made(digests: list[str]) -> None:
    assert first_broken(chain("LHCOPN#1", digests)) is None


@given(DIGESTS, DIGESTS)
def test_the_first_entry_that_differs_is_named(here: list[str], there: list[str]) -> None:
    ours, theirs = ([one.hash for one in chain("LHCOPN#1", each)] for each in (here, there))
    common = next((n for n, (a, b) in enumerate(zip(here, there, strict=False), 1) if a != b), None)
    found = first_difference(ours, theirs)
    if common is not None:
        assert found == Difference(common, "different")
    elif len(here) == len(there):
        assert found is None
    else:
        why = "missing there" if len(here) > len(there) else "missing here"
        assert found == Difference(min(len(here), len(there)) + 1, why)


@given(DIGESTS.filter(bool), st.randoms())
def test_any_entry_removed_altered_or_doubled_is_seen(digests: list[str], chance: Random) -> None:
    made = chain("LHCOPN#1", digests)
    place = chance.randrange(len(made))
    altered = [*made[:place], replace(made[place], digest="other"), *made[place + 1 :]]
    assert first_broken(altered) == Difference(place + 1, "altered")
    doubled = [*made[: place + 1], *made[place:]]
    assert first_broken(doubled) == Difference(place + 1, "doubled")
    removed = [*made[:place], *made[place + 1 :]]
    is_last = place == len(made) - 1
    assert first_broken(removed) == (None if is_last else Difference(place + 1, "missing"))


@pytest.mark.parametrize("place", [0, 49_999, MANY - 2])
def test_one_of_a_hundred_thousand_is_named(whole: list[Linked], place: int) -> None:
    altered = [*whole]
    altered[place] = replace(whole[place], digest="0" * 64 if place else "1" * 64)
    cases = {
        "altered": altered,
        "missing": [*whole[:place], *whole[place + 1 :]],
        "doubled": [*whole[: place + 1], *whole[place:]],
    }
    for why, entries in cases.items():
        assert first_broken(entries) == Difference(place + 1, why)


def test_two_sides_of_a_hundred_thousand_are_compared_in_a_few_looks(whole: list[Linked]) -> None:
    here = [one.hash for one in whole]
    there = [*here]
    before = whole[70_000].before
    for place in range(70_000, MANY):
        made = link("LHCOPN#1", place + 1, "other" if place == 70_000 else here[place], before)
        there[place], before = made.hash, made.hash
    assert first_difference(here, there) == Difference(70_001, "different")


def main() -> None:
    """Say how long a look through a hundred thousand entries takes."""
    made = chain("LHCOPN#1", (f"{number:064x}" for number in range(MANY)))
    began = perf_counter()
    assert first_broken([*made[:-2], made[-1]]) == Difference(MANY - 1, "missing")
    print(f"{MANY:,} entries: {perf_counter() - began:.3f} s")


if __name__ == "__main__":
    main()
