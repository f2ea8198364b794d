"""When a source is silent, and when nobody watched a link: tables by hand, and any intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.rules.hearing import (
    Hearing,
    Watch,
    ongoing_silence,
    silence_in_words,
    silent_since,
    unwatched,
)

NOON = datetime(2013, 3, 6, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


@pytest.mark.parametrize(("ago", "is_silent"), [(0, False), (15, False), (15.1, True), (900, True)])
def test_a_source_is_silent_after_its_interval(ago: float, *, is_silent: bool) -> None:
    assert Hearing("probe", 15 * MINUTE, at(-ago)).is_silent(NOON) is is_silent


def test_a_source_that_was_heard_in_the_time_to_come_is_not_known_to_be_heard() -> None:
    # clocks of two servers differ by less than an interval; else one of them was wrong
    assert not Hearing("probe", 15 * MINUTE, at(15)).is_silent(NOON)
    assert Hearing("probe", 15 * MINUTE, at(15.1)).is_silent(NOON)


def test_a_source_that_never_called_is_silent() -> None:
    never = Hearing("probe", 15 * MINUTE, None)
    assert never.is_silent(NOON)
    assert never.words(NOON) == "probe never heard (expected every 15 min)"
    assert silent_since([never]) is None


def test_silence_is_said_of_the_source_heard_last_first() -> None:
    every = [Hearing(f"s{ago}", 60 * MINUTE, at(-ago)) for ago in (400, 180, 300, 200)]
    assert silence_in_words(every, NOON) == (
        "s180 not heard for 3 h (expected every 1 h); s200 not heard for 3 h 20 min (expected every"
        " 1 h); s300 not heard for 5 h (expected every 1 h); and 1 more"
    )
    assert silent_since(every) == at(-180)


@pytest.mark.parametrize(
    ("last", "known_from", "begin"),
    [
        (-10, None, None),
        (-60, None, None),
        (-61, None, -61),
        # before this portal recorded it, nothing is counted
        (-300, -120, -120),
        (-300, -400, -300),
        (None, -120, -120),
    ],
)
def test_an_ongoing_silence_begins_when_the_source_was_heard_last(
    last: int | None, known_from: int | None, begin: int | None
) -> None:
    found = ongoing_silence(
        None if last is None else at(last),
        60 * MINUTE,
        None if known_from is None else at(known_from),
        NOON,
    )
    assert found == (None if begin is None else (at(begin), NOON))


def test_a_link_is_unwatched_while_all_its_sources_are_silent() -> None:
    one = Watch(at(0), [(at(10), at(30)), (at(50), at(60))])
    assert unwatched([one]) == [(at(10), at(30)), (at(50), at(60))]
    assert unwatched([]) == []
    # another one heard it in between
    other = Watch(at(0), [(at(20), at(55))])
    assert unwatched([one, other]) == [(at(20), at(30)), (at(50), at(55))]
    # one that first reported the link later did not watch it before
    late = Watch(at(25), [])
    assert unwatched([one, late]) == [(at(10), at(25))]


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=6)


@given(st.lists(st.tuples(st.integers(0, 40), SPANS), min_size=1, max_size=4))
def test_minute_by_minute_it_is_the_same(
    made: list[tuple[int, list[tuple[int, int]]]],
) -> None:
    """A minute is unwatched if each source was silent in it or had not reported the link yet."""
    watches: list[Watch] = []
    expected = {*range(min(since for since, _spans in made), 80)}
    for since, spans in made:
        minutes = {minute for start, length in spans for minute in range(start, start + length)}
        watches.append(Watch(at(since), [(at(one), at(one + 1)) for one in sorted(minutes)]))
        expected &= minutes | {*range(since)}
    found = unwatched(watches)
    covered = {
        minute
        for minute in range(80)
        if any(start <= at(minute) and at(minute + 1) <= end for start, end in found)
    }
    assert covered == expected
    assert [*found] == sorted(found)
