"""Jobs: enqueued with the transaction, done at least once, by processes that are killed at will."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import procrastinate.worker
import pytest
from procrastinate.manager import JobManager
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.core.database.transactions import dry_run, transaction
from app.core.models.changes import PortalFact
from app.core.rules.errors import NotFound, OutcomeUnknown
from app.jobs.models.work import JobFailure, Worker
from app.jobs.rules.jobs import MAX_ATTEMPTS, PACE, Pace
from app.jobs.services import postgresql, sqlite
from app.jobs.services.backend import Runner
from app.jobs.services.queue import (
    enqueue,
    failed_jobs,
    forget_failed_before,
    queued_jobs,
    retry,
)
from app.jobs.tasks.context import Context
from app.worker import process
from app.worker.jobs import JOBS
from app.worker.parts import Jobs
from app.worker.process import WorkerProcess
from tests.harness.databases import open_engine
from tests.harness.until import until
from tests.harness.workers import StartWorker

_WAKE = text(
    'SELECT pg_notify(\'procrastinate_any_queue_v1\', \'{"type": "job_inserted", "job_id"\\: 0}\')'
)
"""Makes a worker look at its queue."""


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
    with transaction(session):
        enqueue(session, "note", {"file": str(notes), "word": "the next of its key"}, key="k")
        enqueue(session, "note", {"file": str(notes), "word": "another key"}, key="l")
    first.kill()
    first.wait()
    second, third = start_worker(lease=3.0), start_worker(lease=3.0)
    until(lambda: len(lines(notes)) == 3)
    begun = lines(notes)
    assert begun[0] == f"begun {first.pid}"
    assert "another key" in begun[1:]
    (again,) = {f"begun {second.pid}", f"begun {third.pid}"} & set(begun)
    reasons = session.scalars(select(JobFailure.reason)).all()
    session.rollback()
    assert reasons == ["Its worker was interrupted"]
    Path(f"{notes}.go").touch()
    until(lambda: not _queued(session))
    assert lines(notes)[3:] == [again.replace("begun", "done"), "the next of its key"]


def test_a_job_that_takes_long_holds_up_no_job_of_another_key(
    session: Session, start_worker: StartWorker, notes: Path
) -> None:
    with transaction(session):
        enqueue(session, "slow", {"file": str(notes)}, key="k")
    worker = start_worker()
    begun, done = f"begun {worker.pid}", f"done {worker.pid}"
    until(lambda: lines(notes) == [begun])
    with transaction(session):
        enqueue(session, "note", {"file": str(notes), "word": "the next of its key"}, key="k")
        enqueue(session, "note", {"file": str(notes), "word": "another key"}, key="l")
    until(lambda: lines(notes) == [begun, "another key"])
    Path(f"{notes}.go").touch()
    until(lambda: not _queued(session))
    assert lines(notes) == [begun, "another key", done, "the next of its key"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_threads_of_a_worker_share_what_it_runs(context: Context, session: Session) -> None:
    """One that looks meanwhile takes neither what another one runs nor the next of its key, and
    after it takes what is left because its end could not be recorded."""
    ran: list[int] = []

    def note(arguments: Mapping[str, Any]) -> None:
        ran.append(arguments["n"])
        if len(ran) == 1:
            with transaction(session):
                enqueue(session, "note", {"n": 2}, key="k")
            assert not sqlite.run_one(runner), "as another thread would look"
            raise SystemExit

    runner = Runner(
        context.engine, "w", {"note": note}, PACE, context.now, threading.Event(), set()
    )
    with transaction(session):
        enqueue(session, "note", {"n": 1}, key="k")
    with pytest.raises(SystemExit):  # not an error of the job: nothing is recorded
        sqlite.run_one(runner)
    while sqlite.run_one(runner):
        pass
    assert ran == [1, 1, 2]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_threads_of_a_worker_do_each_job_once(context: Context, session: Session) -> None:
    ran: list[int] = []
    functions = {"note": lambda arguments: ran.append(arguments["n"])}
    runner = Runner(context.engine, "w", functions, PACE, context.now, threading.Event(), set())
    with transaction(session):
        for number in range(40):
            enqueue(session, "note", {"n": number})

    def work() -> None:
        while sqlite.run_one(runner):
            pass

    with ThreadPoolExecutor(2) as threads:
        for one in [threads.submit(work) for _ in range(2)]:
            one.result()
    assert sorted(ran) == [*range(40)]
    assert session.scalars(select(JobFailure)).all() == [], "none counts as interrupted"


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
    for backend in (sqlite, postgresql):  # not over on a busy machine
        monkeypatch.setattr(backend, "retry_pause", lambda *_: timedelta(hours=1))
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
                assert retry(session, failed.id) == "breaks"
    assert given == [{"n": 1}] * MAX_ATTEMPTS + [{"n": 2}]

    monkeypatch.setitem(JOBS, "breaks", lambda *_: None)
    with transaction(session):
        for failed in failed_jobs(session):
            retry(session, failed.id)
    WorkerProcess(context).work_once()
    assert failed_jobs(session) == []
    assert queued_jobs(session) == []
    session.rollback()
    with pytest.raises(NotFound), transaction(session):
        retry(session, failed.id)


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
        assert forget_failed_before(session, context.now() - timedelta(days=1)) == 0
        session.add(JobFailure(job_id=failed.id + 1, at=context.now(), reason="done by another"))
        session.flush()
        assert forget_failed_before(session, context.now() + timedelta(days=1)) == 1
    assert failed_jobs(session) == []
    assert session.scalars(select(JobFailure)).all() == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_job_that_waits_already_sees_what_its_transaction_wrote(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite no job is begun while anybody writes."""
    ran: list[Context] = []
    monkeypatch.setitem(JOBS, "note", lambda context, _arguments: ran.append(context))
    jobs = Jobs(context, "w", PACE, threading.Event())
    with transaction(session):
        enqueue(session, "note", key="k")
    with transaction(session):
        enqueue(session, "note", key="k")
        jobs.step(until_empty=True)
        assert ran == []
    jobs.step(until_empty=True)
    assert ran == [context]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_job_whose_end_cannot_be_noted_is_done_again(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker lives, and would hold it for ever."""
    ran: list[Context] = []

    def note(context: Context, _arguments: Mapping[str, Any]) -> None:
        ran.append(context)
        if len(ran) == 2:
            with context.transaction() as own:
                own.execute(text("DROP TRIGGER away ON procrastinate_jobs"))

    monkeypatch.setitem(JOBS, "note", note)
    with transaction(session):
        enqueue(session, "note", key="k")
        for statement in (
            "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'the database is away'; END $$",
            "CREATE TRIGGER away BEFORE DELETE ON procrastinate_jobs"
            " FOR EACH ROW EXECUTE PROCEDURE away()",
        ):
            session.execute(text(statement))
    ending = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(Jobs(context, "w", Pace(look=0.05, beat=0.2), ending).step)
        try:
            until(lambda: len(ran) == 2 and not _queued(session), 60)
        finally:
            ending.set()
        running.result()
    assert failed_jobs(session) == []


def test_a_failed_job_that_is_retried_waits_for_the_running_one_of_its_key(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    begun, may_end = threading.Event(), threading.Event()

    def job(_context: Context, arguments: Mapping[str, Any]) -> None:
        log.append(f"{arguments['n']} begins")
        if arguments["n"] == 1 and len(log) == 1:
            raise ValueError
        if arguments["n"] == 2:
            begun.set()
            assert may_end.wait(60)
        log.append(f"{arguments['n']} ends")

    monkeypatch.setitem(JOBS, "note", job)
    for backend in (sqlite, postgresql):
        monkeypatch.setattr(backend, "MAX_ATTEMPTS", 1)
    ending = threading.Event()
    first, second = (Jobs(context, name, Pace(look=0.05), ending) for name in ("a", "b"))
    for number in (1, 2):
        with transaction(session):
            enqueue(session, "note", {"n": number}, key="k")
        if number == 1:
            first.step(until_empty=True)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(first.step, until_empty=True)
        try:
            assert begun.wait(60)
            with transaction(session):
                retry(session, failed_jobs(session)[0].id)
            second.step(until_empty=True)
            assert log == ["1 begins", "2 begins"]
        finally:
            may_end.set()
        running.result()
    second.step(until_empty=True)
    assert log == ["1 begins", "2 begins", "2 ends", "1 begins", "1 ends"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_may_run_because_a_job_ended_is_run_at_once(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However rarely the worker looks at the queue of its own accord."""
    log: list[str] = []
    begun, may_end = threading.Event(), threading.Event()

    def job(_context: Context, arguments: Mapping[str, Any]) -> None:
        log.append(arguments["word"])
        if arguments["word"] == "first":
            begun.set()
            assert may_end.wait(60)
        if log.count("fails") == 1:
            raise ValueError

    monkeypatch.setitem(JOBS, "note", job)
    monkeypatch.setattr(postgresql, "MAX_ATTEMPTS", 1)
    ending = threading.Event()
    worker = Jobs(context, "a", Pace(look=1000), ending)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(worker.step)
        try:
            until(lambda: _listens(session))
            for word in ("first", "second"):
                with transaction(session):
                    enqueue(session, "note", {"word": word}, key="k")
                assert begun.wait(60)
            may_end.set()
            until(lambda: log == ["first", "second"] and not _queued(session), 60)
            with transaction(session):
                enqueue(session, "note", {"word": "fails"}, key="k")
            until(lambda: _failed(session) != [], 60)
            (given_up,) = _failed(session)
            with transaction(session):
                retry(session, given_up)
            until(lambda: log[2:] == ["fails", "fails"] and not _queued(session), 60)
        finally:
            may_end.set()
            ending.set()
        running.result()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_job_that_arrives_while_the_queue_is_looked_at_is_run_at_once(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its notification comes between the empty answer and the end of the look."""
    ran, notified, looks = threading.Event(), threading.Event(), 0
    monkeypatch.setitem(JOBS, "note", lambda _context, _arguments: ran.set())
    fetch_job, heard = JobManager.fetch_job, procrastinate.worker.Worker._handle_notification

    async def fetch(self: JobManager, *given: Any, **more: Any) -> Any:
        nonlocal looks
        job = await fetch_job(self, *given, **more)
        looks += 1
        if job is None and looks == 2:
            notified.clear()
            await asyncio.to_thread(add)
            while not notified.is_set():
                await asyncio.sleep(0)
        return job

    async def hear(self: procrastinate.worker.Worker, *given: Any, **more: Any) -> None:
        await heard(self, *given, **more)
        notified.set()

    def add() -> None:
        with Session(context.engine) as own, transaction(own):
            enqueue(own, "note")

    monkeypatch.setattr(JobManager, "fetch_job", fetch)
    monkeypatch.setattr(procrastinate.worker.Worker, "_handle_notification", hear)
    ending = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(Jobs(context, "a", Pace(look=1000), ending).step)
        try:
            until(lambda: _listens(session))
            with transaction(session):
                session.execute(_WAKE)
            assert ran.wait(60)
        finally:
            ending.set()
        running.result()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_job_is_run_as_soon_as_it_is_due(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However rarely the worker looks at the queue of its own accord."""
    ran = threading.Event()
    monkeypatch.setitem(JOBS, "note", lambda _context, _arguments: ran.set())
    ending = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(Jobs(context, "a", Pace(look=1000), ending).step)
        try:
            until(lambda: _listens(session))
            with transaction(session):
                enqueue(session, "note", due=datetime.now(UTC) + timedelta(seconds=0.3))
            assert ran.wait(60)
        finally:
            ending.set()
        running.result()


def _listens(session: Session) -> bool:
    """Whether a worker is notified of jobs."""
    found = session.scalar(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            " AND datname = current_database()"
        )
    )
    session.rollback()
    return bool(found)


def _failed(session: Session) -> list[int]:
    found = [job.id for job in failed_jobs(session)]
    session.rollback()
    return found


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_look_for_stalled_jobs_that_fails_lets_the_worker_work(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, failed = threading.Event(), threading.Event()
    monkeypatch.setitem(JOBS, "note", lambda _context, _arguments: ran.set())
    looks: list[int] = []

    def look(*given: Any) -> int:
        looks.append(1)
        if len(looks) == 2:  # the first is before it begins
            failed.set()
            raise OutcomeUnknown
        return 0

    monkeypatch.setattr(postgresql, "free_stalled", look)
    ending = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(Jobs(context, "w", Pace(look=0.05, beat=0.2), ending).step)
        try:
            assert failed.wait(60)
            with transaction(session):
                enqueue(session, "note")
            assert ran.wait(60)
            until(lambda: len(looks) > 2, 60)
        finally:
            ending.set()
        running.result()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_job_that_enqueues_itself_keeps_nobody_for_ever(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(context: Context, _arguments: Mapping[str, Any]) -> None:
        with context.transaction() as own:
            enqueue(own, "note")

    monkeypatch.setitem(JOBS, "note", again)
    monkeypatch.setattr(sqlite, "MAX_IN_A_ROW", 3)
    monkeypatch.setattr(process, "MAX_ROUNDS", 2)
    with transaction(session):
        enqueue(session, "note")
    WorkerProcess(context).work_once()
    assert waiting(session) == 1


def _begun(session: Session) -> int:
    found = session.scalar(select(func.count()).select_from(Worker)) or 0
    session.rollback()
    return found


def _queued(session: Session) -> bool:
    found = bool(queued_jobs(session))
    session.rollback()
    return found


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_of_what_ended_only_the_same_attempt_is_given_back(session: Session) -> None:
    with transaction(session):
        for key in ("lost", "still running", "tried again"):
            enqueue(session, "note", key=key)
        living = session.scalar(text("SELECT procrastinate_register_worker_v1()"))
        begun = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :id RETURNING id"
        lost, running, again = session.scalars(text(begun), {"id": living}).all()
        session.execute(
            text("UPDATE procrastinate_jobs SET attempts = 1 WHERE id = :id"), {"id": again}
        )
        now, silence = datetime.now(UTC), timedelta(minutes=1)
        assert postgresql.free_stalled(session, now, silence, [(lost, 0), (again, 0)]) == 1
        states = session.execute(text("SELECT id, status::text FROM procrastinate_jobs"))
        assert {row.id: row.status for row in states} == {
            lost: "todo",
            running: "doing",
            again: "doing",
        }
