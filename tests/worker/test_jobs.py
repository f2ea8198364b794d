"""Jobs: enqueued with the transaction, done at least once, by processes that are killed at will."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.core.database.transactions import dry_run, transaction
from app.core.models.changes import PortalFact
from app.core.rules.errors import NotFound
from app.jobs.models.work import Worker
from app.jobs.rules.jobs import MAX_ATTEMPTS
from app.jobs.services.queue import enqueue, failed_jobs, forget_failed_jobs, queued_jobs, try_again
from app.jobs.services.stalled import free_unnoted_jobs
from app.jobs.tasks.context import Context
from app.worker.jobs import JOBS
from app.worker.process import WorkerProcess
from tests.harness import postgres
from tests.harness.databases import fresh_database, open_engine
from tests.harness.until import until
from tests.harness.workers import StartWorker


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def waiting(session: Session) -> int:
    found = sum(queued.waiting for queued in queued_jobs(session))
    session.rollback()
    return found


def test_a_job_exists_if_its_transaction_was_committed(session: Session) -> None:
    with dry_run(session):
        enqueue(session, "note", {"n": 1})
        enqueue(session, "note", {"n": 2}, key="k")
    assert waiting(session) == 0
    with transaction(session):
        enqueue(session, "note", {"n": 1})
        enqueue(session, "note", {"n": 2}, key="k")
    assert waiting(session) == 2


def test_of_one_key_one_waits(session: Session) -> None:
    with transaction(session):
        enqueue(session, "note", key="a")
        enqueue(session, "note", key="a")
        enqueue(session, "note", key="b")
        enqueue(session, "note")
        enqueue(session, "note")
    with transaction(session):
        enqueue(session, "note", key="a", due=datetime.now(UTC) + timedelta(days=1))
    assert waiting(session) == 4


def test_the_same_key_at_the_same_time_spoils_no_transaction(database: str) -> None:
    """The second one waits for the first, finds the key taken, and keeps what it wrote besides."""
    engine = open_engine(database)
    together = threading.Barrier(2)

    def write(name: str) -> None:
        with Session(engine) as session:
            together.wait(60)
            with transaction(session):
                session.add(PortalFact(name=name, value="written"))
                session.flush()
                enqueue(session, "note", key="k")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, ("one", "two")))
    with Session(engine) as session:
        assert waiting(session) == 1
        written = select(func.count()).where(PortalFact.value == "written")
        assert session.scalar(written) == 2
    engine.dispose()


def test_several_processes_do_each_job_once(
    database: str, session: Session, start_worker: StartWorker, notes: Path
) -> None:
    for _ in range(3):
        start_worker()
    until(lambda: _begun(session) == 3)
    with transaction(session):
        for number in range(60):
            enqueue(session, "note", {"file": str(notes), "word": number})
        enqueue(session, "note", {"file": str(notes), "word": "keyed"}, key="k")
    until(lambda: len(lines(notes)) >= 61 and not _queued(session))
    assert sorted(lines(notes)) == sorted([*map(str, range(60)), "keyed"])


def test_a_job_is_not_begun_before_its_time(
    session: Session, start_worker: StartWorker, notes: Path
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    with transaction(session):
        enqueue(session, "note", {"file": str(notes), "word": "later"}, due=later)
        enqueue(session, "note", {"file": str(notes), "word": "now"})
    start_worker()
    until(lambda: lines(notes) != [])
    until(lambda: waiting(session) == 1)
    assert lines(notes) == ["now"]


def test_what_a_killed_worker_had_begun_is_done_by_another(
    session: Session, start_worker: StartWorker, notes: Path
) -> None:
    with transaction(session):
        enqueue(session, "slow", {"file": str(notes)}, key="k")
    first = start_worker(lease=3.0)
    until(lambda: lines(notes) == [f"begun {first.pid}"])
    first.kill()
    first.wait()
    second = start_worker(lease=3.0)
    until(lambda: f"begun {second.pid}" in lines(notes))
    Path(f"{notes}.go").touch()
    until(lambda: lines(notes)[-1] == f"done {second.pid}" and not _queued(session))
    assert f"done {first.pid}" not in lines(notes)


def test_sigterm_lets_a_worker_finish_what_it_holds(
    session: Session, start_worker: StartWorker, notes: Path
) -> None:
    with transaction(session):
        enqueue(session, "slow", {"file": str(notes)})
    worker = start_worker(grace=120)
    until(lambda: lines(notes) == [f"begun {worker.pid}"])
    worker.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.3)
    with transaction(session):
        enqueue(session, "note", {"file": str(notes), "word": "next"})
    Path(f"{notes}.go").touch()
    assert worker.wait(120) == 0
    assert lines(notes) == [f"begun {worker.pid}", f"done {worker.pid}"]
    assert waiting(session) == 1


def test_a_worker_ends_though_a_job_does_not(
    session: Session, start_worker: StartWorker, notes: Path
) -> None:
    with transaction(session):
        enqueue(session, "slow", {"file": str(notes)})
    worker = start_worker(grace=0.5)
    until(lambda: lines(notes) == [f"begun {worker.pid}"])
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(120) == 3


def test_a_job_that_fails_is_tried_again_and_given_up_in_the_end(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Mapping[str, Any]] = []

    def breaks(_context: Context, arguments: Mapping[str, Any]) -> None:
        given.append(arguments)
        raise ValueError("the far side\nis away")

    monkeypatch.setitem(JOBS, "breaks", breaks)
    for pauses in (
        "app.jobs.services.claims",
        "app.worker.engine",
    ):  # not over on a busy machine
        monkeypatch.setattr(f"{pauses}.retry_pause", lambda *_: timedelta(hours=1))
    with transaction(session):
        enqueue(session, "breaks", {"n": 1}, key="k")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        WorkerProcess(context).work_once()
        WorkerProcess(context).work_once()  # too early for the next attempt
        failed = failed_jobs(session)[0]  # behind a given up one comes the next of its key
        session.rollback()
        assert failed.attempts == attempt
        assert failed.reason == "ValueError: the far side is away"
        assert failed.given_up == (attempt == MAX_ATTEMPTS)
        if attempt == 1:  # one more of its key may wait, and waits for this one
            for _ in range(2):
                with transaction(session):
                    enqueue(session, "breaks", {"n": 2}, key="k")
            assert waiting(session) == 1
        if not failed.given_up:
            with transaction(session):
                assert try_again(session, failed.id) == "breaks"
    assert given == [{"n": 1}] * MAX_ATTEMPTS + [{"n": 2}]

    monkeypatch.setitem(JOBS, "breaks", lambda *_: None)
    with transaction(session):
        for failed in failed_jobs(session):
            try_again(session, failed.id)
    WorkerProcess(context).work_once()
    assert failed_jobs(session) == []
    assert queued_jobs(session) == []
    session.rollback()
    with pytest.raises(NotFound), transaction(session):
        try_again(session, failed.id)


def test_a_job_that_nobody_knows_is_shown_and_goes_after_a_while(
    context: Context, session: Session
) -> None:
    with transaction(session):
        enqueue(session, "of another version", {"n": 1})
    WorkerProcess(context).work_once()
    (failed,) = failed_jobs(session)
    session.rollback()
    assert (failed.name, failed.given_up) == ("of another version", True)
    assert failed.reason == "This version of the portal has no such job"
    with transaction(session):
        assert forget_failed_jobs(session, context.now() - timedelta(days=1)) == 0


def _begun(session: Session) -> int:
    found = session.scalar(select(func.count()).select_from(Worker)) or 0
    session.rollback()
    return found


def _queued(session: Session) -> bool:
    found = bool(queued_jobs(session))
    session.rollback()
    return found


def test_a_job_whose_end_was_not_noted_is_begun_anew() -> None:
    """The database was away just then; its worker lives, and would hold it for ever."""
    if postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")
    with fresh_database("postgresql") as url:
        engine = open_engine(url)
        with Session(engine) as session, transaction(session):
            for key in ("lost", "still running", "another's"):
                enqueue(session, "note", key=key)
            living, other = session.scalars(
                text("SELECT procrastinate_register_worker_v1() FROM generate_series(1, 2)")
            ).all()
            first, second, third = session.scalars(
                text(
                    "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :id RETURNING id"
                ),
                {"id": living},
            ).all()
            assert free_unnoted_jobs(session, {first: living, third: other}) == 1
            states = session.execute(
                text("SELECT id, status::text FROM procrastinate_jobs ORDER BY id")
            ).all()
            assert [tuple(row) for row in states] == [
                (first, "todo"),
                (second, "doing"),
                (third, "doing"),
            ]
        engine.dispose()
