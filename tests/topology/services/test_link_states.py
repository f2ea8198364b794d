"""The state of links as events, tickets and matching stand, now and on other days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event as listening
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import EventSource
from app.events.rules.events import EventMessage
from app.events.services.events import Heard, report_events
from app.events.services.hearing import HAND
from app.events.services.withdrawal import withdraw_event
from app.matching.services.by_hand import link_by_hand, unlink_by_hand
from app.registry.models.registry import Link
from app.tickets.services.lifecycle import change_ticket
from app.topology.rules.link_states import LinkStatus
from app.topology.services.link_states import link_states, link_states_on
from tests.cast import NOON, Cast, enter, writer
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import expect_rarely, recompute_all, report, ticket

PIC = "CERN-PIC-LHCOPN-001"
TODAY = NOON.date()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SOLVED = {"state": "solved", "solution": "Done."}


@pytest.fixture
def cast(session: Session) -> Cast:
    """The cast; of DE-KIT's link a source told of something that is over."""
    found = enter(session)
    report(session, found, "1 10:00", "1 10:05")
    expect_rarely(session)
    return found


def status(
    session: Session, name: str = KIT, now: datetime = NOON, days: int | None = None
) -> LinkStatus:
    session.rollback()
    key = session.scalars(select(Link.id).where(Link.name == name)).one()
    if days is not None:
        return link_states_on(session, [key], TODAY + days * DAY, now)[key]
    return link_states(session, [key], now)[key]


def words(session: Session, name: str = KIT, now: datetime = NOON, days: int | None = None) -> str:
    return status(session, name, now, days).words


def test_only_a_link_that_was_ever_reported_is_ok(session: Session, cast: Cast) -> None:
    assert (words(session), words(session, PIC)) == ("ok", "unmonitored")
    # of a day before the first report nobody knew
    assert (words(session, days=-6), words(session, days=-4)) == ("unmonitored", "ok")
    ongoing = report(session, cast, "6 10:00", None, link=PIC, state="unmonitored")
    found = status(session, PIC)
    assert (found.words, found.event) == ("unmonitored", ongoing)


def test_a_link_of_which_only_people_report_is_watched_by_nobody(
    session: Session, cast: Cast
) -> None:
    report(session, cast, "6 10:00", None, link=PIC)
    assert status(session, PIC).is_watched
    with transaction(session):
        session.execute(update(EventSource).values(kind=HAND))
    found = status(session, PIC)
    assert (found.words, found.is_watched) == ("down, no ticket", False)


def test_what_was_withdrawn_is_no_report(session: Session, cast: Cast) -> None:
    event = report(session, cast, "6 09:00", "6 10:00", link=PIC)
    assert (words(session, PIC), words(session, PIC, days=-1)) == ("ok", "unmonitored")
    with transaction(session):
        withdraw_event(session, writer(cast.operator), event, "Of another link")
    assert words(session, PIC) == "unmonitored"


WINDOW: dict[str, Any] = {"window_start": "6 14:00", "window_end": "6 16:00"}


