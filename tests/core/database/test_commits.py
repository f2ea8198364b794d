"""Many writers at once, each with a commit of its own: what each is told is true.

Real threads and processes, on SQLite, where writers come one after another; what holds on both
databases is tried on both. Nothing waits for a fixed time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.core.database.transactions import CommitFailed, has_committed, is_unavailable, transaction
from app.core.models.changes import Counter
from app.core.rules.access import Actor
from app.core.rules.errors import Invalid
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from tests.cast import enter, writer
from tests.harness import loaded
from tests.harness.databases import fresh_database, open_engine

Change = Callable[[Session], object]
THREADS = 8


def put(name: str) -> Change:
    """A change that stores one row."""
    return lambda session: session.add(Counter(name=name, value=1))


def write(engine: Engine, change: Change) -> bool:
    """Make a change in a transaction of its own; returns when it is told to be stored."""
    with Session(engine) as session:
        try:
            with transaction(session):
                change(session)
        except BaseException:
            assert not has_committed(session)
            raise
        return has_committed(session)


def rows_of(url: str) -> set[str]:
    """The rows that are on disk, as somebody else sees them."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        names = connection.execute("SELECT name FROM counters WHERE value = 1").fetchall()
    return {name for (name,) in names}


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database("sqlite") as url:
        yield url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def all_told(engine: Engine, *changes: Change) -> list[bool | BaseException]:
    """What each of these is told, written by threads at the same time."""
    with ThreadPoolExecutor(len(changes)) as threads:
        told = [threads.submit(write, engine, change) for change in changes]
        return [one.exception(60) or one.result() for one in told]


def test_who_is_told_finds_its_row_on_disk(engine: Engine, url: str) -> None:
    def check(turn: int) -> bool:
        assert write(engine, put(f"{turn}"))
        return f"{turn}" in rows_of(url)

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(check, range(200)))
    assert len(rows_of(url)) == 200


def _refused(session: Session) -> None:
    put("refused")(session)
    session.flush()
    raise Invalid("title", "no")


def _twice(session: Session) -> None:
    """The database itself refuses the second row."""
    put("twice")(session)
    session.flush()
    session.execute(text("INSERT INTO counters (name, value) VALUES ('twice', 1)"))


def _ended(session: Session) -> None:
    put("ended")(session)
    session.flush()
    raise KeyboardInterrupt


def _orphan(session: Session) -> None:
    """Refused at the commit only."""
    put("orphan")(session)
    session.flush()
    session.execute(text("PRAGMA defer_foreign_keys = ON"))
    session.execute(text("INSERT INTO account_sites (account_id, site_id) VALUES (999999, 999999)"))


def test_an_error_takes_back_one_change_alone(engine: Engine, url: str) -> None:
    told = all_told(
        engine, put("first"), _refused, put("second"), _twice, _ended, _orphan, put("third")
    )
    assert [type(one) for one in told] == [
        *(bool, Invalid, bool, IntegrityError),
        *(KeyboardInterrupt, IntegrityError, bool),
    ]
    assert rows_of(url) == {"first", "second", "third"}


def _full(session: Session) -> None:
    """The disk is full: SQLite gives up the whole transaction."""
    pages = session.scalar(text("PRAGMA page_count"))
    session.execute(text(f"PRAGMA max_page_count = {pages}"))
    try:
        session.execute(text("INSERT INTO counters (name, value) VALUES (:name, 1)"), _LARGE)
    finally:
        session.execute(text("PRAGMA max_page_count = 1000000"))


_LARGE = {"name": "x" * 1_000_000}


def _silent(session: Session) -> None:
    put("silent")(session)
    session.flush()
    with suppress(OperationalError):
        _full(session)


def test_a_transaction_that_sqlite_gave_up_is_told_as_not_stored(engine: Engine, url: str) -> None:
    with pytest.raises(OperationalError, match="full") as full:
        write(engine, _full)
    assert is_unavailable(full.value)
    # also where the writer itself says nothing: the COMMIT would not fail
    with pytest.raises(CommitFailed) as lost:
        write(engine, _silent)
    assert is_unavailable(lost.value)
    assert rows_of(url) == set()
    assert write(engine, put("next"))
    assert rows_of(url) == {"next"}


def write_until_killed(url: str, told: str, prefix: str) -> None:
    """Threads that write rows and, as soon as each is told so, its name into a pipe."""
    engine = open_engine(url)
    pipe = os.open(told, os.O_WRONLY)

    def go_on(thread: int) -> None:
        turn = 0
        while True:
            name = f"{prefix}-{thread}-{turn}"
            assert write(engine, put(name))
            os.write(pipe, f"{name}\n".encode())  # one write of few bytes is never cut
            turn += 1

    with ThreadPoolExecutor(THREADS) as threads:
        for one in [threads.submit(go_on, thread) for thread in range(THREADS)]:
            one.result()


def test_what_was_told_before_a_kill_is_on_disk(tmp_path: Path, engine: Engine, url: str) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    seen: set[str] = set()
    for least in (1, 60, 200):  # right after the first answers, and in the middle
        worker = loaded.PROCESSES.Process(
            target=write_until_killed, args=(url, str(told), f"{least}")
        )
        worker.start()
        names: list[str] = []
        with told.open() as pipe:
            while len(names) < least:
                names.append(pipe.readline().strip())
            worker.kill()
            names += [name.strip() for name in pipe]
        worker.join()
        assert set(names) <= rows_of(url)
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        seen |= set(names)
        assert write(engine, put(f"after {least}"))  # the lock was given back by the system
    assert len(seen) >= 200


def test_changes_of_tickets_at_once_have_numbers_without_gaps(
    database: str, session: Session
) -> None:
    """Numbers and the log without gaps, each ticket at its second version."""
    actor = enter(session).operator
    engine = open_engine(database)
    before = session.scalar(text("SELECT max(id) FROM changes"))
    session.rollback()
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda turn: _open_and_comment(engine, actor, turn), range(40)))
    finally:
        engine.dispose()
    rows = session.execute(text("SELECT number, version FROM tickets ORDER BY number")).all()
    assert [tuple(row) for row in rows] == [(number, 2) for number in range(1, 41)]
    ids = session.scalars(text("SELECT id FROM changes ORDER BY id")).all()
    assert list(ids) == list(range(1, before + 81))
    taken_back = text("SELECT count(*) FROM changed_fields WHERE new = 'taken back'")
    assert session.scalar(taken_back) == 0


def _open_and_comment(engine: Engine, actor: Actor, turn: int) -> None:
    """One ticket, an entry that is taken back, and one that stays; in one session."""
    with Session(engine) as session:
        with transaction(session):
            number = open_ticket(session, writer(actor), NewTicket(title=f"t {turn}")).number
        with suppress(Invalid), transaction(session):
            comment_ticket(session, writer(actor), number, "taken back")
            raise Invalid("title", "no")
        with transaction(session):
            comment_ticket(session, writer(actor), number, f"c {turn}")
