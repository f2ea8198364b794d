"""Counts and times of tickets, against counting them one by one."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.figures.columns import Columns
from app.registry.rules.networks import Network
from app.tickets.figures.counts import Chosen, Named, counted, counting
from app.tickets.figures.facts import (
    PAIR,
    TICKET,
    TicketFacts,
    TicketRow,
    facts_of,
    followed,
    joined,
    microseconds,
)
from app.tickets.figures.times import MEASURES, measured_all, summed_up, working_days
from app.tickets.rules.tickets import Category, Layer, State
from app.tickets.rules.times import TicketTimes
from app.tickets.rules.working_time import working_time_between

BEGIN = datetime(2012, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EDGES = [microseconds(BEGIN + days * DAY) for days in (0, 30, 60, 90)]
NOW = BEGIN + 200 * DAY
LINKS = [Named(f"L{key}", frozenset((key,))) for key in (1, 2, 3)]
SITES = [
    Named("one", frozenset((1,)), frozenset(("one",))),
    Named("two", frozenset((2, 3)), frozenset(("two",))),
    Named("three", frozenset((3,)), frozenset(("three",))),
    Named("Nowhere", frozenset(), frozenset(("Nowhere",))),
]

Drawn = tuple[TicketRow, TicketTimes, frozenset[int], frozenset[int], frozenset[str]]
MOMENTS = st.integers(0, 100 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes))
SPANS = st.integers(0, 40 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@st.composite
def drawn_tickets(draw: st.DrawFn) -> list[Drawn]:
    """Up to a dozen tickets of any kind, in the order of their numbers."""
    found: list[Drawn] = []
    for number in draw(st.sets(st.integers(1, 40), max_size=12).map(sorted)):
        created = draw(MOMENTS)
        ended = draw(st.none() | SPANS)
        responded, waiting = draw(st.none() | SPANS), draw(st.none() | SPANS)
        row = TicketRow(
            number,
            created,
            created,
            None if ended is None else created + ended,
            draw(st.none() | st.integers(1, 3)),
            draw(st.sampled_from(list(State))),
            draw(st.sampled_from(list(Network))),
            draw(st.sampled_from(list(Category))),
            draw(st.sampled_from(list(Layer))),
            "urgent",
        )
        times = TicketTimes(
            None if responded is None else created + responded,
            draw(SPANS),
            None if waiting is None else created + waiting,
            draw(st.booleans()),
            draw(st.none() | SPANS),
            "urgent",
        )
        keys = st.frozensets(st.integers(1, 3))
        names = draw(st.frozensets(st.sampled_from(("Nowhere", "two"))))
        found.append((row, times, draw(keys), draw(keys), names))
    return found


def facts(tickets: Sequence[Drawn]) -> TicketFacts:
    return facts_of(
        [(row, times) for row, times, *_ in tickets],
        [(row.number, key) for row, _, links, _, _ in tickets for key in links],
        [(row.number, key) for row, _, _, sites, _ in tickets for key in sites],
        [(row.number, name) for row, _, _, _, names in tickets for name in names],
    )


def values_of(by: str, ticket: Drawn) -> set[str]:
    row, _, links, sites, names = ticket
    if by == "link":
        return {one.name for one in LINKS if one.keys & links} or {""}
    if by == "site":
        return {one.name for one in SITES if one.keys & sites or one.texts & names} or {""}
    if by == "responsible":
        return {one.name for one in SITES if row.responsible in one.keys} or {""}
    return {getattr(row, by)} if by else {""}


def named(by: str) -> Sequence[Named]:
    return LINKS if by == "link" else SITES if by in ("site", "responsible") else ()


def period_of(row: TicketRow) -> int:
    return next(
        (at for at in range(3) if EDGES[at] <= microseconds(row.created) < EDGES[at + 1]), -1
    )


@given(
    drawn_tickets(),
    st.sampled_from(["", "network", "category", "layer", "state", "site", "responsible", "link"]),
)
def test_counts_are_as_counted_one_by_one(tickets: list[Drawn], by: str) -> None:
    expected: dict[str, list[int]] = {} if by else {"": [0, 0, 0]}
    for ticket in tickets:
        period = period_of(ticket[0])
        if ticket[0].category != Category.TEST and period >= 0:
            for value in values_of(by, ticket):
                expected.setdefault(value, [0, 0, 0])[period] += 1
    known = facts(tickets)
    frame = counted(known, counting(known), EDGES, by, named(by))
    assert {
        str(value): row for value, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)
    } == expected


@given(drawn_tickets())
def test_a_filter_is_the_same_as_leaving_the_others_out(tickets: list[Drawn]) -> None:
    chosen = Chosen(
        {"state": ("new", "closed"), "network": ("LHCOPN",), "layer": ()},
        links=(1, 2),
        sites=Named("", frozenset((2,)), frozenset(("Nowhere",))),
    )
    known = facts(tickets)
    expected = [
        row.number
        for row, _, links, sites, names in tickets
        if row.state in ("new", "closed")
        and row.network == "LHCOPN"
        and row.category != Category.TEST
        and links & {1, 2}
        and (2 in sites or "Nowhere" in names)
    ]
    assert known.tickets["number"][counting(known, chosen)].tolist() == expected


def days(span: timedelta) -> float:
    return span / DAY


HOW: dict[str, Callable[[TicketRow, TicketTimes], float | None]] = {
    "response": lambda row, times: (
        None
        if times.responded is None
        else days(working_time_between(row.created, times.responded))
    ),
    "solution": lambda row, times: (
        None if row.ended is None else days(working_time_between(row.created, row.ended))
    ),
    "active": lambda row, times: (
        None
        if row.ended is None or times.paused is None
        else max(0.0, days(working_time_between(row.created, row.ended) - times.paused))
    ),
    "lifetime": lambda row, times: None if row.ended is None else days(row.ended - row.created),
    "waiting": lambda row, times: (
        None
        if not times.has_waited and times.waiting_since is None
        else days(
            (times.waited if times.has_waited else timedelta())
            + (NOW - times.waiting_since if times.waiting_since else timedelta())
        )
    ),
}


@given(drawn_tickets(), st.sampled_from(["", "category", "site"]))
def test_times_are_as_computed_one_by_one(tickets: list[Drawn], by: str) -> None:
    known = facts(tickets)
    measured = measured_all(known.tickets, microseconds(NOW))
    frame = summed_up(known, counting(known), EDGES, measured, by, named(by))
    for measure in MEASURES:
        found: dict[object, list[float]] = {}
        for ticket in tickets:
            row, times, *_ = ticket
            value = HOW[measure](row, times)
            if row.category == Category.TEST or period_of(row) < 0 or value is None:
                continue
            for key in values_of(by, ticket) if by else {period_of(row)}:
                found.setdefault(key, []).append(value)
        for key, line in zip(frame.index, frame.to_dict("records"), strict=True):
            mine = found.get(key, [])
            assert line[f"{measure}_count"] == len(mine)
            if mine:
                assert line[f"{measure}_mean"] == pytest.approx(statistics.mean(mine))
                assert line[f"{measure}_median"] == pytest.approx(statistics.median(mine))


@given(st.lists(MOMENTS, min_size=2, max_size=2))
def test_working_days_of_arrays_are_those_of_moments(moments: list[datetime]) -> None:
    start, end = moments
    found = working_days(np.array([microseconds(start)]), np.array([microseconds(end)]))
    assert found[0] == pytest.approx(days(working_time_between(start, end)))


def same(one: TicketFacts, other: TicketFacts) -> bool:
    def rows(table: Columns, kind: np.dtype[Any]) -> list[list[int]]:
        return [table[name].tolist() for name in kind.names or ()]

    return (
        rows(one.tickets, TICKET) == rows(other.tickets, TICKET)
        and rows(one.links, PAIR) == rows(other.links, PAIR)
        and rows(one.sites, PAIR) == rows(other.sites, PAIR)
        and one.names == other.names
    )


@given(drawn_tickets(), drawn_tickets())
def test_what_is_newer_takes_the_place_of_what_was(before: list[Drawn], after: list[Drawn]) -> None:
    whole = {ticket[0].number: ticket for ticket in (*before, *after)}
    expected = facts([whole[number] for number in sorted(whole)])
    assert same(followed(facts(before), facts(after)), expected)


@given(drawn_tickets(), st.integers(0, 40))
def test_parts_are_put_together_again(tickets: list[Drawn], border: int) -> None:
    parts = [
        facts([ticket for ticket in tickets if (ticket[0].number <= border) is lower])
        for lower in (True, False)
    ]
    assert same(joined(parts), facts(tickets))