@pytest.mark.parametrize(
    ("category", "fields", "at", "expected"),
    [
        ("incident", {"impact": "outage"}, NOON, "down"),
        ("incident", {"impact": "degraded"}, NOON, "degraded"),
        ("incident", {}, NOON, "ok"),
        ("incident", {"impact": "outage", "layer": "performance"}, NOON, "ok"),
        ("informational", {"impact": "outage"}, NOON, "ok"),
        ("test", {"impact": "outage"}, NOON, "ok"),
        ("maintenance", {"window_start": "13 14:00"}, NOON, "ok"),  # in more than seven days
        ("maintenance", {"window_start": "13 14:00"}, NOON + 2 * HOUR, "planned"),
        ("maintenance", WINDOW, NOON, "planned"),
        ("maintenance", WINDOW, NOON + 2 * HOUR, "maintenance"),
        ("maintenance", WINDOW, NOON + 4 * HOUR - timedelta(seconds=1), "maintenance"),
        ("maintenance", WINDOW, NOON + 4 * HOUR, "ok"),
        ("maintenance", {"window_start": "6 11:00"}, NOON + DAY, "maintenance"),  # no end is said
        ("change", WINDOW, NOON + 3 * HOUR, "maintenance"),
        ("change", {}, NOON, "ok"),  # nobody has said when
        ("test", WINDOW, NOON + 3 * HOUR, "ok"),
    ],
)
def test_what_an_open_ticket_says(
    session: Session, cast: Cast, category: str, fields: Any, at: datetime, expected: str
) -> None:
    number = ticket(session, cast, links=(KIT,), category=category, **fields)
    assert words(session, now=at) == expected
    assert words(session, PIC, at) == "unmonitored"
    with transaction(session):
        change_ticket(session, writer(cast.operator), number, SOLVED)
    assert words(session, now=at) == "ok"


def test_what_an_ongoing_event_says(session: Session, cast: Cast) -> None:
    event = report(session, cast, "6 09:00", None)
    found = status(session)
    assert (found.words, found.event, found.since) == ("down, no ticket", event, NOON - 3 * HOUR)
    assert found.reason == "An event is ongoing"
    with transaction(session):
        withdraw_event(session, writer(cast.operator), event, "A test of the probe")
    assert words(session) == "ok"
    report(session, cast, "6 10:00", None, state="degraded", source_id="again")
    assert words(session) == "degraded, no ticket"
    report(session, cast, "6 10:00", "6 11:00", state="degraded", source_id="again")
    assert words(session) == "ok"


@pytest.mark.parametrize("matched", [False, True])
def test_a_ticket_on_the_link_documents_its_event_before_it_is_matched_and_after(
    session: Session, cast: Cast, matched: bool
) -> None:
    event = report(session, cast, "6 09:00", None)
    # of another time, of another link, no ticket of anything
    ticket(session, cast, links=(KIT,), event_start="2 09:00", event_end="2 10:00")
    ticket(session, cast, links=(KIT,), category="maintenance", window_start="20 09:00")
    ticket(session, cast, links=(PIC,))
    ticket(session, cast, links=(KIT,), category="test")
    if matched:
        recompute_all(session)
    assert words(session) == "down, no ticket"
    number = ticket(session, cast, links=(KIT,))
    if matched:
        recompute_all(session)
    found = status(session)
    assert (found.words, found.tickets, found.ticket_count) == ("down", (number,), 1)
    assert (found.unattended, found.ticket_words) == (None, {})
    if matched:  # a solved one documents it still, and attends to nothing
        with transaction(session):
            change_ticket(session, writer(cast.operator), number, SOLVED)
        recompute_all(session)
        found = status(session)
        assert (found.words, found.tickets) == ("down, no open ticket", (number,))
        assert (found.unattended, found.reopenable) == (event, number)
        assert found.ticket_words == {number: "solved"}
        # an open one beside it does, also before it is matched
        other = ticket(session, cast, links=(KIT,))
        assert (words(session), status(session).tickets) == ("down", (other,))
        with transaction(session):
            change_ticket(session, writer(cast.operator), other, {"links": (PIC,)})
            # one that a person took off is none
        with transaction(session):
            change_ticket(session, writer(cast.operator), number, {"state": "reopened"})
            unlink_by_hand(session, writer(cast.operator), event, number, "Another fault")
        assert words(session) == "down, no ticket"


