"""Availability: hand-computed, and against counting minute by minute."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.quarters import Quarter
from app.events.figures.facts import (
    FOREVER,
    STATES,
    EventRow,
    Events,
    facts_of,
    replaced,
)
from app.statistics.figures.availability import (
    LinkLife,
    LinkSpans,
    by_link_and_period,
    followed,
    spans_by_link,
    summed,
    summed_by_period,
)
from app.tickets.figures.facts import microseconds

Q1, Q2 = Quarter.parse("2012-Q1"), Quarter.parse("2012-Q2")
EDGES = [microseconds(moment) for moment in (Q1.begin, Q1.end, Q2.end)]
LATER = microseconds(datetime(2013, 1, 1, tzinfo=UTC))
HOUR = 3_600_000_000
ALWAYS = LinkLife(1, 0, FOREVER)


def event(number: int, state: str, start: datetime, hours: float | None) -> EventRow:
    end = None if hours is None else start + timedelta(hours=hours)
    return EventRow(number, 1, state, start, end, 1)


def hours_of(
    rows: list[EventRow], now: int = LATER, life: LinkLife = ALWAYS
) -> list[tuple[Any, ...]]:
    """Length, down, degraded, unmonitored in hours, and whether there is data, per period."""
    table = by_link_and_period(spans_by_link(facts_of(rows)), [life], EDGES, now)
    return [
        (
            one.whole / HOUR,
            *(part / HOUR for part in (one.down, one.degraded, one.unmonitored)),
            one.has_data,
        )
        for one in summed_by_period(table)
    ]


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2012, month, day, hour, tzinfo=UTC)


def test_down_time_of_a_quarter_of_a_leap_year() -> None:
    """2012's first quarter has 91 days: 2184 hours."""
    found = hours_of([event(1, "down", at(2, 29), 24)])
    assert found[0] == (2184, 24, 0, 0, True)
    assert found[1] == (2184, 0, 0, 0, True)


def test_an_event_over_the_end_of_a_quarter_is_in_both() -> None:
    found = hours_of([event(1, "down", at(3, 31, 20), 10)])
    assert [row[1] for row in found] == [4, 6]


def test_sources_that_overlap_are_not_added_up() -> None:
    found = hours_of(
        [
            event(1, "down", at(1, 1), 10),
            event(2, "down", at(1, 1, 5), 10),
            event(3, "degraded", at(1, 1, 14), 4),
            event(4, "unmonitored", at(1, 1, 12), 20),
        ]
    )
    # down 0 to 15, then degraded to 18, then without monitoring to 32
    assert found[0][1:4] == (15, 3, 14)


def test_what_goes_on_ends_now_and_so_does_the_quarter() -> None:
    found = hours_of([event(1, "down", at(4, 1), None)], now=microseconds(at(4, 11)))
    assert found == [(2184, 0, 0, 0, False), (240, 240, 0, 0, True)]


def test_before_the_first_event_of_any_source_there_is_no_data() -> None:
    found = hours_of([event(1, "degraded", at(4, 2), 1)])
    assert [row[4] for row in found] == [False, True]


def test_nothing_was_ever_told_of_it() -> None:
    assert [row[4] for row in hours_of([])] == [False, False]


def test_a_link_counts_only_while_it_exists() -> None:
    life = LinkLife(1, microseconds(at(3, 1)), microseconds(at(4, 11)))
    found = hours_of([event(1, "down", at(2, 1), 29 * 24 + 12)], life=life)
    assert found == [(31 * 24, 12, 0, 0, True), (240, 0, 0, 0, True)]


def test_availability_leaves_out_what_nobody_watched() -> None:
    """A quarter of 2184 h, 184 h without monitoring, 20 h down: 1 - 20/2000."""
    rows = [event(1, "unmonitored", at(1, 2), 184), event(2, "down", at(2, 1), 20)]
    frame = by_link_and_period(spans_by_link(facts_of(rows)), [ALWAYS], EDGES[:2], LATER)
    found = summed(frame)
    assert found.share == pytest.approx(0.99)
    assert dict(found.shares)["unmonitored"] == pytest.approx(184 / 2184)


def test_a_quarter_that_nobody_watched_has_no_availability() -> None:
    frame = by_link_and_period(
        spans_by_link(facts_of([event(1, "unmonitored", at(1, 1), 2184)])),
        [ALWAYS],
        EDGES[:2],
        LATER,
    )
    assert summed(frame).share is None
    assert summed(frame).has_data


EVENTS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(STATES),
        st.integers(0, 300),
        st.integers(0, 80) | st.none(),
    ),
    max_size=12,
)


def made(drawn: list[tuple[int, str, int, int | None]]) -> Events:
    """Events of up to three links; minutes of Q1."""
    return facts_of(
        EventRow(
            number,
            link,
            state,
            Q1.begin + timedelta(minutes=start),
            None if length is None else Q1.begin + timedelta(minutes=start + length),
            number % 2,
        )
        for number, (link, state, start, length) in enumerate(drawn, 1)
    )


