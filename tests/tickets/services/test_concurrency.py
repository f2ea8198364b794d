"""Fifty writers at once, in five processes, on both databases.

Each process is a real one with threads of its own, as a server's workers are; nothing is faked
and nothing waits for a fixed time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.synchronize import Event

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.services.credentials import attempt, record_attempt
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Actor, ActorKind
from app.core.services.changes import TICKET, changes_of, read_on
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.lifecycle import (
    close_due_tickets,
    comment_ticket,
    move_ticket,
    open_ticket,
)
from tests.cast import NOON, PASSWORD, SYSTEM, enter, writer
from tests.harness import loaded
from tests.harness.databases import open_engine

PROCESSES = 5
THREADS = 10
CHANGES = 4
"""Changes by each writer of the cursor test."""


@dataclass(frozen=True)
class Job:
    """One process's part: its writers are numbered from ``first``."""

    url: str
    actor: Actor
    first: int
    ticket: int = 0
    content: str = ""


def create_in_parallel(job: Job) -> list[int]:
    """Repeat one creation once per thread; the numbers that were answered."""
    engine = open_engine(job.url)

    def once(position: int) -> int:
        new = NewTicket(title="CERN-PIC-LHCOPN-001 down", origin_id="4711")
        with Session(engine) as session, transaction(session):
            return create_ticket_idempotent(
                session, writer(job.actor), new, {"title": new.title}
            ).number

    with ThreadPoolExecutor(THREADS) as pool:
        numbers = list(pool.map(once, range(THREADS)))
    engine.dispose()
    return numbers


def write_in_parallel(job: Job) -> None:
    """Each thread opens a ticket of its own and comments the common one, several times."""
    engine = open_engine(job.url)

    def write(position: int) -> None:
        for turn in range(CHANGES // 2):
            with Session(engine) as session, transaction(session):
                open_ticket(session, writer(job.actor), NewTicket(title=f"{position} {turn}"))
            with Session(engine) as session, transaction(session):
                comment_ticket(session, writer(job.actor), job.ticket, f"{position} {turn}")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, range(job.first, job.first + THREADS)))
    engine.dispose()


def follow(url: str, ended: Event) -> tuple[list[int], list[int]]:
    """Read on from the last change seen until the writers ended: change ids, new ticket numbers.

    Both are read as a partner would: always only what lies behind the highest one known.
    """
    engine = open_engine(url)
    changes: list[int] = [0]
    tickets: list[int] = [0]
    last_round = False
    while True:
        with Session(engine) as session:
            if behind := read_on(session, changes[-1], 7):
                changes += [change.id for change in behind[0]]
        with Session(engine) as session:
            later = select(Ticket.number).where(Ticket.number > tickets[-1])
            tickets += session.scalars(later.order_by(Ticket.number).limit(3))
            caught_up = changes[-1] == session.scalar(select(func.max(Change.id)))
        if last_round and caught_up:
            engine.dispose()
            return changes[1:], tickets[1:]
        last_round = ended.is_set()


def test_fifty_parallel_creations_with_one_origin_id_make_one_ticket(
    database: str, session: Session
) -> None:
    cast = enter(session)
    jobs = [Job(database, cast.nren_a, position) for position in range(PROCESSES)]
    with loaded.PROCESSES.Pool(PROCESSES) as pool:
        answers = [number for part in pool.map(create_in_parallel, jobs) for number in part]
    assert answers == [1] * (PROCESSES * THREADS)
    assert session.scalars(select(Ticket.number)).all() == [1]
    assert len(changes_of(session, TICKET, 1)) == 1


@pytest.mark.timeout(300)
def test_a_cursor_misses_nothing_while_fifty_writers_write(database: str, session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        common = open_ticket(session, writer(cast.operator), NewTicket(title="common")).number
    jobs = [
        Job(database, cast.operator, first, ticket=common)
        for first in range(0, PROCESSES * THREADS, THREADS)
    ]
    with loaded.PROCESSES.Manager() as manager, loaded.PROCESSES.Pool(PROCESSES + 1) as pool:
        ended = manager.Event()
        reading = pool.apply_async(follow, (database, ended))
        pool.map(write_in_parallel, jobs, chunksize=1)
        ended.set()
        seen, numbers = reading.get()
    written = PROCESSES * THREADS * CHANGES
    session.rollback()
    stored = session.scalars(select(Change.id).order_by(Change.id)).all()
    assert seen == list(stored)
    assert numbers == list(range(1, written // 2 + 2))
    versions = [change.version for change in changes_of(session, TICKET, common)]
    assert versions == list(range(1, written // 2 + 2))


def test_closing_what_is_due_beside_writers_of_the_same_tickets(
    database: str, session: Session
) -> None:
    """Both take the tickets' locks before the change log's, so neither waits for the other."""
    cast = enter(session)
    numbers = []
    with transaction(session):
        for _ in range(30):
            number = open_ticket(session, writer(cast.operator), NewTicket(title="t")).number
            move_ticket(session, writer(cast.operator), number, "unsolved")
            numbers.append(number)
    engine = open_engine(database)

    def comment(position: int) -> None:
        for number in reversed(numbers[position % 3 :: 3]):
            with Session(engine) as own, transaction(own):
                comment_ticket(own, writer(cast.operator), number, f"{position}")

    def close() -> list[int]:
        with Session(engine) as own, transaction(own):
            return list(close_due_tickets(own, SYSTEM, NOON + timedelta(days=30)))

    with ThreadPoolExecutor(THREADS) as pool:
        comments = [pool.submit(comment, position) for position in range(THREADS - 1)]
        assert pool.submit(close).result() == numbers
        for part in comments:
            part.result()
    engine.dispose()
    session.rollback()
    assert set(session.scalars(select(Ticket.state))) == {"closed"}
    written = session.scalar(select(func.count()).where(ChangedField.field == "public_comment"))
    assert written == (THREADS - 1) * 10


def test_accounts_that_come_back_together_are_all_let_in(database: str, session: Session) -> None:
    """Each remembers its own credential and forgets outdated ones, of which the others' are."""
    enter(session)
    engine = open_engine(database)
    names = [(ActorKind.PERSON, name) for name in ("admin", "operator", "kit", "pic", "reader")]
    names += [(ActorKind.PARTNER, login) for login in ("ggus", "nren_a", "nren_b")]

    def come(name: tuple[ActorKind, str], now: datetime) -> int:
        with Session(engine) as own:
            tried = attempt(own, *name, PASSWORD, now, b"key")
            with transaction(own):
                return record_attempt(own, tried, now).verified_account()

    with ThreadPoolExecutor(len(names)) as pool:
        for turn in range(6):
            now = NOON + turn * timedelta(minutes=10)
            assert all(pool.map(come, names, [now] * len(names)))
    engine.dispose()