def test_a_ticket_that_names_the_site_documents_as_matching_says(
    session: Session, cast: Cast
) -> None:
    event = report(session, cast, "6 09:00", None)
    number = ticket(session, cast, sites=("DE-KIT",))
    assert words(session) == "down, no ticket"
    recompute_all(session)
    found = status(session)
    assert (found.words, found.tickets) == ("down, no ticket of the link", (number,))
    assert found.ticket_words == {number: "ticket of the site"}
    assert (found.unattended, found.reopenable) == (event, None)
    with transaction(session):
        change_ticket(session, writer(cast.operator), number, SOLVED)
    recompute_all(session)
    found = status(session)
    assert (found.words, found.reopenable) == ("down, no ticket of the link", None)
    assert found.ticket_words == {number: "ticket of the site, solved"}
    # one of the link goes before it, and a person's word as well
    with transaction(session):
        link_by_hand(session, writer(cast.operator), event, number, "The router of the site")
        change_ticket(session, writer(cast.operator), number, {"state": "reopened"})
    assert (words(session), status(session).ticket_words) == ("down", {})


def test_of_an_event_that_is_over_a_ticket_of_the_site_is_one(session: Session, cast: Cast) -> None:
    report(session, cast, "5 09:00", "5 10:00")
    number = ticket(session, cast, sites=("DE-KIT",), event_start="5 09:00", event_end="5 10:00")
    recompute_all(session)
    found = status(session, days=-1)
    assert (found.words, found.tickets, found.ticket_words) == ("down", (number,), {})


def test_an_event_in_a_window_reads_maintenance(session: Session, cast: Cast) -> None:
    report(session, cast, "6 14:10", None, now=NOON + 3 * HOUR)
    work = ticket(session, cast, links=(KIT,), category="maintenance", **WINDOW)
    found = status(session, now=NOON + 3 * HOUR)
    assert (found.words, found.tickets) == ("maintenance, down", (work,))
    assert found.until == NOON + 4 * HOUR
    # it lasts longer than the window, which documents it all the same
    late = status(session, now=NOON + 5 * HOUR)
    assert (late.words, late.tickets) == ("down", (work,))


def test_performance_and_no_impact_tickets_are_beside_it(session: Session, cast: Cast) -> None:
    every: tuple[dict[str, Any], ...] = (
        {"layer": "performance", "impact": "degraded"},
        {"layer": "performance"},
        {"impact": "none"},
        {"impact": "reduced redundancy"},
        {},
        {"category": "informational"},
    )
    for fields in every:
        ticket(session, cast, links=(KIT,), **fields)
    found = status(session)
    assert (found.words, found.beside) == (
        "ok",
        "2 performance tickets, 2 tickets with impact below “degraded”,"
        " 1 ticket with unknown impact",
    )
    assert (found.tickets, found.ticket_count) == ((), 0)


def test_of_many_tickets_the_first_and_the_newest_are_named(session: Session, cast: Cast) -> None:
    ticket(session, cast, links=(KIT,), category="maintenance", **WINDOW)
    numbers = [ticket(session, cast, links=(KIT,), impact="outage") for _ in range(3)]
    found = status(session)
    assert (found.words, found.tickets, found.ticket_count) == (
        "down",
        (numbers[0], numbers[-1]),
        3,
    )


LATER = NOON + 30 * DAY
"""When somebody looks back."""


