"""Cached facts: whatever happened since they were read, they are what the rows say now."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import dry_run, transaction
from app.core.models.changes import ChangedField
from app.core.rules.access import Actor
from app.events.services.withdrawal import restore_event, withdraw_event
from app.names.services.name_decisions import follow_tickets
from app.names.services.unresolved import NameKind
from app.registry.services.sites import create_site
from app.statistics.services import cache
from app.statistics.services.cache import current_facts
from app.statistics.services.events import EVENT_FACTS, read_events
from app.statistics.services.tickets import TICKET_FACTS, read_ticket_facts
from app.tickets.figures.facts import PAIR, TICKET, TicketFacts
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, comment_ticket, move_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness import loaded
from tests.harness.databases import open_engine
from tests.matching.matching_world import report

PROCESSES, THREADS, CHANGES = 5, 10, 4
MOST = range(1, 1000)
"""More numbers than any test gives out."""


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tickets are many parts."""
    monkeypatch.setattr(cache, "MAX_READ", 4)


def opened(session: Session, cast: Cast, count: int, **more: object) -> list[int]:
    with transaction(session):
        return [
            open_ticket(
                session,
                writer(cast.operator, NOON + timedelta(minutes=at)),
                NewTicket(title=f"Ticket {at}", description="d", **more),  # type: ignore[arg-type]
            ).number
            for at in range(count)
        ]


def seen(session: Session) -> TicketFacts:
    facts = current_facts(session, TICKET_FACTS)
    session.rollback()
    return facts


def assert_true(session: Session) -> None:
    facts, rows = seen(session), read_ticket_facts(session, MOST)
    session.rollback()
    for name, kind in (("tickets", TICKET), ("links", PAIR), ("sites", PAIR)):
        found, expected = getattr(facts, name), getattr(rows, name)
        for column in kind.names or ():
            np.testing.assert_array_equal(found[column], expected[column])
    assert facts.names == rows.names


def test_nothing_is_nothing(session: Session, cast: Cast) -> None:
    assert len(seen(session)) == 0
    assert not current_facts(session, EVENT_FACTS).spans


def test_what_changed_is_read_anew_and_nothing_else(session: Session, cast: Cast) -> None:
    numbers = opened(session, cast, 10, links=("CERN-PIC-LHCOPN-001",), sites=("DE-KIT", "Nowhere"))
    assert_true(session)
    assert seen(session).names == tuple((number, "Nowhere") for number in numbers)
    with transaction(session):
        for at, number in enumerate(numbers[::3]):
            by = writer(cast.operator, NOON + timedelta(hours=at + 1))
            move_ticket(session, by, number, "in progress")
            change_ticket(session, by, number, {"links": (), "sites": ("Elsewhere",)})
    more = opened(session, cast, 5)
    asked: list[int] = []

    def read(session: Session, numbers: Sequence[int]) -> TicketFacts:
        asked.extend(numbers)
        return read_ticket_facts(session, numbers)

    for _ in range(2):  # then nothing changed since
        current_facts(session, replace(TICKET_FACTS, read=read))
        session.rollback()
        assert asked == [*numbers[::3], *more]
    assert_true(session)


def test_times_of_links_follow_their_events(session: Session, cast: Cast) -> None:
    report(session, cast, "5 10:00", "5 11:00")
    facts = current_facts(session, EVENT_FACTS)
    assert current_facts(session, EVENT_FACTS) is facts
    (event,) = facts.events["id"].tolist()
    assert len(facts.spans) == 1
    session.rollback()
    by = writer(cast.operator)
    for change, links in ((withdraw_event, 0), (restore_event, 1)):
        with transaction(session):
            change(session, by, event, "A test.")
        facts = current_facts(session, EVENT_FACTS)
        assert len(facts.spans) == links
        assert facts.events.tolist() == read_events(session, MOST).tolist()
        session.rollback()


