"""The rule of a link's state: a table written by hand, and what holds whatever is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tickets.rules.tickets import OPEN_STATES, Category, Impact, Layer, State
from app.topology.rules.link_states import (
    HEARD,
    NEVER,
    LinkState,
    LinkStatus,
    Monitoring,
    OngoingEvent,
    OpenTickets,
    WindowPhase,
    can_carry,
    state_of_link,
)

NOON = datetime(2013, 3, 6, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW, SOON = WindowPhase.RUNNING, WindowPhase.PLANNED


def event(
    state: str,
    number: int = 1,
    ticket: int | None = None,
    hours: int = 3,
    ticket_state: str = "in progress",
    how: str = "link",
) -> OngoingEvent:
    """One that began so many hours ago."""
    return OngoingEvent(number, state, NOON - hours * HOUR, ticket, ticket_state, how)


def said(
    category: str = "incident",
    impact: str = "unknown",
    window: WindowPhase = WindowPhase.NONE,
    *,
    layer: str = "unknown",
    numbers: tuple[int, ...] = (5,),
) -> OpenTickets:
    """Tickets of these numbers; a window lasts from an hour ago, or tomorrow, for two hours."""
    start = {NOW: NOON - HOUR, SOON: NOON + 24 * HOUR}.get(window)
    return OpenTickets(
        *(category, layer, impact, window, len(numbers), min(numbers), max(numbers)),
        *(NOON - 5 * HOUR, start, None if start is None else start + 2 * HOUR),
    )


OUTAGE, DEGRADED = said(impact="outage"), said(impact="degraded", numbers=(6,))
WORK, PLAN = said("maintenance", window=NOW, numbers=(7,)), said("change", window=SOON)


@pytest.mark.parametrize(
    ("events", "tickets", "words"),
    [
        # nothing
        ([], [], "ok"),
        # events alone, with and without a ticket; the worst of several
        ([event("down")], [], "down, no ticket"),
        ([event("down", ticket=9)], [], "down"),
        ([event("degraded")], [], "degraded, no ticket"),
        ([event("degraded", ticket=9)], [], "degraded"),
        ([event("degraded", 1, 9), event("down", 2)], [], "down, no ticket"),
        ([event("degraded", 1), event("down", 2, 9)], [], "down"),
        # a ticket that ended, one of the site; of several events the one with the least
        ([event("down", 1, 9, 3, "solved")], [], "down, no open ticket"),
        ([event("down", 1, 9, 3, "closed")], [], "down, no open ticket"),
        ([event("down", 1, 9, 3, "on hold", "site")], [], "down, no ticket of the link"),
        ([event("down", 1, 9, 3, "solved", "site")], [], "down, no ticket of the link"),
        ([event("down", 1, 9), event("down", 2, 8, 3, "solved")], [], "down, no open ticket"),
        ([event("down", 1, 9, 3, "new", "site"), event("down", 2)], [], "down, no ticket"),
        ([event("down", 1, 9, 3, "solved")], [OUTAGE], "down"),
        ([event("unmonitored")], [], "unmonitored"),
        # incidents alone
        ([], [OUTAGE], "down"),
        ([], [DEGRADED], "degraded"),
        ([], [DEGRADED, OUTAGE], "down"),
        ([], [said(impact="reduced redundancy")], "ok"),
        ([], [said(impact="none")], "ok"),
        ([], [said(impact="unknown")], "ok"),
        ([], [said(impact="outage", layer="performance")], "ok"),
        ([], [said("informational", "outage")], "ok"),
        ([], [said("maintenance", "outage")], "ok"),
        ([], [said("test", "outage")], "ok"),
        # an event with an incident beside it
        ([event("degraded", ticket=5)], [OUTAGE], "down"),
        ([event("down", ticket=6)], [DEGRADED], "down"),
        ([event("down")], [DEGRADED], "down, no ticket"),  # a person took the ticket off
        ([event("down")], [OUTAGE], "down"),
        # windows
        ([], [WORK], "maintenance"),
        ([], [PLAN], "planned"),
        ([], [PLAN, WORK], "maintenance"),
        ([], [said("test", window=NOW)], "ok"),
        ([], [said("incident", "outage", NOW, layer="performance")], "ok"),
        ([], [said("informational", window=NOW)], "maintenance"),
        # an event in a running window, and an incident in it
        ([event("down", ticket=7)], [WORK], "maintenance, down"),
        ([event("degraded", ticket=7)], [WORK], "maintenance, degraded"),
        ([event("down")], [WORK], "maintenance, down, no ticket"),
        ([event("down", ticket=7)], [WORK, OUTAGE], "down"),
        ([event("down", ticket=7)], [WORK, DEGRADED], "maintenance, down"),
        ([event("down", ticket=9)], [PLAN], "down"),
        ([], [OUTAGE, WORK], "down"),
        ([event("unmonitored")], [WORK], "maintenance"),
        ([event("unmonitored")], [PLAN], "planned"),
    ],
)
def test_the_first_that_holds(
    events: list[OngoingEvent], tickets: list[OpenTickets], words: str
) -> None:
    assert state_of_link(events, tickets, HEARD).words == words


def test_a_link_that_no_source_ever_reported_is_unmonitored_unless_tickets_say_more() -> None:
    found = state_of_link([], [], NEVER)
    assert (found.words, found.reason) == (
        "unmonitored",
        "No monitoring source has ever reported on this link",
    )
    minor = state_of_link([], [said(impact="none")], NEVER)
    assert (minor.words, minor.beside) == (
        "unmonitored",
        "1 ticket with impact below “degraded”",
    )
    for tickets, words in (([OUTAGE], "down"), ([WORK], "maintenance"), ([PLAN], "planned")):
        assert state_of_link([], tickets, NEVER).words == words


def test_the_reason_names_events_tickets_and_times() -> None:
    late, early = event("down", 8, 30, hours=1), event("down", 3, 20, hours=4)
    found = state_of_link([late, early], [], HEARD)
    assert (found.event, found.since, found.tickets, found.ticket_count) == (
        *(3, NOON - 4 * HOUR),
        *((20, 30), 2),
    )
    assert found.reason == "An event is ongoing"
    found = state_of_link([], [said(impact="outage", numbers=(4, 6, 9))], HEARD)
    assert (found.event, found.since, found.tickets, found.ticket_count) == (
        *(None, NOON - 5 * HOUR),
        *((4, 9), 3),
    )
    assert found.reason == "An open incident has the impact outage"
    found = state_of_link([], [WORK], HEARD)
    assert (found.since, found.until, found.tickets) == (NOON - HOUR, NOON + HOUR, (7,))
    found = state_of_link([event("down", 8, 7)], [WORK], HEARD)
    assert (found.event, found.since, found.until, found.tickets) == (
        *(8, NOON - 3 * HOUR),
        *(NOON + HOUR, (7,)),
    )


def test_beside_a_ticket_that_attends_to_nothing_is_said_what_it_is() -> None:
    every = [
        event("down", 1, 20, 9),
        event("down", 2, 30, 8, "solved"),
        event("down", 3, 40, 7, "unsolved"),
        event("down", 4, 50, 6, "closed"),
        event("down", 5, 60, 5, "verified", "site"),
        event("down", 6, 70, 4, "new", "site"),
        # a person linked it here, and it opened for that event
        event("down", 7, 70, 3, "new", "hand"),
    ]
    found = state_of_link(every, [], HEARD)
    assert found.ticket_words == {
        30: "solved",
        40: "unsolved",
        50: "closed",
        60: "ticket of the site, verified",
    }
    # closed and verified tickets are final; of the site are others' business
    assert (found.event, found.unattended, found.reopenable) == (1, 5, 40)
    found = state_of_link(every[:2], [], HEARD)
    assert (found.event, found.unattended, found.reopenable) == (1, 2, 30)
    found = state_of_link([every[0], every[-1]], [], HEARD)
    assert (found.unattended, found.reopenable, found.ticket_words) == (None, None, {})


def test_performance_and_no_impact_tickets_are_counted_beside_the_state() -> None:
    tickets = [
        said(layer="performance", impact="outage", numbers=(1, 2)),
        said(layer="performance", impact="none", numbers=(3,)),
        said(impact="none", numbers=(4, 8, 9)),
        said(impact="reduced redundancy"),
        OUTAGE,
        said("maintenance", "none", numbers=(11,)),
        said("test", layer="performance", numbers=(12,)),
    ]
    found = state_of_link([], tickets, HEARD)
    assert (found.words, found.performance, found.no_impact) == ("down", 3, 4)
    assert found.beside == "3 performance tickets, 4 tickets with impact below “degraded”"
    assert LinkStatus(LinkState.OK, "").beside == ""


def test_an_unknown_impact_is_not_called_none() -> None:
    """V10: impact "unknown" was counted as no impact, next to "reduced redundancy"."""
    tickets = [said(impact="unknown", numbers=(4,)), said(impact="reduced redundancy")]
    found = state_of_link([], tickets, HEARD)
    assert (found.no_impact, found.unknown_impact, found.minor) == (1, 1, 2)
    assert found.beside == "1 ticket with impact below “degraded”, 1 ticket with unknown impact"


SILENT = Monitoring(is_reported=True, silence="perfSONAR not heard for 3 h", since=NOON - 3 * HOUR)


def test_a_link_watched_by_silent_sources_alone_is_unmonitored() -> None:
    found = state_of_link([], [], SILENT)
    assert (found.words, found.reason) == ("unmonitored", "perfSONAR not heard for 3 h")
    assert (found.since, found.is_watched) == (NOON - 3 * HOUR, False)
    for tickets, words, beside in (
        ([OUTAGE], "down", ""),
        ([WORK], "maintenance", "not monitored"),
        ([PLAN], "planned", "not monitored"),
    ):
        one = state_of_link([], tickets, SILENT)
        assert (one.words, one.beside, one.is_watched) == (words, beside, False)
    assert state_of_link([], [], HEARD).is_watched
    assert not state_of_link([event("unmonitored")], [PLAN], HEARD).is_watched
    assert not state_of_link([], [], NEVER).is_watched


def test_what_a_silent_source_reported_is_said_as_its_last_report() -> None:
    stale = replace(event("down"), silence="perfSONAR not heard for 3 h")
    found = state_of_link([stale], [], SILENT)
    assert (found.words, found.is_last_report) == ("down, as last reported, no ticket", True)
    assert found.reason == "An event is ongoing, as last reported: perfSONAR not heard for 3 h"
    assert found.beside == ""
    in_window = state_of_link([replace(stale, ticket=7)], [WORK], SILENT)
    assert in_window.words == "maintenance, down, as last reported"
    # another source that is heard says the same
    assert state_of_link([stale, event("down", 2)], [], HEARD).words == "down, no ticket"


def test_only_what_is_known_to_work_can_carry() -> None:
    def carries(state: LinkState, hours: float | None = None, *, is_watched: bool = True) -> bool:
        since = None if hours is None else NOON + hours * HOUR
        return can_carry(LinkStatus(state, "", since, is_watched=is_watched), NOON)

    assert carries(LinkState.OK)
    assert carries(LinkState.DEGRADED)
    assert not carries(LinkState.UNMONITORED, is_watched=False)
    # a state that comes from a ticket while nobody watches
    assert not carries(LinkState.PLANNED, 30, is_watched=False)
    assert carries(LinkState.PLANNED, 1.1)
    assert not carries(LinkState.PLANNED, 1)
    assert not carries(LinkState.PLANNED, 0.2)
    for state in (LinkState.DOWN, LinkState.MAINTENANCE_DOWN, LinkState.MAINTENANCE):
        assert not carries(state, -2)


NUMBERS = st.lists(st.integers(1, 99), min_size=1, max_size=3, unique=True)
EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(["down", "degraded", "unmonitored"]),
        st.integers(1, 99),
        st.none() | st.integers(1, 99),
        st.integers(1, 99),
        st.sampled_from(State),
        st.sampled_from(["link", "site", "hand"]),
    ),
    max_size=4,
)
TICKETS = st.lists(
    st.builds(
        lambda category, impact, window, layer, numbers: said(
            category, impact, window, layer=layer, numbers=tuple(numbers)
        ),
        st.sampled_from(Category),
        st.sampled_from(Impact),
        st.sampled_from(WindowPhase),
        st.sampled_from(Layer),
        NUMBERS,
    ),
    max_size=5,
)


@given(EVENTS, TICKETS, st.booleans())
def test_whatever_is_said(
    events: list[OngoingEvent], tickets: list[OpenTickets], is_reported: bool
) -> None:
    """What holds without reading the rule: order does not matter, tests say nothing, an outage
    reads down, and only an event without a ticket reads "no ticket"."""
    found = state_of_link(events, tickets, HEARD if is_reported else NEVER)

    def again(some: list[OpenTickets], those: list[OngoingEvent] | None = None) -> LinkStatus:
        return state_of_link(
            events if those is None else those, some, HEARD if is_reported else NEVER
        )

    assert again(tickets[::-1], events[::-1]).words == found.words
    assert again([one for one in tickets if one.category != "test"]).words == found.words
    assert "down" in again([*tickets, OUTAGE]).words
    if any(one.state == "down" for one in events):
        assert "down" in found.words
    if not any(one.state in ("down", "degraded") and one.ticket is None for one in events):
        assert not found.no_ticket
    if found.no_ticket:
        assert found.event is not None
    # a state that an event makes calms by itself only where an open ticket of the link is there
    deciding = [one for one in events if one.state in ("down", "degraded")]
    deciding = [one for one in deciding if one.state in found.state]
    if not any(one.category == "incident" and one.impact in found.state for one in tickets):
        attended = all(
            one.ticket is not None and one.how != "site" and one.ticket_state in OPEN_STATES
            for one in deciding
        )
        if not any(one.impact == "outage" for one in tickets):
            assert (found.unattended is None) == attended == (found.words == found.state)
    minor: Any = [one for one in tickets if one.layer == "performance" and one.window == ""]
    assert again([one for one in tickets if one not in minor]).state == found.state
    assert len(found.tickets) <= 2
    assert found.ticket_count >= len(found.tickets)