@given(EVENTS, st.integers(1, 400))
def test_it_is_as_counted_minute_by_minute(
    drawn: list[tuple[int, str, int, int | None]], now: int
) -> None:
    begin = EDGES[0]
    minute = HOUR // 60
    edges = [begin, begin + 100 * minute, begin + 350 * minute]
    frame = by_link_and_period(
        spans_by_link(made(drawn)),
        [LinkLife(link, 0, FOREVER) for link in (1, 2, 3)],
        edges,
        begin + now * minute,
    )
    for link in (1, 2, 3):
        mine = [one for one in drawn if one[0] == link]
        for period, (first, last) in enumerate(((0, 100), (100, 350))):
            counted = dict.fromkeys(STATES, 0)
            for at_minute in range(first, min(last, now)):
                states = [
                    state
                    for _, state, start, length in mine
                    if start <= at_minute and (length is None or at_minute < start + length)
                ]
                if states:
                    counted[min(states, key=STATES.index)] += 1
            found = summed(frame[link - 1 : link, period : period + 1])
            assert {state: getattr(found, state) // minute for state in STATES} == counted


@given(EVENTS, EVENTS, st.randoms(use_true_random=False))
def test_following_changes_is_the_same_as_beginning_anew(
    before: list[tuple[int, str, int, int | None]],
    after: list[tuple[int, str, int, int | None]],
    rng: random.Random,
) -> None:
    kept = [new if rng.random() < 0.3 else old for old, new in zip(before, after, strict=False)]
    kept += before[len(kept) :] + after[:2]
    old, new = made(before), made(kept)
    changed = [at for at in range(len(new)) if at >= len(old) or old[at] != new[at]]
    found, expected = followed(followed(None, old), new[changed]), followed(None, new)
    assert found.events.tolist() == new.tolist()
    assert found.spans.keys() == expected.spans.keys()
    for link, spans in expected.spans.items():
        assert found.spans[link].first == spans.first
        assert found.spans[link].sources == spans.sources
        for state in STATES:
            np.testing.assert_array_equal(found.spans[link].spans[state], spans.spans[state])


@given(EVENTS, EVENTS, st.lists(st.integers(1, 30), unique=True), st.randoms(use_true_random=False))
def test_what_is_newer_of_an_event_takes_its_place(
    before: list[tuple[int, str, int, int | None]],
    after: list[tuple[int, str, int, int | None]],
    ids: list[int],
    rng: random.Random,
) -> None:
    old, new = made(before), made(after)
    old["id"] *= 2  # with gaps, into which others come
    new = new[: len(ids)]
    new["id"] = sorted(rng.sample(ids, len(new)))
    whole = {row[0]: row for row in (*old.tolist(), *new.tolist())}
    found = replaced(old, new)
    assert found.tolist() == [whole[key] for key in sorted(whole)]


def silent(spans: LinkSpans, *times: tuple[int, int]) -> LinkSpans:
    """With these times, in hours of the first quarter, in which nobody watched."""
    sides = zip(*times, strict=True)
    starts, ends = (np.array([EDGES[0] + one * HOUR for one in side], np.int64) for side in sides)
    return replace(spans, unwatched=(starts, ends))


def test_silence_is_left_out_and_reports_in_it_stay() -> None:
    """A quarter of 2184 h: 10 h down, 4 h of them in a silence of 100 h."""
    one = spans_by_link(facts_of([event(1, "down", at(1, 2), 10)]))[1]
    table = by_link_and_period({1: silent(one, (30, 130))}, [ALWAYS], EDGES[:2], LATER)
    found = summed(table)
    assert [part / HOUR for part in (found.length, found.down, found.unmonitored)] == [2184, 10, 96]
    assert found.share == pytest.approx(1 - 10 / (2184 - 96))


def test_a_period_in_which_nobody_was_heard_has_no_data() -> None:
    one = spans_by_link(facts_of([event(1, "down", at(1, 2), 10)]))[1]
    table = by_link_and_period({1: silent(one, (2184, 9000))}, [ALWAYS], EDGES, LATER)
    first, second = summed_by_period(table)
    assert (first.has_data, first.unmonitored, second.has_data, second.share) == (
        *(True, 0, False, None),
    )
    assert second.whole == EDGES[2] - EDGES[1]


def test_what_is_ongoing_when_everybody_falls_silent_counts_on() -> None:
    """As the state of the link has it: down, as last reported."""
    one = spans_by_link(facts_of([event(1, "down", at(3, 31), None)]))[1]
    table = by_link_and_period({1: silent(one, (2183, 9000))}, [ALWAYS], EDGES, LATER)
    second = summed_by_period(table)[1]
    assert (second.down, second.unmonitored) == (EDGES[2] - EDGES[1], 0)


SILENCES = st.lists(st.integers(0, 399), max_size=8, unique=True).map(sorted)


@given(EVENTS, SILENCES, st.integers(1, 400))
def test_with_silence_it_is_as_counted_minute_by_minute(
    drawn: list[tuple[int, str, int, int | None]], cuts: list[int], now: int
) -> None:
    begin, minute = EDGES[0], HOUR // 60
    pairs = [*zip(cuts[::2], cuts[1::2], strict=False)]
    mine = [one for one in drawn if one[0] == 1]
    spans = spans_by_link(made(mine))
    if not spans:
        return
    sides = (np.array([begin + one[side] * minute for one in pairs], np.int64) for side in (0, 1))
    starts, ends = sides
    with_silence = {1: replace(spans[1], unwatched=(starts, ends))}
    edges = [begin, begin + 100 * minute, begin + 350 * minute]
    frame = by_link_and_period(with_silence, [ALWAYS], edges, begin + now * minute)
    for period, (first, last) in enumerate(((0, 100), (100, 350))):
        counted, heard = dict.fromkeys(STATES, 0), 0
        last = min(last, now)
        for at_minute in range(first, last):
            states = [
                state
                for _, state, start, length in mine
                if start <= at_minute and (length is None or at_minute < start + length)
            ]
            is_silent = any(start <= at_minute < end for start, end in pairs)
            heard += bool(states) or not is_silent
            if states or is_silent:
                counted[min([*states, *["unmonitored"] * is_silent], key=STATES.index)] += 1
        found = summed(frame[:, period : period + 1])
        if not heard:
            assert not found.has_data
        elif found.has_data:
            assert {state: getattr(found, state) // minute for state in STATES} == counted
