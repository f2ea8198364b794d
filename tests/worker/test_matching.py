"""The worker follows what changes, beside people who decide by hand at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.database import writing
from app.models import DetectedEvent, Duty, EventOfDetected, EventTicket, HandMade
from app.services.matching import bring_up_to_date, freshness
from app.services.matching_by_hand import link_by_hand
from app.worker.context import Context
from app.worker.listeners import LISTENERS
from app.worker.matching import follow_matching
from tests.cast import NOON, enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.harness.until import until
from tests.services.matching_world import LINK, at, report, ticket


def test_the_listener_matches_and_does_nothing_twice(session: Session, database: str) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:00")
    ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 11:00")
    assert follow_matching in LISTENERS
    engine = open_engine(database)
    context = Context(engine, test_settings(database), now=lambda: NOON)
    follow_matching(context)
    assert session.scalars(select(DetectedEvent.is_documented)).all() == [True]
    session.rollback()
    later = Context(engine, test_settings(database), now=lambda: NOON + timedelta(hours=1))
    follow_matching(later)
    assert freshness(session).computed_at == NOON, "there was nothing to do"
    engine.dispose()


def test_decisions_and_listeners_at_once_lose_nothing(session: Session, database: str) -> None:
    cast = enter(session)
    events = [report(session, cast, f"{day} 10:00", f"{day} 11:00") for day in (1, 2, 3, 4)]
    number = ticket(session, cast, event_start="2013-01-01 00:00", event_end="2013-01-01 01:00")
    engine = open_engine(database)
    context = Context(engine, test_settings(database), now=lambda: NOON)

    def decide(event: int) -> None:
        with Session(engine) as own, writing(own):
            link_by_hand(own, writer(cast.operator), event, number, "It was this one")

    def follow(_turn: int) -> None:
        follow_matching(context)

    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(decide, event) for event in events]
        done += [pool.submit(follow, turn) for turn in range(6)]
        for one in done:
            one.result(60)
    follow_matching(context)
    assert len(session.scalars(select(HandMade)).all()) == len(events)
    pairs = session.scalars(select(EventTicket)).all()
    assert {(pair.detected_id, pair.how) for pair in pairs} == {(event, "hand") for event in events}
    assert session.scalars(select(DetectedEvent.is_documented)).all() == [True] * len(events)
    session.rollback()
    engine.dispose()


def test_two_that_bring_up_to_date_at_once_neither_lose_nor_double(
    session: Session, database: str
) -> None:
    """The second begins while the first has reckoned and not committed, and an event comes in
    between that the first did not see."""
    cast = enter(session)
    first = report(session, cast, "5 10:00", "5 12:00")
    number = ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")
    engines = [open_engine(database) for _ in range(3)]

    def reckoned_by_another() -> None:
        with Session(engines[1]) as own, writing(own):
            bring_up_to_date(own, NOON + timedelta(minutes=1))

    def reported_meanwhile() -> int:
        with Session(engines[2]) as own:
            return report(own, cast, "5 12:05", "5 14:00")

    with ThreadPoolExecutor(2) as pool, Session(engines[0]) as own:
        with writing(own):
            bring_up_to_date(own, NOON)
            assert own.scalars(select(DetectedEvent.id)).all() == [first]
            between = pool.submit(reported_meanwhile)
            if database.startswith("postgresql"):  # in SQLite everybody waits for the first one
                between.result(60)
            other = pool.submit(reckoned_by_another)
            if database.startswith("postgresql"):
                until(lambda: _waiting(session))
        other.result(60)
        second = between.result(60)
    follow_matching(Context(engines[0], test_settings(database), now=lambda: NOON))
    assert freshness(session).is_fresh
    kept = _kept(session)
    assert kept[DetectedEvent] == [(first, at("5 10:00"), at("5 14:00"), 2, True)]
    assert kept[EventOfDetected] == [(first, first), (second, first)]
    assert kept[EventTicket] == [(first, number)]
    assert kept[Duty] == [(first, number)]
    with writing(session):
        bring_up_to_date(session, NOON, everything=True)
    assert _kept(session) == kept, "what is reckoned from nothing is the same"
    for engine in engines:
        engine.dispose()


def _waiting(session: Session) -> bool:
    found = session.scalar(
        text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )
    session.rollback()
    return bool(found)


def _kept(session: Session) -> dict[Any, list[tuple[Any, ...]]]:
    session.rollback()
    rows = {
        DetectedEvent: select(
            *(DetectedEvent.id, DetectedEvent.start, DetectedEvent.end),
            *(DetectedEvent.beginnings, DetectedEvent.is_documented),
        ),
        EventOfDetected: select(EventOfDetected.event_id, EventOfDetected.detected_id),
        EventTicket: select(EventTicket.detected_id, EventTicket.ticket_number),
        Duty: select(Duty.event_id, Duty.ticket_number).where(Duty.is_due),
    }
    found = {
        kind: [tuple(row) for row in session.execute(query.order_by(text("1")))]
        for kind, query in rows.items()
    }
    session.rollback()
    return found
