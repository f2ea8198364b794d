"""The worker follows what changes, beside people who decide by hand at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise, product
from typing import Any, Final

import pytest
from sqlalchemy import Engine, delete, select, text
from sqlalchemy import event as on_event
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.duties.models.duties import Duty, ServiceLoss
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.jobs.rules.followers import MATCHING
from app.jobs.tasks.context import Context
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket, HandMade
from app.matching.services import result_diff
from app.matching.services.by_hand import link_by_hand
from app.matching.services.recompute import bring_up_to_date
from app.matching.services.stale_links import freshness, stale_targets
from app.matching.tasks.follow import follow_matching
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket
from app.worker.followers import FOLLOWERS
from tests.cast import NOON, enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.harness.until import until
from tests.matching.matching_world import LINK, at, report, ticket

OTHER: Final = "CERN-PIC-LHCOPN-001"
MOST: Final = 30
"""Rows that are written together, for these tests; beside each event are a dozen at most."""


def test_the_listener_matches_and_does_nothing_twice(session: Session, database: str) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 11:00")
    ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 11:00")
    assert MATCHING in FOLLOWERS
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
    _wait_for_locks_as_long_as_it_takes(engine)
    context = Context(engine, test_settings(database), now=lambda: NOON)

    def decide(event: int) -> None:
        with Session(engine) as own, transaction(own):
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


def _wait_for_locks_as_long_as_it_takes(engine: Engine) -> None:
    """Ten wait for each other: on a slow machine the last one longer than the portal lets it."""
    if engine.dialect.name == "postgresql":

        @on_event.listens_for(engine, "connect")
        def set_limit(connection: Any, _record: object) -> None:
            connection.execute("SET lock_timeout = 0")
            connection.commit()


def test_two_that_bring_up_to_date_at_once_neither_lose_nor_double(
    session: Session, database: str
) -> None:
    """The second begins while the first has computed and not committed, and an event comes in
    between that the first did not see."""
    cast = enter(session)
    first = report(session, cast, "5 10:00", "5 12:00")
    number = ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")
    engines = [open_engine(database) for _ in range(3)]

    def recomputed_by_another() -> None:
        with Session(engines[1]) as own, transaction(own):
            bring_up_to_date(own, NOON + timedelta(minutes=1))

    def reported_meanwhile() -> int:
        with Session(engines[2]) as own:
            return report(own, cast, "5 12:05", "5 14:00")

    with ThreadPoolExecutor(2) as pool, Session(engines[0]) as own:
        with transaction(own):
            bring_up_to_date(own, NOON)
            assert own.scalars(select(DetectedEvent.id)).all() == [first]
            between = pool.submit(reported_meanwhile)
            if database.startswith("postgresql"):  # in SQLite everybody waits for the first one
                between.result(60)
            other = pool.submit(recomputed_by_another)
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
    with transaction(session):
        bring_up_to_date(session, NOON, everything=True)
    assert _kept(session) == kept, "what is reckoned from nothing is the same"
    for engine in engines:
        engine.dispose()


class Watched(Context):
    """A worker that is looked at after each of its transactions."""

    look: Callable[[], None]

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session with one write transaction, and a look when it ended."""
        with super().transaction() as session:
            yield session
        self.look()


def watched(engine: Engine, database: str, look: Callable[[], None]) -> Watched:
    context = Watched(engine, test_settings(database), now=lambda: NOON)
    object.__setattr__(context, "look", look)
    return context


def _rows(session: Session) -> dict[Any, set[tuple[Any, ...]]]:
    kinds = (DetectedEvent, EventOfDetected, EventTicket, ServiceLoss, Duty)
    found = {
        kind: {tuple(row) for row in session.execute(select(kind.__table__))} for kind in kinds
    }
    session.rollback()
    return found


def _written(before: dict[Any, set[Any]], after: dict[Any, set[Any]]) -> int:
    return sum(len(before[kind] ^ rows) for kind, rows in after.items())


def _steps(states: list[dict[Any, set[Any]]], *kinds: Any) -> list[int]:
    """Which of the steps between these states wrote rows of such kinds."""
    return [
        step
        for step, (one, two) in enumerate(pairwise(states))
        if any(one[kind] != two[kind] for kind in kinds)
    ]


