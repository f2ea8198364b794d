"""The state of a link on each of some days, written by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.topology.rules.link_days import (
    PastEvent,
    PastTicket,
    days_from,
    states_of_days,
    worst_of,
)
from app.topology.rules.link_states import LinkState

FIRST = date(2013, 3, 1)
LONG_AGO = datetime(2012, 1, 1, tzinfo=UTC)


def at(day: int, hour: int = 10) -> datetime:
    return datetime(2013, 3, day, hour, tzinfo=UTC)


def event(start: datetime, end: datetime | None, state: str = "down") -> PastEvent:
    return PastEvent(1, state, start, end)


def ticket(begun: datetime, over: datetime | None, **more: Any) -> PastTicket:
    """An incident with outage unless said otherwise."""
    said = {"category": "incident", "layer": "unknown", "impact": "outage", **more}
    window = said.pop("window", (None, None))
    return PastTicket(
        5, **said, begun=begun, over=over, window_start=window[0], window_over=window[1]
    )


def work(start: datetime, end: datetime | None) -> PastTicket:
    return ticket(start, end, category="maintenance", impact="none", window=(start, end))


@pytest.mark.parametrize(
    ("events", "tickets", "words"),
    [
        ([], [], "ok ok ok ok"),
        ([event(at(2), at(2, 11))], [], "ok down ok ok"),
        ([event(at(2, 23), at(3, 1))], [], "ok down down ok"),
        # what ended at midnight touches that day, as the page of that day says
        ([event(at(2), at(3, 0))], [], "ok down down ok"),
        ([event(at(3), None)], [], "ok ok down down"),
        ([event(datetime(2013, 2, 1, tzinfo=UTC), at(1, 1))], [], "down ok ok ok"),
        # the worst of a day
        (
            [event(at(1), at(3), "degraded"), event(at(2), at(2, 11))],
            [],
            "degraded down degraded ok",
        ),
        ([event(at(2), at(3), "unmonitored")], [], "ok unmonitored unmonitored ok"),
        # tickets alone: only an incident with impact, and a window while it runs
        ([], [ticket(at(2), at(3))], "ok down down ok"),
        ([], [ticket(at(2), at(3), impact="degraded")], "ok degraded degraded ok"),
        ([], [ticket(at(2), None, impact="unknown")], "ok ok ok ok"),
        ([], [ticket(at(2), None, layer="performance")], "ok ok ok ok"),
        ([], [work(at(2), at(2, 12))], "ok maintenance ok ok"),
        (
            [],
            [ticket(at(1), None, category="change", window=(at(3), None))],
            "ok ok maintenance maintenance",
        ),
        # an event in a window
        ([event(at(2), at(3))], [work(at(2), at(2, 12))], "ok maintenance,_down down ok"),
        # what begins behind the last day is not of it
        ([event(at(5), None)], [work(at(6), None)], "ok ok ok ok"),
    ],
)
def test_a_day_is_the_worst_that_touched_it(
    events: list[PastEvent], tickets: list[PastTicket], words: str
) -> None:
    found = states_of_days(events, tickets, LONG_AGO, FIRST, 4)
    assert " ".join(one.replace(" ", "_") for one in found) == words


def test_before_it_was_first_heard_of_nobody_watched_it() -> None:
    outage = ticket(at(1), at(1, 11))
    assert states_of_days([], [outage], at(3), FIRST, 4) == ["down", "unmonitored", "ok", "ok"]
    assert states_of_days([], [], None, FIRST, 2) == ["unmonitored", "unmonitored"]


def test_of_several_links_one_that_nobody_watches_says_least() -> None:
    ok, silent, down = LinkState.OK, LinkState.UNMONITORED, LinkState.DOWN
    assert worst_of([ok, silent]) is ok
    assert worst_of([silent]) is silent
    assert worst_of([ok, LinkState.MAINTENANCE_DOWN, LinkState.DEGRADED]) == "maintenance, down"
    assert worst_of([LinkState.MAINTENANCE_DOWN, down]) is down
    assert [*map(str, days_from(date(2012, 2, 28), 3))] == [
        "2012-02-28",
        "2012-02-29",
        "2012-03-01",
    ]
