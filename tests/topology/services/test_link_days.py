"""The past of links, day by day: the same as the page of each of these days says."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import event as listening
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.services.withdrawal import withdraw_event
from app.registry.models.registry import Link
from app.tickets.services.lifecycle import change_ticket
from app.topology.services.link_days import past_of_links
from app.topology.services.link_states import link_states_on
from tests.cast import NOON, enter, writer
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import report, ticket

FIRST, LAST = date(2013, 2, 20), date(2013, 3, 5)
DAY = timedelta(days=1)


def test_the_same_as_asked_day_by_day(session: Session) -> None:
    """Of the 14 days before noon of 2013-03-06; work that was only planned is not of a day."""
    cast = enter(session)
    report(session, cast, "2013-02-21 10:00", "2013-02-22 00:00")
    report(session, cast, "2013-02-24 10:00", "2013-02-25 10:00", state="degraded")
    report(session, cast, "2013-03-01 10:00", "2013-03-01 11:00", state="unmonitored")
    gone = report(session, cast, "2013-02-27 10:00", "2013-02-27 11:00")
    report(session, cast, "5 10:00", None)
    with transaction(session):
        withdraw_event(session, writer(cast.admin), gone, "a test of the source")
    window: dict[str, Any] = {"category": "maintenance", "links": (KIT,), "title": "Work"}
    ticket(session, cast, window_start="2013-02-26 10:00", window_end="2013-02-26 12:00", **window)
    given_up = ticket(
        session, cast, window_start="2013-02-28 10:00", window_end="2013-02-28 12:00", **window
    )
    ticket(session, cast, window_start="9 10:00", window_end="9 12:00", **window)
    solved = ticket(
        session, cast, links=(KIT,), impact="outage", event_start="2 10:00", event_end="3 10:00"
    )
    with transaction(session):
        change_ticket(session, writer(cast.operator), given_up, {"state": "unsolved"})
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator), solved, wanted)
    session.rollback()
    keys = session.scalars(select(Link.id).order_by(Link.id)).all()
    count = (LAST - FIRST).days + 1
    past = past_of_links(session, keys, FIRST, datetime.combine(LAST + DAY, time(), UTC), NOON)
    found = {key: [*map(str, past[key].states(FIRST, count))] for key in keys}
    asked: dict[int, list[str]] = {key: [] for key in keys}
    for place in range(count):
        for key, one in link_states_on(session, keys, FIRST + place * DAY, NOON).items():
            heard = past[key].first_heard
            is_ok = heard is not None and heard.date() <= FIRST + place * DAY
            usual = "ok" if is_ok else "unmonitored"
            asked[key].append(usual if one.state == "planned" else str(one.state))
    assert found == asked
    kit = session.scalars(select(Link.id).where(Link.name == KIT)).one()
    assert found[kit] == [
        *("unmonitored", "down", "down", "ok", "degraded", "degraded", "maintenance"),
        *("ok", "ok", "unmonitored", "down", "down", "ok", "down"),
    ]
    session.rollback()


def test_work_that_did_not_take_place_stays_so_when_its_ticket_is_closed(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "2013-02-21 10:00", "2013-02-21 10:10")
    number = ticket(
        session,
        cast,
        links=(KIT,),
        category="maintenance",
        window_start="2013-02-28 10:00",
        window_end="2013-02-28 12:00",
    )
    key = session.scalars(select(Link.id).where(Link.name == KIT)).one()
    begin, end = date(2013, 2, 28), datetime(2013, 3, 1, tzinfo=UTC)
    for state in ("unsolved", "closed"):
        with transaction(session):
            change_ticket(session, writer(cast.operator), number, {"state": state})
        assert past_of_links(session, [key], begin, end, NOON)[key].states(begin, 1) == ["ok"], (
            state
        )
        session.rollback()


def test_today_holds_what_was_over_by_now(session: Session) -> None:
    cast = enter(session)
    report(session, cast, "6 10:00", "6 10:20")
    session.rollback()
    key = session.scalars(select(Link.id).where(Link.name == KIT)).one()
    past = past_of_links(session, [key], NOON.date(), NOON, NOON)
    assert past[key].states(NOON.date(), 1) == ["down"]
    assert past_of_links(session, [], NOON.date(), NOON, NOON) == {}


def test_recent_events_are_found_by_their_ends(session: Session) -> None:
    """Of all that ever was on a link SQLite reads only what is ongoing or recent."""
    if session.get_bind().dialect.name != "sqlite":
        return  # PostgreSQL decides by its figures
    enter(session)
    keys = session.scalars(select(Link.id)).all()
    asked: list[tuple[str, Any]] = []

    def note(*args: Any) -> None:
        asked.append((args[2], args[3]))

    engine = session.get_bind()
    listening.listen(engine, "before_cursor_execute", note)
    past_of_links(session, keys, FIRST, NOON, NOON)
    link_states_on(session, keys, NOON.date(), NOON)
    listening.remove(engine, "before_cursor_execute", note)
    for statement, values in (asked[0], asked[-1]):
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        assert "ix_events_link_end" in str(plan.all())