@pytest.mark.parametrize("occasion", ["everything", "one ticket"])
def test_a_link_is_written_in_parts_and_others_write_between_them(
    session: Session, database: str, monkeypatch: pytest.MonkeyPatch, occasion: str
) -> None:
    """After each part: few rows differ, a ticket can be written, an event is as before or as
    after, and nobody is told that the figures are of now."""
    monkeypatch.setattr(result_diff, "MAX_ROWS", MOST)
    cast = enter(session)
    engine, other = open_engine(database), open_engine(database)
    for day, hour in product((2, 3, 4, 5), range(0, 20, 2)):
        report(session, cast, f"{day} {hour:02}:00", f"{day} {hour + 1:02}:10")
    if occasion == "one ticket":
        follow_matching(Context(engine, test_settings(database), now=lambda: NOON))
    ticket(session, cast, links=(LINK,), event_start="2 00:00", event_end="6 00:00")
    old = _rows(session)
    states: list[dict[Any, set[Any]]] = []
    stale: list[bool] = []

    def look() -> None:
        with Session(other) as own:
            stale.append(bool(stale_targets(own)))
            own.rollback()
            states.append(_rows(own))
            ticket(own, cast, title="Of nothing that matters")

    follow_matching(watched(engine, database, look))
    new = states[-1]
    writes = [_written(one, two) for one, two in pairwise([old, *states])]
    assert sum(writes) > 3 * MOST
    assert max(writes) <= 2 * MOST, "a row that differs is told twice: as it was and as it is"
    matched = _steps([old, *states], DetectedEvent, EventOfDetected, EventTicket)
    judged = _steps([old, *states], Duty)
    assert all(stale[: judged[-1]]), "cleared, and a batch was missing"
    assert min(len(matched), len(judged)) > 1, "else nobody looked between two batches"
    assert not stale[-1]
    for kind in (DetectedEvent, EventTicket):
        for state in states:
            for event in {row[0] for row in old[kind] | new[kind]}:
                mine = [{row for row in one[kind] if row[0] == event} for one in (old, state, new)]
                assert mine[1] in (mine[0], mine[2])
    with transaction(session):
        bring_up_to_date(session, NOON, everything=True)
    assert _rows(session) == new, "what is reckoned from nothing is the same"
    for one in (engine, other):
        one.dispose()


def test_whoever_dies_between_two_parts_is_followed_by_another(
    session: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_diff, "MAX_ROWS", MOST)
    cast = enter(session)
    engine = open_engine(database)
    for hour in range(20):
        report(session, cast, f"5 {hour:02}:00", f"5 {hour:02}:40")
        ticket(session, cast, links=(LINK,), event_start=f"5 {hour:02}:00", event_end="5 23:00")
    deaths, begun = 0, 0

    class Killed(Exception):
        pass

    def die() -> None:
        nonlocal begun
        begun += 1
        is_stale = freshness(session).stale
        session.rollback()
        if begun == 3 and is_stale:  # else it was the last one, and all was written
            raise Killed

    while True:
        begun = 0
        try:
            follow_matching(watched(engine, database, die))
            break
        except Killed:
            deaths += 1
    assert deaths >= 3
    assert freshness(session).is_fresh
    kept = _rows(session)
    with transaction(session):
        bring_up_to_date(session, NOON, everything=True)
    assert _rows(session) == kept
    engine.dispose()