@pytest.mark.parametrize(
    ("fields", "steps", "by_day"),
    [
        pytest.param(
            {"impact": "outage", "event_start": "5 12:00", "event_end": "7 12:00"},
            [(5, SOLVED)],
            {-2: "ok", -1: "down", 0: "down", 1: "down", 2: "ok"},
            id="the event counts, not the ticket",
        ),
        pytest.param(
            {"impact": "degraded"},
            [(2, SOLVED)],
            {-1: "ok", 0: "degraded", 2: "degraded", 3: "ok"},
            id="without an event from creation to solution",
        ),
        pytest.param(
            {"impact": "outage"},
            [(2, SOLVED), (3, {"state": "reopened"})],
            {-1: "ok", 0: "down", 10: "down"},
            id="reopened is open",
        ),
        pytest.param(
            {"impact": "outage", "event_start": "3 12:00", "event_end": "4 12:00"},
            [],
            {-4: "ok", -3: "down", -2: "down", -1: "ok", 1: "ok"},
            id="written down afterwards",
        ),
        pytest.param(
            {"impact": "none", "event_start": "3 12:00"},
            [],
            {-3: "ok", 0: "ok"},
            id="without impact",
        ),
        pytest.param(
            {"category": "maintenance", "window_start": "8 12:00", "window_end": "9 12:00"},
            [(4, SOLVED)],
            {-1: "ok", 0: "planned", 1: "planned", 2: "maintenance", 3: "maintenance", 4: "ok"},
            id="planned from its creation, then running",
        ),
        pytest.param(
            {"category": "maintenance", "window_start": "8 12:00", "window_end": "9 12:00"},
            [(1, {"state": "unsolved", "solution": "Cancelled."})],
            {0: "planned", 1: "ok", 2: "ok"},
            id="cancelled",
        ),
        pytest.param(
            {"category": "maintenance", "window_start": "8 12:00", "window_end": "9 12:00"},
            [
                (2.1, {"state": "unsolved", "solution": "Cancelled."}),
                (20, {"state": "closed"}),
            ],
            {1: "planned", 2: "ok", 3: "ok"},
            id="cancelled in its window, and closed since",
        ),
        pytest.param(
            {"category": "maintenance", "window_start": "20 12:00", "window_end": "21 12:00"},
            [(20, SOLVED)],
            {0: "ok", 6: "ok", 7: "planned", 13: "planned", 14: "maintenance"},
            id="too far ahead",
        ),
    ],
)
def test_the_state_of_a_past_day_is_that_of_what_touches_it(
    session: Session, cast: Cast, fields: Any, steps: Any, by_day: dict[int, str]
) -> None:
    number = ticket(session, cast, links=(KIT,), **fields)
    with transaction(session):
        for days, wanted in steps:
            change_ticket(session, writer(cast.operator, NOON + days * DAY), number, wanted)
    found = {days: words(session, now=LATER, days=days) for days in by_day}
    assert found == by_day


def test_events_of_a_past_day_and_what_is_known_of_a_day_to_come(
    session: Session, cast: Cast
) -> None:
    report(session, cast, "3 22:00", "5 02:00")
    report(session, cast, "6 09:00", None, state="degraded")
    ticket(session, cast, links=(KIT,), category="maintenance", window_start="9 09:00")
    recompute_all(session)
    assert {days: words(session, days=days) for days in (-4, -3, -2, -1, 2, 3, 9)} == {
        **dict.fromkeys((-3, -2, -1), "down, no ticket"),
        -4: "ok",
        2: "planned",
        3: "maintenance",
        9: "maintenance",
    }


def test_all_links_are_one_statement(session: Session, cast: Cast) -> None:
    keys = session.scalars(select(Link.id)).all()
    statements: list[str] = []
    engine = session.get_bind()
    listening.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert {one.words for one in link_states(session, keys, NOON).values()} == {"ok", "unmonitored"}
    assert link_states(session, (), NOON) == {}
    assert len([one for one in statements if one.startswith(("SELECT", "WITH"))]) == 1


def test_a_link_of_a_dead_source_is_unmonitored(session: Session, cast: Cast) -> None:
    """N1: one event of long ago made a link "ok" for ever."""
    with transaction(session):
        session.execute(update(EventSource).values(expected_minutes=15))
    assert words(session, now=NOON + HOUR / 4) == "ok"
    later = NOON + 3 * HOUR
    found = status(session, now=later)
    assert (found.words, found.since, found.is_watched) == ("unmonitored", NOON, False)
    assert found.reason == "test not heard for 3 h (expected every 15 min)"
    # another source that watches it is heard
    report(session, cast, "6 12:10", "6 12:20", now=later, source="other")
    assert words(session, now=later) == "ok"
    # one that never reported this link says nothing of it
    report(session, cast, "6 12:10", "6 12:20", now=later + 4 * HOUR, source="third", link=PIC)
    found = status(session, now=later + 4 * HOUR)
    assert found.words == "unmonitored"
    assert found.reason == (
        "other not heard for 4 h (expected every 1 h); test not heard for 7 h (expected every"
        " 15 min)"
    )


