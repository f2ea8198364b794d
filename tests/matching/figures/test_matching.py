"""Matching is the same for any order and any split, and equals the slow reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.figures import frames
from app.matching.figures import keeping
from app.matching.figures.matching import Matched, match_events
from tests.harness.examples import up_to
from tests.matching.figures.reference import (
    FOREVER,
    HOUR,
    MINUTE,
    Decided,
    Event,
    Rule,
    Said,
    matched,
)

LINKS = (1, 2, 3)
NOW = 40 * HOUR
MANY = 1000
"""Tickets of a kind beside an event: more than there are."""
RULES = (
    Rule(1, 0, 10 * MINUTE, HOUR, HOUR),
    Rule(2, 20 * HOUR, 30 * MINUTE, 2 * HOUR, 15 * MINUTE),
)
# five minutes apart, so that ends meet and touch often
times = st.integers(0, 36 * 12).map(lambda step: step * 5 * MINUTE)
lengths = st.integers(0, 60).map(lambda step: step * 5 * MINUTE)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Event], list[Said], list[Decided]]:
    links = draw(st.sampled_from((LINKS, LINKS[:1])))  # of one link more tickets meet than are kept
    events: list[Event] = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        start = draw(times)
        end = FOREVER if draw(st.integers(0, 9)) == 0 else start + draw(lengths)
        events.append(
            Event(number, draw(st.sampled_from(links)), start, end, draw(st.integers(1, 2)))
        )
    said = []
    for _ in range(draw(st.integers(0, 10))):
        start = draw(times)
        end = FOREVER if draw(st.integers(0, 3)) == 0 else start + draw(lengths)
        if len(events) > 0 and draw(st.booleans()):
            of: Event = draw(st.sampled_from(events))
            shift = draw(st.sampled_from((HOUR, -2 * HOUR, 9 * HOUR, 5 * MINUTE)))
            start, end = of.start + shift, min(of.end + shift, FOREVER)
        since = draw(st.sampled_from((0, 10 * HOUR)))
        offset = draw(st.sampled_from((0, HOUR, 9 * HOUR)))
        ticket, thing = draw(st.integers(100, 105)), draw(st.sampled_from(links))
        # all intervals of a ticket are of one kind and one creation
        how, maintenance, created = (ticket + thing) % 2, ticket % 3 == 0, (ticket * 7) % 5
        said.append(
            Said(ticket, thing, start, end, how, 7, since, FOREVER, offset, maintenance, created)
        )
    decided: list[Decided] = []
    if events:
        for order in range(draw(st.integers(0, 4))):
            event = draw(st.sampled_from(events)).id
            ticket = draw(st.integers(100, 106))
            if not any((one.event, one.ticket) == (event, ticket) for one in decided):
                linked = draw(st.booleans())
                decided.append(Decided(event, ticket, linked, order, maintenance=False))
    return events, said, decided


def match(
    events: Sequence[Event],
    said: Sequence[Said],
    decided: Sequence[Decided],
    most: int = MANY,
    now: int = NOW,
) -> Matched:
    things = [(link, True, 0, FOREVER, 8, 0, 0, 9, 0, FOREVER) for link in LINKS]
    return match_events(
        frames.frame(frames.EVENTS, events),
        frames.frame(frames.THINGS, things),
        frames.frame(frames.EVIDENCE, said),
        frames.frame(frames.DECISIONS, decided),
        frames.frame(frames.RULES, RULES),
        now,
        most,
    )


def told(found: Matched) -> dict[int, tuple[list[int], dict[int, bool]]]:
    result: dict[int, tuple[list[int], dict[int, bool]]] = {
        int(one): ([], {}) for one in found.detected["id"]
    }
    for event, detected in frames.rows_of(found.members):
        result[detected][0].append(event)
    for pair in frames.rows_of(found.pairs):
        result[pair.detected][1][pair.ticket] = bool(pair.documents)
    return result


@given(worlds(), st.sampled_from((1, 2, 3, MANY)), times | st.just(NOW))
@settings(max_examples=up_to(200), deadline=None)
def test_it_equals_the_slow_reference(
    world: tuple[list[Event], list[Said], list[Decided]], most: int, now: int
) -> None:
    events, said, decided = world
    found = match(events, said, decided, most, now)
    expected = matched(events, said, decided, RULES, most, now)
    assert told(found) == expected
    documented = dict(zip(found.detected["id"], found.detected["documented"], strict=True))
    assert documented == {one: any(tickets.values()) for one, (_, tickets) in expected.items()}


@given(worlds(), st.sampled_from((1, MANY)), times, lengths)
@settings(max_examples=up_to(200), deadline=None)
def test_time_alone_changes_nothing_before_it_says_so(
    world: tuple[list[Event], list[Said], list[Decided]], most: int, now: int, later: int
) -> None:
    before = match(*world, most, now)
    due = min(before.detected["changes_at"], default=FOREVER)
    assert due > now
    # the last moment at which it holds, or a random one before that
    then = min(now + later, due - 1)
    after = match(*world, most, then)
    for name in ("detected", "members", "pairs"):
        pd.testing.assert_frame_equal(getattr(before, name), getattr(after, name))


@given(worlds(), st.sampled_from((1, MANY)), times | st.just(NOW))
@settings(max_examples=up_to(200), deadline=None)
def test_what_is_over_is_documented_as_it_was(
    world: tuple[list[Event], list[Said], list[Decided]], most: int, now: int
) -> None:
    """Before, what had not begun counted as well, which is the reference at the end of time: of an
    event that is over, longer than any ticket may be off, both say the same."""
    events, said, decided = world
    found = match(events, said, decided, most, now)
    before = matched(events, said, decided, RULES, most, FOREVER)
    over = found.detected[found.detected["end"] + 12 * HOUR < now]["id"].tolist()
    after = told(found)
    assert {one: after[one] for one in over} == {one: before[one] for one in over}


def test_nothing_documents_in_the_time_to_come() -> None:
    """By hand: an ongoing event from hour 10, work from hour 14 to 16, a ticket from hour 11 on."""
    event = Event(1, 1, 10 * HOUR, FOREVER, 2)
    work = Said(100, 1, 14 * HOUR, 16 * HOUR, 0, 7, 0, FOREVER, 0, maintenance=True, created=0)
    open_one = Said(101, 1, 11 * HOUR, FOREVER, 0, 7, 0, FOREVER, 0, maintenance=False, created=0)

    def at(hour: float, *said: Said) -> tuple[Any, ...]:
        found = match([event], said, [], now=int(hour * HOUR))
        pairs = [(one.ticket, one.overlap) for one in frames.rows_of(found.pairs)]
        (only,) = frames.rows_of(found.detected)
        return only.documented, pairs, only.changes_at

    # it counts from an hour on
    assert at(10.5, work) == (False, [], 11 * HOUR)
    assert at(13.99, work) == (False, [], 14 * HOUR)
    assert at(14, work) == (True, [(100, FOREVER)], 16 * HOUR)
    assert at(15.99, work) == (True, [(100, FOREVER)], 16 * HOUR)
    assert at(16, work) == (True, [(100, 2 * HOUR)], FOREVER)
    assert at(12, open_one) == (True, [(101, FOREVER)], FOREVER)
    # an event that ended is documented by what begins within the tolerance, once it has begun
    event = event._replace(end=13 * HOUR)
    assert at(13.5, work) == (False, [], 14 * HOUR)
    assert at(14, work) == (True, [(100, 0)], FOREVER)
    assert at(13.5, work._replace(start=13 * HOUR, end=13 * HOUR)) == (
        *(True, [(100, 0)]),
        FOREVER,
    )


@given(worlds(), st.randoms(use_true_random=False), st.sampled_from((1, 2, MANY)))
@settings(max_examples=up_to(60), deadline=None)
def test_order_and_split_make_no_difference(
    world: tuple[list[Event], list[Said], list[Decided]], chance: random.Random, most: int
) -> None:
    events, said, decided = world
    whole = match(events, said, decided, most)
    for some in (events, said, decided):
        chance.shuffle(some)
    again = match(events, said, decided, most)
    parts = [
        match(
            [one for one in events if one.thing == link],
            [one for one in said if one.thing == link],
            decided,
            most,
        )
        for link in LINKS
    ]
    for name, keys in (
        ("detected", ["id"]),
        ("members", ["event"]),
        ("pairs", ["detected", "ticket"]),
    ):
        expected = getattr(whole, name).sort_values(keys, ignore_index=True)
        shuffled = getattr(again, name).sort_values(keys, ignore_index=True)
        pd.testing.assert_frame_equal(expected, shuffled)
        filled = [part for part in (getattr(one, name) for one in parts) if len(part)]
        if filled:
            split = pd.concat(filled).sort_values(keys, ignore_index=True)
            pd.testing.assert_frame_equal(expected, split)


@given(worlds(), st.sampled_from((1, MANY)))
@settings(max_examples=up_to(60), deadline=None)
def test_no_decision_by_hand_is_lost(
    world: tuple[list[Event], list[Said], list[Decided]], most: int
) -> None:
    events, said, decided = world
    newest = {one.ticket: one for one in sorted(decided, key=lambda one: one.order)}
    found = match(events, said, decided, most)
    of = dict(frames.rows_of(found.members))
    pairs = {(p.detected, p.ticket): p for p in frames.rows_of(found.pairs)}
    for ticket, decision in newest.items():
        pair = pairs.get((of[decision.event], ticket))
        if decision.linked:
            assert pair is not None
        if pair is not None:
            assert (pair.documents, pair.how) == (decision.linked, frames.BY_HAND)


@given(worlds())
@settings(max_examples=up_to(60), deadline=None)
def test_what_figures_say_is_the_same_however_few_are_kept(
    world: tuple[list[Event], list[Said], list[Decided]],
) -> None:
    few, all_of_them = match(*world, 1), match(*world)
    pd.testing.assert_frame_equal(few.detected, all_of_them.detected)


def test_of_each_kind_those_that_begin_last_are_kept_and_the_first_that_was_created() -> None:
    """By hand: one event of hour 10 to 12, and tickets that all meet it."""
    event = Event(1, 1, 10 * HOUR, 12 * HOUR, 2)

    def ticket(number: int, begin: int, created: int, *, of_work: bool = False) -> Said:
        return Said(
            *(number, 1, begin * HOUR, FOREVER, 0, 7, 0, FOREVER, 0), of_work, created * HOUR
        )

    said = [
        ticket(100, 1, 1),
        ticket(101, 5, 0),  # begins late, and was written first
        ticket(102, 9, 9),
        ticket(103, 9, 9),
        ticket(104, 8, 8),
        ticket(105, 1, 1, of_work=True),
        ticket(106, 13, 13),  # begins within the tolerance
        ticket(107, 14, 14),  # too late
    ]
    kept = told(match([event], said, [], most=2))[1][1]
    assert kept == dict.fromkeys((101, 103, 105, 106), True)
    off = [
        Decided(1, number, linked=False, order=number, maintenance=False) for number in (101, 106)
    ]
    kept = told(match([event], said, off, most=2))[1][1]
    # what was taken off takes no place, and is not the first: that is 100, before 105
    assert kept == {100: True, 101: False, 102: True, 103: True, 105: True, 106: False}


def test_several_intervals_of_a_ticket_take_one_place() -> None:
    event = Event(1, 1, 10 * HOUR, 12 * HOUR, 2)

    def said_of(number: int, begin: int, end: int) -> Said:
        times = (begin * MINUTE, end * MINUTE)
        return Said(number, 1, *times, 0, 7, 0, FOREVER, 0, maintenance=False, created=number)

    said = [
        said_of(100, 610, 620),
        said_of(100, 640, 650),
        said_of(100, 645, 655),
        said_of(100, 690, 695),
        said_of(101, 600, 620),
        said_of(102, 590, 900),
    ]
    found = match([event], said, [], most=2)
    assert told(found)[1][1] == {100: True, 101: True}
    overlaps = dict(zip(found.pairs["ticket"], found.pairs["overlap"] // MINUTE, strict=True))
    # 640 to 655 is one interval, and the longest of the three
    assert overlaps == {100: 15, 101: 20}


def test_what_is_compared_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And makes no difference: three events with two tickets each, in parts of one and of all."""
    events = [Event(n, 1, 10 * n * HOUR, (10 * n + 1) * HOUR, 2) for n in (1, 2, 3)]
    said = [
        Said(100 + n, 1, 10 * n * HOUR, FOREVER, 0, 7, 0, FOREVER, 0, maintenance=False, created=n)
        for n in (1, 2, 3)
    ]
    sizes: list[tuple[int, int]] = []
    whole = keeping._chosen

    def noted(asked: Any, some: Any, rows: Any, also: Any) -> Any:
        sizes.append((len(some), len(rows)))
        return whole(asked, some, rows, also)

    monkeypatch.setattr(keeping, "_chosen", noted)
    expected = told(match(events, said, []))
    assert sizes == [(3, 3)]
    sizes.clear()
    monkeypatch.setattr(keeping, "MAX_CELLS", 5)
    assert told(match(events, said, [])) == expected
    assert sizes == [(1, 1), (1, 2), (1, 3)]
