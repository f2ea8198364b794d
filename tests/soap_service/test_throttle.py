"""The same call too often: the counting by itself, and one looping client beside others."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import ListsTooCostly, TooManyCalls
from soap_service.throttle import MAX_KEYS, MINUTE, ListBudget, SameCallThrottle
from tests.harness.databases import fresh_database
from tests.harness.server import live, test_settings
from tests.soap_service.wire import Wire, create_accounts


def admitted(throttle: SameCallThrottle, call: str, now: float) -> bool:
    try:
        throttle.admit(call, now)
    except TooManyCalls:
        return False
    return True


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0, 1, 2, 3, 4), "11100"),
        ((0, 1, 2, 59.9, 60, 60.5, 61), "1110101"),
        ((0, 0, 0, 0, 60, 60, 60, 60), "11101110"),
        ((0, 30, 59, 60, 61, 90), "111101"),
        ((0, 100, 200, 300), "1111"),
    ],
)
def test_at_most_three_within_any_minute(times: tuple[float, ...], expected: str) -> None:
    throttle = SameCallThrottle(3)
    assert "".join("01"[admitted(throttle, "a", now)] for now in times) == expected


def test_zero_is_no_limit() -> None:
    throttle = SameCallThrottle(0)
    assert all(admitted(throttle, "a", 0) for _ in range(5000))
    assert len(throttle) == 0


def test_the_fault_says_how_many_and_how_long() -> None:
    throttle = SameCallThrottle(2)
    throttle.admit("a", 10)
    throttle.admit("a", 20)
    with pytest.raises(TooManyCalls, match=r"too often: 2 within a minute .* wait 25 s"):
        throttle.admit("a", 45)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 40)), max_size=80),
)
def test_what_is_let_through_never_exceeds_the_limit_and_nothing_else_is_refused(
    limit: int, steps: list[tuple[str, float]]
) -> None:
    throttle = SameCallThrottle(limit)
    let: dict[str, list[float]] = defaultdict(list)
    now = 0.0
    for name, pause in steps:
        now += pause
        within = [moment for moment in let[name] if moment > now - MINUTE]
        assert admitted(throttle, name, now) == (len(within) < limit)
        if len(within) < limit:
            let[name].append(now)


def test_costly_lists_count_for_what_they_cost() -> None:
    lists = ListBudget(budget=10)
    for now in (0, 5, 10):
        lists.admit("a", now)
        lists.note("a", now + 5, seconds=5, size=0)  # 4.5 s of these count
    with pytest.raises(ListsTooCostly, match=r"more than 10 s .* wait 45 s"):
        lists.admit("a", 20)  # 13.5 s since second 5
    lists.admit("b", 20)
    lists.admit("a", 65)


def test_who_pages_through_all_tickets_is_never_stopped() -> None:
    """100,000 tickets in pages of 500 or 10,000, on a machine five times as busy as usual."""
    for seconds, size in ((0.5, 600_000), (12.0, 12_000_000)):
        lists, now = ListBudget(), 0.0
        for _page in range(200):
            lists.admit("a", now)
            now += seconds
            lists.note("a", now, seconds, size)


def test_memory_is_bounded_and_idle_calls_are_dropped() -> None:
    throttle = SameCallThrottle(2)
    for number in range(MAX_KEYS + 500):
        throttle.admit(number, 0)
    assert len(throttle) == MAX_KEYS
    for number in range(MAX_KEYS):
        throttle.admit(-number - 2, MINUTE + number / MAX_KEYS)
    assert len(throttle) <= MAX_KEYS
    throttle.admit("late", 10 * MINUTE)
    for number in range(MAX_KEYS):
        throttle.admit("late", (20 + number) * MINUTE)
    assert len(throttle) == 1


LOOPS = 1000


def test_a_looping_client_is_told_so_and_others_are_served() -> None:
    with (
        fresh_database("sqlite") as url,
        live(replace(test_settings(url), same_calls_per_minute=200)) as server,
    ):
        create_accounts(server)
        wire = Wire(server)
        number = wire.create()
        loop = {"GHD_Request_ID": number}

        def looping(_turn: int) -> str:
            answer = wire.call("TicketGet", loop)
            return "" if answer.status == 200 else answer.fault

        first = monotonic()
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(looping, range(LOOPS))
            took = []
            for _ in range(20):
                began = monotonic()
                assert wire.get(number, user="opn-internal")["GHD_Request_ID"] == number
                took.append(monotonic() - began)
            said = list(answers)
        refused = [text for text in said if text]
        assert all(text.startswith("ERROR (626): ") for text in refused)
        assert "too often: 200 within a minute are allowed" in refused[0]
        # 100 within a minute at each of the two processes
        minutes = 1 + int((monotonic() - first) / MINUTE)
        assert 100 <= LOOPS - len(refused) <= 200 * minutes
        assert min(took) < 1, "whatever else the machine does"
        # another call of the same account is none of them
        assert wire.call("TicketGet", {"GHD_Request_ID": "999"}).fault.startswith("ERROR (302)")