def test_an_empty_call_is_being_heard(session: Session, cast: Cast) -> None:
    with transaction(session):
        session.execute(update(EventSource).values(expected_minutes=15))
        report_events(session, writer(cast.operator, NOON + 3 * HOUR), [], source="test")
    assert words(session, now=NOON + 3 * HOUR) == "ok"


def test_what_a_silent_source_reported_is_its_last_report(session: Session, cast: Cast) -> None:
    report(session, cast, "6 10:00", None)
    with transaction(session):
        session.execute(update(EventSource).values(expected_minutes=15))
    assert words(session) == "down, no ticket"
    found = status(session, now=NOON + HOUR)
    assert found.words == "down, as last reported, no ticket"
    assert found.reason.endswith("test not heard for 1 h (expected every 15 min)")


def test_a_past_day_with_silence_is_unmonitored(session: Session, cast: Cast) -> None:
    with transaction(session):
        session.execute(update(EventSource).values(expected_minutes=60))
        for hours in (0.5, 1, 26, 27):  # silent from 13:00 until 14:00 of the day after
            report_events(session, writer(cast.operator, NOON + hours * HOUR), [], source="test")
    later = NOON + 3 * DAY
    found = status(session, now=later, days=1)
    assert found.words == "unmonitored"
    assert found.reason == "test not heard from 2013-03-06 13:00 to 2013-03-07 14:00 UTC"
    assert words(session, now=later, days=-1) == "ok"


def test_what_people_enter_watches_nothing(session: Session, cast: Cast) -> None:
    message = EventMessage(
        *(0, "event 0", "portal", "1"), link=PIC, state="down", start=NOON - HOUR, end=NOON
    )
    with transaction(session):
        report_events(session, writer(cast.operator), [message], kind="hand", heard=Heard.NOT)
    assert words(session, PIC) == "unmonitored"


def test_a_file_was_heard_when_it_speaks_of(session: Session, cast: Cast) -> None:
    message = EventMessage(
        *(0, "event 0", "old", "1"),
        link=PIC,
        state="down",
        start=NOON - 5 * DAY,
        end=NOON - 4 * DAY,
    )
    with transaction(session):
        report_events(session, writer(cast.operator), [message], kind="file", heard=Heard.THEN)
    found = status(session, PIC)
    assert (found.words, found.since) == ("unmonitored", NOON - 4 * DAY)


def test_a_flapping_link_says_how_often(session: Session, cast: Cast) -> None:
    """V12: 40 flaps of 50 s read as "down, 3 h 15 min"."""
    for turn in range(39):
        begun = NOON - 3.25 * HOUR + turn * HOUR / 12
        report(
            session, cast, f"{begun.isoformat()[:19]}", f"{(begun + HOUR / 72).isoformat()[:19]}"
        )
    begun = NOON - HOUR / 72
    report(session, cast, f"{begun.isoformat()[:19]}", None)
    recompute_all(session)
    found = status(session)
    assert found.words == "down, flapping: 40 times in 3 h 15 min, no ticket"
    assert found.since == NOON - 3.25 * HOUR


def test_a_link_that_went_down_again_does_not_flap(session: Session, cast: Cast) -> None:
    report(session, cast, "6 11:40", "6 11:45")
    report(session, cast, "6 11:50", None)
    recompute_all(session)
    found = status(session)
    assert (found.words, found.since) == ("down, no ticket", NOON - HOUR / 6)


def test_nothing_is_known_of_a_link_on_a_day_to_come(session: Session, cast: Cast) -> None:
    report(session, cast, "6 11:40", "6 11:45")
    assert words(session) == "ok"
    assert words(session, days=1) == "unmonitored"
    assert status(session, days=1).reason.startswith("A future day: no window is")