@pytest.mark.parametrize("there", ["a period of another's outage", "an outage with another's"])
@pytest.mark.parametrize("way", ["a worker", "a person"])
def test_what_another_link_takes_before_the_change_is_looked_at_leaves_its_old_one_right(
    session: Session, database: str, there: str, way: str
) -> None:
    """An event moves to a link that is computed at once, before anybody looked which links the move
    concerns: afterwards the kept results no longer tell where it was."""
    cast = enter(session)
    engine, other = open_engine(database), open_engine(database)
    number = ticket(session, cast, event_start="2013-01-01 00:00", event_end="2013-01-01 01:00")
    first = there == "an outage with another's"
    stays = ("5 10:30", "5 12:00") if first else ("5 10:00", "5 11:00")
    goes = ("5 10:00", "5 11:00") if first else ("5 10:30", "5 12:00")
    report(session, cast, *stays)
    report(session, cast, *goes, source_id="moves")
    context = Context(engine, test_settings(database), now=lambda: NOON)
    follow_matching(context)
    there_too = report(session, cast, "4 10:00", "4 11:00", link=OTHER)
    left = [True]

    def move() -> None:
        if left and left.pop():
            with Session(other) as own:
                report(own, cast, *goes, source_id="moves", link=OTHER)

    if way == "a worker":
        follow_matching(watched(engine, database, move))
    else:
        move()
        with transaction(session):
            link_by_hand(session, writer(cast.operator), there_too, number, "It was this one")
    follow_matching(context)
    assert freshness(session).is_fresh
    kept = _kept(session)
    with transaction(session):
        bring_up_to_date(session, NOON, everything=True)
    assert _kept(session) == kept, "what is reckoned from nothing is the same"
    for one in (engine, other):
        one.dispose()


@pytest.mark.parametrize("place", [3, 4, 5])
def test_a_worker_that_was_overtaken_begins_the_link_anew(
    session: Session, database: str, place: int
) -> None:
    """After it read for the matches, the losses or the duties of a link another worker recomputes
    the same links, of which something else has changed: nothing of both is mixed."""
    cast = enter(session)
    engine, other = open_engine(database), open_engine(database)
    for hour in range(0, 20, 2):
        for link in (LINK, OTHER):
            report(session, cast, f"5 {hour:02}:00", f"5 {hour + 1:02}:10", link=link)
    number = ticket(session, cast, links=(LINK, OTHER), event_start="5 00:00", event_end="6 00:00")
    readings = 0

    class Slow(Context):
        @contextmanager
        def reading(self) -> Iterator[Session]:
            """A session to read with; another worker is done before what it read is written."""
            nonlocal readings
            with super().reading() as own:
                yield own
            readings += 1
            if readings == place:
                with Session(other) as own:
                    for link in (LINK, OTHER):
                        report(own, cast, "5 01:20", "5 02:40", link=link)
                follow_matching(Context(other, test_settings(database), now=lambda: NOON))

    follow_matching(Slow(engine, test_settings(database), now=lambda: NOON))
    assert readings > place
    assert freshness(session).is_fresh
    session.rollback()
    kept = _rows(session)
    assert {row[1] for row in kept[EventTicket]} == {number}
    with transaction(session):
        for kind in (Duty, ServiceLoss, EventTicket, EventOfDetected, DetectedEvent):
            session.execute(delete(kind))
        bring_up_to_date(session, NOON, everything=True)
    assert _rows(session) == kept, "what is computed from nothing is the same"
    for one in (engine, other):
        one.dispose()


def test_many_workers_at_once_give_the_right_rows(
    session: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_diff, "MAX_ROWS", 5)
    cast = enter(session)
    for hour in range(0, 20, 2):
        for link in (LINK, OTHER):
            report(session, cast, f"5 {hour:02}:00", f"5 {hour + 1:02}:10", link=link)
        ticket(session, cast, links=(LINK,), event_start=f"5 {hour:02}:00", event_end="6 00:00")
    engine = open_engine(database)
    context = Context(engine, test_settings(database), now=lambda: NOON)
    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(follow_matching, context) for _ in range(4)]:
            one.result(60)
    follow_matching(context)
    assert freshness(session).is_fresh
    session.rollback()
    kept = _rows(session)
    with transaction(session):
        for kind in (Duty, ServiceLoss, EventTicket, EventOfDetected, DetectedEvent):
            session.execute(delete(kind))
        bring_up_to_date(session, NOON, everything=True)
    assert _rows(session) == kept, "what is computed from nothing is the same"
    engine.dispose()


