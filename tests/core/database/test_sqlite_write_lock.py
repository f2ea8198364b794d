"""The gate of an SQLite file: one writer at a time, over threads and processes, whoever dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Barrier
from time import time

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from app.core.database.sqlite_write_lock import SUFFIX, WriteLock, WriteLockTimeout
from app.core.database.transactions import (
    configure_engine,
    dry_run,
    transaction,
    transaction_if_free,
    write_lock_of,
)
from app.core.models.changes import Counter
from tests.commands.test_commands import done
from tests.harness import loaded
from tests.harness.commands import flask
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import LiveServer
from tests.harness.until import until
from tests.soap_service.wire import Wire, create_accounts

TIMES = 200
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def lock_file(url: str) -> Path:
    path = file_of(url)
    return path.with_name(path.name + SUFFIX)


def count(gate: WriteLock, number: Path) -> None:
    """Raise the number in a file, in two steps that nobody may come between."""
    for _ in range(TIMES):
        with gate:
            number.write_text(str(int(number.read_text()) + 1))


def count_in_threads(database: str, number: str) -> None:
    """As one of several processes."""
    gate = WriteLock(database)
    with ThreadPoolExecutor(3) as threads:
        for one in [threads.submit(count, gate, Path(number)) for _ in range(3)]:
            one.result()


def hold(database: str, inside: Event) -> None:
    """Enter, and stay until killed."""
    with WriteLock(database):
        inside.set()
        loaded.PROCESSES.Event().wait()


def write_once(url: str, name: str) -> None:
    engine = open_engine(url)
    with Session(engine) as session, transaction(session):
        session.add(Counter(name=name, value=1))
    engine.dispose()


def test_threads_and_processes_are_in_one_after_another(tmp_path: Path) -> None:
    number = tmp_path / "number"
    number.write_text("0")
    database = str(tmp_path / "portal.db")
    workers = [
        loaded.PROCESSES.Process(target=count_in_threads, args=(database, str(number)))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert number.read_text() == str(2 * 3 * TIMES)


def test_a_killed_holder_lets_the_next_one_in(tmp_path: Path) -> None:
    database = str(tmp_path / "portal.db")
    inside = loaded.PROCESSES.Event()
    holder = loaded.PROCESSES.Process(target=hold, args=(database, inside))
    holder.start()
    assert inside.wait(60)
    gate = WriteLock(database)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(gate.enter)
        until(lambda: gate.is_taken)
        assert not first.done()
        holder.kill()
        first.result(60)
    gate.leave()  # by another thread than came
    with gate:
        pass


def queued_threads() -> int:
    return sum(one.name == "write-lock" for one in threading.enumerate())


def test_a_stopped_holder_is_named_and_nobody_waits_for_it_without_end(tmp_path: Path) -> None:
    database = str(tmp_path / "portal.db")
    inside = loaded.PROCESSES.Event()
    holder = loaded.PROCESSES.Process(target=hold, args=(database, inside))
    holder.start()
    assert inside.wait(60)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGSTOP)
    gate = WriteLock(database, timeout=0.01)
    before = queued_threads()
    named = (
        rf"another process does not end its writing: pid {holder.pid} \(.+\) holds the write lock"
    )
    for _ in range(5):
        with pytest.raises(WriteLockTimeout, match=named):
            gate.enter()
    assert queued_threads() == before + 1, "one place in the queue, however many gave up"
    told = gate.holder()
    assert told is not None
    assert told.pid == holder.pid
    assert 0 <= time() - told.since < 3600
    holder.kill()
    holder.join()
    with WriteLock(database):
        pass
    with gate:
        assert str(gate.holder()).startswith(f"pid {os.getpid()} (")
    assert gate.holder() is None
    until(lambda: queued_threads() == before)


def test_a_place_in_the_queue_that_was_given_up_is_taken_over(tmp_path: Path) -> None:
    database = str(tmp_path / "portal.db")
    holder, gate = WriteLock(database), WriteLock(database, timeout=0.01)
    holder.enter()
    with pytest.raises(WriteLockTimeout):
        gate.enter()
    gate._timeout = 60
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(gate.enter)
        until(lambda: gate.is_taken)
        holder.leave()
        second.result(60)
    assert not holder.try_enter()
    gate.leave()
    with holder:
        pass


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["/x/bin/flask", "events", "import", "secret.csv"], "flask events import"),
        (["/x/flask/__main__.py", "worker"], "flask worker"),
        (["/x/wsgi.py", "worker", "--with-parent"], "flask worker"),
        (["/x/bin/lhcopn-portal", "backup", "/x/copy"], "lhcopn-portal backup"),
        (["/x/bin/flask", "user", "create", "anna", "--password", "s3cret"], "flask user create"),
        (["/x/app/server/process.py", "3", "5"], "flask serve"),
        (["/x/app/worker/child.py", "a:b", "{}"], "a job of flask worker"),
        ([], ""),
    ],
)
def test_a_holder_is_named_by_its_command_without_what_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    monkeypatch.setattr("sys.argv", arguments)
    gate = WriteLock(str(tmp_path / "portal.db"))
    with gate:
        told = gate.holder()
    assert told is not None
    assert told.command == expected


@only_sqlite
def test_who_does_not_wait_is_told_and_is_in_nobodys_way(database: str, session: Session) -> None:
    """Beside another process that writes, and beside a writer of this one."""
    inside = loaded.PROCESSES.Event()
    holder = loaded.PROCESSES.Process(target=hold, args=(str(file_of(database)), inside))
    holder.start()
    assert inside.wait(60)
    with transaction_if_free(session) as free:
        assert not free
    holder.kill()
    holder.join()
    engine = open_engine(database)
    with transaction(session), Session(engine) as other, transaction_if_free(other) as free:
        assert not free
    engine.dispose()
    with transaction_if_free(session) as free:
        assert free
        session.execute(text("INSERT INTO counters (name, value) VALUES ('free', 1)"))
    with transaction(session):
        assert session.scalar(text("SELECT value FROM counters WHERE name = 'free'")) == 1


def test_writing_inside_of_writing_gives_up_instead_of_waiting_for_itself(tmp_path: Path) -> None:
    gate = WriteLock(str(tmp_path / "portal.db"), timeout=0.01)
    with gate:
        with pytest.raises(WriteLockTimeout, match="this process"):
            gate.enter()
        assert gate.is_taken
    with gate:
        pass


def test_a_session_that_writes_already_keeps_what_it_wrote(database: str, session: Session) -> None:
    with transaction(session):
        session.execute(text("INSERT INTO counters (name, value) VALUES ('outer', 1)"))
        with pytest.raises(AssertionError, match="writes already"), transaction(session):
            pass
    session.rollback()
    assert session.scalar(text("SELECT value FROM counters WHERE name = 'outer'")) == 1


def test_links_to_the_database_lead_to_one_gate(tmp_path: Path) -> None:
    real = tmp_path / "portal.db"
    real.touch()
    (tmp_path / "link.db").symlink_to(real)
    with WriteLock(str(real)):
        pass
    with WriteLock(str(tmp_path / "link.db")):
        pass
    assert [path.name for path in tmp_path.glob(f"*{SUFFIX}")] == [f"portal.db{SUFFIX}"]
    gate = WriteLock.of(str(real))
    assert WriteLock.of(str(tmp_path / "link.db")) is gate
    assert WriteLock.of(str(tmp_path / "other.db")) is not gate


@only_sqlite
def test_engines_of_one_file_have_one_gate(database: str) -> None:
    """Else one that writes inside of another's transaction would wait for itself without end."""
    first, second = open_engine(database), open_engine(database)
    assert write_lock_of(first) is write_lock_of(second)
    first.dispose()
    second.dispose()


