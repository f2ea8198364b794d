"""Several writers' changes in one commit: none is told that it is written before it is on disk.

Real threads and processes, on SQLite, where writers share a commit; what holds on both databases
is tried on both. Nothing waits for a fixed time.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.database.group_commit import LARGEST_GROUP, Writers
from app.core.database.sqlite_write_lock import GateClosed
from app.core.database.transactions import CommitFailed
from app.core.models.changes import Counter
from app.core.rules.access import Actor
from app.core.rules.errors import Invalid
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from tests.cast import enter, writer
from tests.harness.databases import fresh_database, open_engine
from tests.harness.until import until

_processes = multiprocessing.get_context("spawn")
Change = Callable[[Session], object]


def put(name: str) -> Change:
    """A change that stores one row."""
    return lambda session: session.add(Counter(name=name, value=1))


class Office:
    """The writers of one database in this process, and threads that write."""

    def __init__(self, url: str, patience: float = 60) -> None:
        self.url = url
        self.engine = open_engine(url)
        self.writers = Writers(self.engine, patience)
        self.threads = ThreadPoolExecutor(60)
        self.answered = 0
        self.commits: list[int] = []
        """Of each commit of a write transaction: how many had been told something before it."""
        event.listen(self.engine, "commit", self._note)

    def _note(self, connection: object) -> None:
        self.commits.append(self.answered)

    def write(self, change: Change) -> bool:
        """Make a change; whether it was told to be written."""
        try:
            with Session(self.engine) as session, self.writers.writing(session) as own:
                change(own)
            return True
        finally:
            self.answered += 1

    @contextmanager
    def together(self, changes: list[Change]) -> Iterator[list[Future[bool]]]:
        """Let the first one into its turn, the others wait for theirs, and all go on."""
        inside, go = threading.Event(), threading.Event()

        def first(session: Session) -> None:
            changes[0](session)
            inside.set()
            assert go.wait(60)

        told = [self.threads.submit(self.write, first)]
        assert inside.wait(60)
        for change in changes[1:]:
            before = self.writers.waiting
            told.append(self.threads.submit(self.write, change))
            until(lambda before=before: self.writers.waiting > before)  # type: ignore[misc]
        go.set()
        yield told

    def all(self, *changes: Change) -> list[bool | BaseException]:
        """What each of these is told, made together: the first comes first, the others anyhow."""
        with self.together(list(changes)) as told:
            return [one.exception(60) or one.result() for one in told]

    def stored(self) -> set[str]:
        """The rows that are on disk, as somebody else sees them."""
        return rows_of(self.url)

    def close(self) -> None:
        self.threads.shutdown()
        self.engine.dispose()


def rows_of(url: str) -> set[str]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        names = connection.execute("SELECT name FROM counters WHERE value = 1").fetchall()
    finally:
        connection.close()
    return {name for (name,) in names}


@contextmanager
def fresh_office(patience: float = 60) -> Iterator[Office]:
    """On a database of its own; closed whatever becomes of the test, or its connections would be
    found unclosed in the middle of another one."""
    with fresh_database("sqlite") as url:
        office = Office(url, patience)
        try:
            yield office
        finally:
            office.close()


@pytest.fixture
def office() -> Iterator[Office]:
    with fresh_office() as office:
        yield office


def test_changes_that_come_together_share_a_commit_and_are_told_behind_it(office: Office) -> None:
    names = [f"{turn}" for turn in range(9)]
    assert office.all(*map(put, names)) == [True] * 9
    assert office.commits == [0]  # one commit, before anybody was told
    assert office.stored() == set(names)


def test_a_group_is_bounded(office: Office) -> None:
    count = 2 * LARGEST_GROUP + 3
    names = [f"{turn}" for turn in range(count)]
    assert office.all(*map(put, names)) == [True] * count
    assert len(office.commits) == 3
    assert office.commits[0] == 0
    assert office.commits[1] <= LARGEST_GROUP
    assert office.commits[2] <= 2 * LARGEST_GROUP
    assert office.stored() == set(names)


def test_who_is_told_finds_its_row_on_disk(office: Office) -> None:
    def write(turn: int) -> bool:
        assert office.write(put(f"{turn}"))
        return f"{turn}" in office.stored()

    assert all(office.threads.map(write, range(200)))
    assert len(office.stored()) == 200


def _refused(session: Session) -> None:
    put("refused")(session)
    session.flush()
    raise Invalid("title", "no")


def _twice(session: Session) -> None:
    """The row of an earlier one in the group: the database itself refuses it."""
    put("twice")(session)
    session.flush()
    session.execute(text("INSERT INTO counters (name, value) VALUES ('first', 1)"))


def _ended(session: Session) -> None:
    put("ended")(session)
    session.flush()
    raise KeyboardInterrupt


def test_an_error_takes_back_one_change_alone(office: Office) -> None:
    told = office.all(put("first"), _refused, put("second"), _twice, _ended, put("third"))
    assert [type(one) for one in told] == [
        *(bool, Invalid, bool, IntegrityError),
        *(KeyboardInterrupt, bool),
    ]
    assert len(office.commits) == 1
    assert office.stored() == {"first", "second", "third"}


def _orphan(session: Session) -> None:
    """Refused at the commit only."""
    put("orphan")(session)
    session.flush()
    session.execute(text("PRAGMA defer_foreign_keys = ON"))
    session.execute(text("INSERT INTO account_sites (account_id, site_id) VALUES (999999, 999999)"))


def test_a_commit_that_fails_is_told_to_each_of_its_group(office: Office) -> None:
    told = office.all(put("first"), _orphan, _refused, put("last"))
    assert [type(one) for one in told] == [CommitFailed] * 4
    # who had an error of its own is told of it beside
    assert isinstance(told[2], CommitFailed)
    assert isinstance(told[2].__context__, Invalid)
    assert isinstance(told[3], CommitFailed)
    assert isinstance(told[3].__cause__, IntegrityError)
    assert office.stored() == set()
    assert office.all(put("next"), put("one more")) == [True, True]
    assert office.stored() == {"next", "one more"}


def _full(session: Session) -> None:
    """The disk is full: SQLite gives up the whole transaction, savepoints and all."""
    pages = session.scalar(text("PRAGMA page_count"))
    session.execute(text(f"PRAGMA max_page_count = {pages}"))
    try:
        session.execute(text("INSERT INTO counters (name, value) VALUES (:name, 1)"), _LARGE)
    finally:
        session.execute(text("PRAGMA max_page_count = 1000000"))


_LARGE = {"name": "x" * 1_000_000}


def test_a_transaction_that_sqlite_gave_up_is_noticed(office: Office) -> None:
    told = office.all(put("first"), _full, *map(put, _OTHERS))
    assert [type(one) for one in told[:2]] == [CommitFailed] * 2
    _check_others(office, told[2:])
    assert office.all(put("next")) == [True]
    assert "next" in office.stored()


_OTHERS = ("second", "third", "fourth")


def _check_others(office: Office, told: list[bool | BaseException]) -> None:
    """Who had its turn before the loss is told so; who came after it is in the next group."""
    assert all(one is True or isinstance(one, CommitFailed) for one in told)
    written = {name for name, one in zip(_OTHERS, told, strict=True) if one is True}
    assert office.stored() == written


def test_a_lost_transaction_is_noticed_where_its_writer_says_nothing(office: Office) -> None:
    def silent(session: Session) -> None:
        put("silent")(session)
        with suppress(Exception):
            _full(session)

    told = office.all(put("first"), silent, *map(put, _OTHERS))
    assert [type(one) for one in told[:2]] == [CommitFailed] * 2
    _check_others(office, told[2:])


def test_whoever_gives_up_waiting_leaves_the_others_their_commit() -> None:
    """A writer of another process stays in for long; here nobody waits longer than he wants."""
    with fresh_office(patience=0.01) as office:
        inside, go = threading.Event(), threading.Event()

        def slow(session: Session) -> None:
            put("slow")(session)
            inside.set()
            assert go.wait(60)

        told = office.threads.submit(office.write, slow)
        try:
            assert inside.wait(60)
            behind = [office.threads.submit(office.write, put(f"{turn}")) for turn in range(5)]
            assert [type(one.exception(60)) for one in behind] == [GateClosed] * 5
        finally:
            go.set()
        assert told.result(60)
        assert office.stored() == {"slow"}
        assert office.write(put("next"))


def test_a_group_is_ended_that_was_left_open_for_one_who_gave_up() -> None:
    """One gives up at the very moment at which the turn is given on to it.

    The one before it sees it waiting; until that one has given its turn on, no other Python runs.
    Python 3.11 then tells the waiter that its time is over. 3.13 looks once more and finds
    the turn free, so that it writes after all. Either way the group is ended.
    """
    patience = 1.0
    with fresh_office(patience) as office:
        inside = threading.Event()
        gives_up_at: list[float] = []

        def slow(session: Session) -> None:
            put("slow")(session)
            session.flush()
            inside.set()
            until(lambda: office.writers.waiting == 1)
            gives_up_at.append(monotonic() + patience + 0.1)
            event.listen(session, "after_transaction_end", too_long)

        def too_long(*_: object) -> None:
            while monotonic() < gives_up_at[0]:
                pass

        before = sys.getswitchinterval()
        sys.setswitchinterval(10)
        try:
            told = office.threads.submit(office.write, slow)
            assert inside.wait(60)
            behind = office.threads.submit(office.write, put("gives up"))
            refused = behind.exception(60)
            assert told.result(60)
        finally:
            sys.setswitchinterval(before)
        assert refused is None or isinstance(refused, GateClosed)
        assert office.stored() == {"slow"} | ({"gives up"} if refused is None else set())
        assert office.write(put("next"))


def write_until_killed(url: str, told: str, prefix: str) -> None:
    """Threads that write rows and, as soon as each is told so, its name into a pipe."""
    office = Office(url)
    pipe = os.open(told, os.O_WRONLY)

    def write(thread: int) -> None:
        turn = 0
        while True:
            name = f"{prefix}-{thread}-{turn}"
            office.write(put(name))
            os.write(pipe, f"{name}\n".encode())  # one write of few bytes is never cut
            turn += 1

    for one in [office.threads.submit(write, thread) for thread in range(8)]:
        one.result()


def test_what_was_told_before_a_kill_is_on_disk(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    with fresh_database("sqlite") as url:
        seen: set[str] = set()
        for least in (1, 60, 200):  # right after the first answers, and in the middle
            worker = _processes.Process(
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
            stored = rows_of(url)
            assert set(names) <= stored
            connection = sqlite3.connect(url.removeprefix("sqlite:///"))
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
            seen |= set(names)
            office = Office(url)  # the gate was given back by the system
            try:
                assert office.write(put(f"after {least}"))
            finally:
                office.close()
        assert len(seen) >= 200


def _pairs(engine: Engine, actor: Actor, turns: range) -> None:
    writers = Writers(engine)

    def write(turn: int) -> None:
        with Session(engine) as session:
            with writers.writing(session) as own:
                number = open_ticket(own, writer(actor), NewTicket(title=f"t {turn}")).number
            with suppress(Invalid), writers.writing(session) as own:
                comment_ticket(own, writer(actor), number, "taken back")
                raise Invalid("title", "no")
            with writers.writing(session) as own:
                comment_ticket(own, writer(actor), number, f"c {turn}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, turns))


def test_changes_of_tickets_by_groups_are_what_they_are_by_one(
    database: str, session: Session
) -> None:
    """Numbers and the log without gaps, each ticket at its second version."""
    cast = enter(session)
    engine = open_engine(database)
    before = session.scalar(text("SELECT max(id) FROM changes"))
    session.rollback()
    try:
        _pairs(engine, cast.operator, range(40))
    finally:
        engine.dispose()
    rows = session.execute(text("SELECT number, version FROM tickets ORDER BY number")).all()
    assert [tuple(row) for row in rows] == [(number, 2) for number in range(1, 41)]
    ids = session.scalars(text("SELECT id FROM changes ORDER BY id")).all()
    assert list(ids) == list(range(1, before + 81))
    taken_back = text("SELECT count(*) FROM changed_fields WHERE new = 'taken back'")
    assert session.scalar(taken_back) == 0
