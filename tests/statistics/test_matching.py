"""Matching is the same for any order and any split, and equals the slow reference."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from app.statistics import frames
from app.statistics.matching import Matched, match_events
from tests.statistics.reference import (
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
RULES = (
    Rule(1, 0, 10 * MINUTE, HOUR, HOUR),
    Rule(2, 20 * HOUR, 30 * MINUTE, 2 * HOUR, 15 * MINUTE),
)
# five minutes apart, so that ends meet and touch often
times = st.integers(0, 36 * 12).map(lambda step: step * 5 * MINUTE)
lengths = st.integers(0, 60).map(lambda step: step * 5 * MINUTE)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Event], list[Said], list[Decided]]:
    events: list[Event] = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        start = draw(times)
        end = FOREVER if draw(st.integers(0, 9)) == 0 else start + draw(lengths)
        events.append(
            Event(number, draw(st.sampled_from(LINKS)), start, end, draw(st.integers(1, 2)))
        )
    said = []
    for _ in range(draw(st.integers(0, 10))):
        start = draw(times)
        end = FOREVER if draw(st.integers(0, 9)) == 0 else start + draw(lengths)
        if len(events) > 0 and draw(st.booleans()):
            of: Event = draw(st.sampled_from(events))
            shift = draw(st.sampled_from((HOUR, -2 * HOUR, 9 * HOUR, 5 * MINUTE)))
            start, end = of.start + shift, min(of.end + shift, FOREVER)
        since = draw(st.sampled_from((0, 10 * HOUR)))
        how = draw(st.integers(0, 1))
        offset = draw(st.sampled_from((0, HOUR, 9 * HOUR)))
        ticket, thing = draw(st.integers(100, 105)), draw(st.sampled_from(LINKS))
        said.append(
            Said(ticket, thing, start, end, how, 7, since, FOREVER, offset, maintenance=False)
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


def reckon(
    events: Sequence[Event], said: Sequence[Said], decided: Sequence[Decided], now: int = NOW
) -> Matched:
    things = [(link, True, 0, FOREVER, 8, 0, 0, 9, 0, FOREVER) for link in LINKS]
    return match_events(
        frames.frame(frames.EVENTS, events),
        frames.frame(frames.THINGS, things),
        frames.frame(frames.EVIDENCE, said),
        frames.frame(frames.DECISIONS, decided),
        frames.frame(frames.RULES, RULES),
        now,
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


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_it_equals_the_slow_reference(
    world: tuple[list[Event], list[Said], list[Decided]],
) -> None:
    events, said, decided = world
    found = reckon(events, said, decided)
    expected = matched(events, said, decided, RULES)
    assert told(found) == expected
    documented = dict(zip(found.detected["id"], found.detected["documented"], strict=True))
    assert documented == {one: any(tickets.values()) for one, (_, tickets) in expected.items()}


@given(worlds(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_order_and_split_make_no_difference(
    world: tuple[list[Event], list[Said], list[Decided]], chance: random.Random
) -> None:
    events, said, decided = world
    whole = reckon(events, said, decided)
    for some in (events, said, decided):
        chance.shuffle(some)
    again = reckon(events, said, decided)
    parts = [
        reckon(
            [one for one in events if one.thing == link],
            [one for one in said if one.thing == link],
            decided,
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


@given(worlds())
@settings(max_examples=100, deadline=None)
def test_no_decision_by_hand_is_lost(
    world: tuple[list[Event], list[Said], list[Decided]],
) -> None:
    events, said, decided = world
    newest = {one.ticket: one for one in sorted(decided, key=lambda one: one.order)}
    found = reckon(events, said, decided)
    of = dict(frames.rows_of(found.members))
    pairs = {(p.detected, p.ticket): p for p in frames.rows_of(found.pairs)}
    for ticket, decision in newest.items():
        pair = pairs.get((of[decision.event], ticket))
        if decision.linked:
            assert pair is not None
        if pair is not None:
            assert (pair.documents, pair.how) == (decision.linked, frames.BY_HAND)