def test_a_lock_file_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    database = str(tmp_path / "portal.db")
    gate = WriteLock(database)
    with gate:
        pass
    (tmp_path / f"portal.db{SUFFIX}").unlink()
    inside = loaded.PROCESSES.Event()
    holder = loaded.PROCESSES.Process(target=hold, args=(database, inside))
    holder.start()
    assert inside.wait(60)
    with ThreadPoolExecutor(1) as threads:
        entered = threads.submit(gate.enter)
        until(lambda: gate.is_taken)
        assert not entered.done()  # it waits for the one that is in
        holder.kill()
        entered.result(60)
    gate.leave()


@only_sqlite
def test_the_lock_file_is_its_owners_alone(database: str) -> None:
    if os.geteuid() == 0:  # what root runs must not lock the server out
        os.chown(file_of(database), 12345, 12345)
    old = os.umask(0)
    try:
        write_once(database, "x")
    finally:
        os.umask(old)
    made = lock_file(database).stat()
    assert stat.S_IMODE(made.st_mode) == 0o600
    assert made.st_uid == file_of(database).stat().st_uid


@only_sqlite
def test_reading_needs_no_lock_file(database: str, session: Session) -> None:
    assert session.scalar(text("SELECT count(*) FROM tickets")) == 0
    assert not lock_file(database).exists()


