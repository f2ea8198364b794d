"""The worker follows what changes, beside people who decide by hand at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import writing
from app.models import DetectedEvent, EventTicket, HandMade
from app.services.matching import freshness
from app.services.matching_by_hand import link_by_hand
from app.worker.context import Context
from app.worker.listeners import LISTENERS
from app.worker.matching import follow_matching
from tests.cast import NOON, enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.services.matching_world import LINK, report, ticket


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