def test_what_is_rolled_back_stays_with_who_wrote_it(session: Session, cast: Cast) -> None:
    """The number of its change is given to another one."""
    opened(session, cast, 1)
    seen(session)
    with dry_run(session):
        open_ticket(session, writer(cast.operator), NewTicket(title="Never"))
        assert len(current_facts(session, TICKET_FACTS)) == 2
    assert len(seen(session)) == 1
    with transaction(session):
        move_ticket(session, writer(cast.operator, NOON + timedelta(hours=1)), 1, "on hold")
    assert_true(session)


def test_an_older_snapshot_does_not_bring_back_what_was(session: Session, cast: Cast) -> None:
    opened(session, cast, 2)
    with Session(session.get_bind()) as older:
        if older.get_bind().dialect.name == "postgresql":
            older.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        read_ticket_facts(older, MOST)
        opened(session, cast, 1)
        assert len(seen(session)) == 3
        assert len(current_facts(older, TICKET_FACTS)) == 3
    assert_true(session)


@dataclass(frozen=True)
class Job:
    """One process's part."""

    url: str
    actor: Actor
    first: int


def write_in_parallel(job: Job) -> None:
    """Each thread opens a ticket and goes on writing to it; half of it is rolled back."""
    engine = open_engine(job.url)

    def write(position: int) -> None:
        by = writer(job.actor, NOON + timedelta(minutes=position))
        with Session(engine) as session:
            with transaction(session):
                number = open_ticket(session, by, NewTicket(title=f"Ticket {position}")).number
            for change in range(CHANGES):
                later = writer(job.actor, NOON + timedelta(hours=change + 1, minutes=position))
                with dry_run(session):
                    comment_ticket(session, later, number, "Never.")
                state = "on hold" if change % 2 else "in progress"
                with transaction(session):
                    move_ticket(session, later, number, state)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(write, range(job.first, job.first + THREADS)))
    engine.dispose()


@pytest.mark.timeout(300)
def test_facts_miss_nothing_while_fifty_writers_write(
    database: str, session: Session, cast: Cast
) -> None:
    jobs = [Job(database, cast.operator, first * THREADS) for first in range(PROCESSES)]
    ended = Event()

    def follow() -> int:
        read = 0
        while not ended.is_set():
            with Session(session.get_bind()) as reader:
                len(current_facts(reader, TICKET_FACTS))
            read += 1
        return read

    with (
        loaded.PROCESSES.Pool(PROCESSES) as pool,
        ThreadPoolExecutor(2) as threads,
    ):
        readers = [threads.submit(follow) for _ in range(2)]
        try:
            pool.map(write_in_parallel, jobs)
        finally:
            ended.set()
        assert all(one.result() for one in readers)
    assert len(seen(session)) == PROCESSES * THREADS
    assert_true(session)


def test_a_site_that_is_known_from_now_on_by_its_own_name_is_in_the_facts(
    session: Session, cast: Cast
) -> None:
    with transaction(session):
        stated = NewTicket(title="Two sites", sites=("ES-PIC", "XX-NEW"))
        open_ticket(session, writer(cast.operator), stated)
    assert current_facts(session, TICKET_FACTS).names == ((1, "XX-NEW"),)
    session.rollback()
    later = writer(cast.admin, NOON + timedelta(hours=1))
    with transaction(session):
        values = {"key": "XX-NEW", "country": "DE", "time_zone": "UTC", "tier": 1}
        create_site(session, later, values)
    with transaction(session):
        follow_tickets(session, later, NameKind.SITE, "XX-NEW", 9)
    assert current_facts(session, TICKET_FACTS).names == ()
    logged = select(ChangedField.old, ChangedField.new).where(ChangedField.field == "sites")
    assert session.execute(logged.order_by(ChangedField.id.desc()).limit(1)).one() == (
        "ES-PIC; XX-NEW (not all known)",
        "ES-PIC; XX-NEW",
    )