def test_a_decision_between_two_parts_stays(
    session: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_diff, "MAX_ROWS", MOST)
    cast = enter(session)
    engine, other = open_engine(database), open_engine(database)
    events = [report(session, cast, f"5 {hour:02}:00", f"5 {hour:02}:40") for hour in range(20)]
    for hour in range(20):
        ticket(session, cast, links=(LINK,), event_start=f"5 {hour:02}:00", event_end="5 23:00")
    number = ticket(session, cast, event_start="2013-01-01 00:00", event_end="2013-01-01 01:00")
    left = [events[0], events[-1]]
    steps = 0

    def decide() -> None:
        nonlocal steps
        steps += 1
        if left and steps > 1:  # the first one only marks
            with Session(other) as own, transaction(own):
                link_by_hand(own, writer(cast.operator), left.pop(), number, "It was this one")

    follow_matching(watched(engine, database, decide))
    follow_matching(Context(engine, test_settings(database), now=lambda: NOON))
    assert freshness(session).is_fresh
    by_hand = select(EventTicket.detected_id).where(EventTicket.ticket_number == number)
    assert set(session.scalars(by_hand)) == {events[0], events[-1]}
    session.rollback()
    kept = _rows(session)
    with transaction(session):
        bring_up_to_date(session, NOON, everything=True)
    assert _rows(session) == kept
    for one in (engine, other):
        one.dispose()


def test_a_decision_waits_for_no_ticket_while_it_holds_the_log(
    session: Session, database: str
) -> None:
    """Somebody changes a ticket that comes beside the event with the decision about another one."""
    if database.startswith("sqlite"):
        return  # one writer at a time
    cast = enter(session)
    engine = open_engine(database)
    event = report(session, cast, "5 10:00", "5 12:00")
    decided = ticket(session, cast)
    other = ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")

    def decide() -> None:
        with Session(engine) as own, transaction(own):
            link_by_hand(own, writer(cast.operator), event, decided, "It was this one")

    with ThreadPoolExecutor(1) as pool, Session(engine) as changing:
        with transaction(changing):
            changing.get_one(Ticket, other, with_for_update={"of": Ticket})
            decides = pool.submit(decide)
            until(lambda: _waiting(session))
            change_ticket(changing, writer(cast.operator), other, {"title": "Something else"})
        decides.result(60)
    pairs = select(EventTicket.ticket_number).order_by(EventTicket.ticket_number)
    assert session.scalars(pairs).all() == [decided, other]
    session.rollback()
    engine.dispose()


def test_figures_do_not_wait_for_a_ticket_that_is_being_changed(
    session: Session, database: str
) -> None:
    """A bulk holds many tickets, and matching writes beside them in an order of its own."""
    if database.startswith("sqlite"):
        return  # one writer at a time
    cast = enter(session)
    engine = open_engine(database)
    report(session, cast, "5 10:00", "5 12:00")
    number = ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")
    with Session(engine) as changing, transaction(changing):
        change_ticket(changing, writer(cast.operator), number, {"title": "Something else"})
        with transaction(session):
            session.execute(text("SET LOCAL lock_timeout = '1s'"))
            bring_up_to_date(session, NOON)
    assert session.scalars(select(EventTicket.ticket_number)).all() == [number]
    session.rollback()
    engine.dispose()


def test_figures_do_not_wait_for_an_event_that_is_being_corrected(
    session: Session, database: str
) -> None:
    """A file takes seconds for all of its events, and holds those that it corrects; somebody waits
    to decide about one of them."""
    if database.startswith("sqlite"):
        return  # one writer at a time
    cast = enter(session)
    engine = open_engine(database)
    event = report(session, cast, "5 10:00", "5 12:00", source_id="x")
    message = EventMessage(
        0, "event 0", "test", "x", LINK, None, "down", at("5 10:00"), at("5 13:00"), is_open=False
    )
    number = ticket(session, cast)

    def decide() -> None:
        with Session(engine) as own, transaction(own):
            link_by_hand(own, writer(cast.operator), event, number, "It was this one")

    with ThreadPoolExecutor(1) as pool, Session(engine) as importing:
        with transaction(importing):
            report_events(importing, writer(cast.operator), [message])
            decides = pool.submit(decide)
            until(lambda: _waiting(session))
            session.rollback()
            with transaction(session):
                session.execute(text("SET LOCAL lock_timeout = '1s'"))
                bring_up_to_date(session, NOON)
        decides.result(60)
    assert session.scalars(select(EventOfDetected.event_id)).all() == [event]
    session.rollback()
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