def test_a_lock_file_that_was_replaced_is_refused_until_it_can_be_opened(tmp_path: Path) -> None:
    lock = WriteLock(str(tmp_path / "portal.db"))
    file = tmp_path / "portal.db-writers"
    with lock:
        pass
    file.unlink()
    file.mkdir()
    others = [os.open(tmp_path, os.O_RDONLY) for _ in range(3)]  # one gets the number it had
    try:
        for _ in range(2):
            with pytest.raises(WriteLockTimeout, match="cannot open"):
                lock.enter()
    finally:
        for other in others:
            os.close(other)
    file.rmdir()
    with lock:
        assert file.is_file()


@only_sqlite
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_lock_file_that_cannot_be_opened_is_said_in_one_line(database: str, kind: str) -> None:
    before = file_of(database).read_bytes()
    if kind == "folder":
        lock_file(database).mkdir()
    else:
        lock_file(database).symlink_to(file_of(database))
    ran = flask(database, "seed", "reference")
    assert ran.returncode == 1
    (line,) = ran.stderr.decode().splitlines()
    assert line.startswith("Error: DATABASE_URL: cannot open portal.db-writers beside the database")
    assert file_of(database).read_bytes() == before


@only_sqlite
def test_a_folder_that_may_not_be_written_into_is_said(database: str) -> None:
    folder = file_of(database).parent
    folder.chmod(0o555)
    try:
        with loaded.PROCESSES.Pool(1) as other:
            told = other.apply(refusal_of_nobody, (str(file_of(database)),))
    finally:
        folder.chmod(0o755)
    assert (
        told == "cannot open portal.db-writers beside the database for writing: Permission denied"
    )


def refusal_of_nobody(database: str) -> str:
    """What somebody without rights is told."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        WriteLock(database).enter()
    except WriteLockTimeout as closed:
        return str(closed)
    return "entered"


@pytest.mark.parametrize(("begin", "kept"), [(transaction, 80), (dry_run, 0)])
def test_who_waits_at_the_gate_holds_no_connection(
    begin: Callable[[Session], AbstractContextManager[None]], kept: int
) -> None:
    """Else those that wait hold all there are, and the one that is in waits for one of them."""
    with fresh_database("sqlite") as url:
        engine = create_engine(url, pool_size=2, max_overflow=0, pool_timeout=60)
        configure_engine(engine)

        def write(turn: int) -> None:
            with Session(engine) as session:
                session.scalar(text("SELECT count(*) FROM counters"))  # as a page does before
                with begin(session):
                    session.add(Counter(name=f"{turn}", value=turn))
                    session.flush()

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(80)))
        with Session(engine) as session:
            assert session.scalar(text("SELECT count(*) FROM counters")) == kept
        engine.dispose()


@pytest.mark.parametrize("begin", [transaction, dry_run])
def test_a_reader_gives_its_connection_back_before_it_waits(
    begin: Callable[[Session], AbstractContextManager[None]],
) -> None:
    with fresh_database("sqlite") as url:
        engine = open_engine(url)
        pool = engine.pool
        assert isinstance(pool, QueuePool)
        has_read = Barrier(2)

        def write() -> None:
            with Session(engine) as session:
                session.scalar(text("SELECT count(*) FROM counters"))
                assert pool.checkedout() == 1
                has_read.wait(timeout=60)
                with begin(session):
                    pass

        with ThreadPoolExecutor(1) as threads:
            with write_lock_of(engine):
                writer = threads.submit(write)
                has_read.wait(timeout=60)
                until(lambda: pool.checkedout() == 0)
            writer.result()
        engine.dispose()


def test_commands_write_beside_the_running_server(sqlite_server: LiveServer) -> None:
    """Partners' calls and commands come one after another, and all of them succeed."""
    create_accounts(sqlite_server)
    wire = Wire(sqlite_server)
    database = wire.server.settings.database_url
    with ThreadPoolExecutor(4) as threads:
        calls = [
            threads.submit(wire.create, {"GHD_Origin_ID": f"beside-{turn}"}) for turn in range(40)
        ]
        said = [
            done(
                database,
                *("partner", "create", f"BESIDE-{turn}", "--login", f"beside_{turn}"),
                *("--access", "own"),
            )
            for turn in range(2)
        ]
        numbers = {call.result() for call in calls}
    assert len(numbers) == 40
    assert all("beside_" in text for text in said)
    with sqlite3.connect(file_of(database)) as connection:
        found = connection.execute(
            "SELECT login FROM partner_accounts WHERE login LIKE 'beside%' ORDER BY login"
        ).fetchall()
    connection.close()
    assert found == [("beside_0",), ("beside_1",)]
