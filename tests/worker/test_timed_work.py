"""Timed work: each kind by one worker at a time, made up once, shown when it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import NotFound
from app.jobs.models.work import TimedWork
from app.jobs.rules.jobs import PACE
from app.jobs.rules.work import CLOSE_DUE, TIDY
from app.jobs.services import timed_work as verbs
from app.jobs.services.followers import failing_followers, note_failure
from app.jobs.services.queue import enqueue, queued_jobs
from app.jobs.services.workers import worker_state
from app.jobs.tasks.context import Context
from app.worker.jobs import JOBS
from app.worker.parts import Heartbeat, Jobs, Listening
from app.worker.parts import TimedWork as TimedPart
from app.worker.timed import TIMED
from tests.cast import SYSTEM
from tests.harness.databases import open_engine
from tests.harness.until import until
from tests.harness.workers import StartWorker

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_of_many_that_claim_one_gets_it(database: str, session: Session) -> None:
    with transaction(session):
        verbs.know_timed_work(session, [CLOSE_DUE.name], NOW)
    engine = open_engine(database)

    def claim(number: int) -> bool:
        with Session(engine) as own, transaction(own):
            until = NOW + timedelta(minutes=1)
            return verbs.claim_work(own, CLOSE_DUE.name, f"worker {number}", NOW, until)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(claim, range(4))) == [False, False, False, True]
    assert verbs.due_work(session, [CLOSE_DUE.name], "another", NOW) == []
    session.rollback()
    # its worker was killed: when the lease is over it is due again
    later = NOW + timedelta(minutes=1, seconds=1)
    assert verbs.due_work(session, [CLOSE_DUE.name], "another", later) == [CLOSE_DUE.name]
    engine.dispose()


def test_two_processes_do_it_once_and_a_killed_one_leaves_it(
    session: Session, start_worker: StartWorker, notes: Path
) -> None:
    with transaction(session):
        verbs.know_timed_work(session, [TIDY.name], datetime.now(UTC))
        verbs.run_soon(session, TIDY.name, datetime.now(UTC))
    workers = [start_worker(lease=6.0), start_worker(lease=6.0)]
    until(lambda: lines(notes) != [])
    by_pid = {worker.pid: worker for worker in workers}
    first = by_pid.pop(int(lines(notes)[0].split()[1]))
    (second,) = by_pid.values()
    claimed = _row(session).claimed_until
    assert claimed is not None
    until(lambda: (_row(session).claimed_until or claimed) > claimed)  # the first one extends it
    assert lines(notes) == [f"begun {first.pid}"]
    first.kill()
    until(lambda: lines(notes)[1:] == [f"begun {second.pid}"])
    Path(f"{notes}.go").touch()
    until(lambda: _row(session).outcome == "Tidied")
    row = _row(session)
    assert row.due > datetime.now(UTC)
    assert row.claimed_by is None
    assert lines(notes)[2:] == [f"done {second.pid}"]


def _row(session: Session) -> TimedWork:
    session.rollback()
    return session.get_one(TimedWork, TIDY.name)


def test_what_was_missed_is_made_up_once_and_what_failed_is_tried_soon(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [NOW]
    ran: list[datetime] = []
    at_fault = [False]

    def close(_context: Context) -> str:
        ran.append(clock[0])
        if at_fault[0]:
            raise ValueError("no disk")
        return "Closed 1 ticket: 7"

    for name in list(TIMED):
        monkeypatch.delitem(TIMED, name)
    monkeypatch.setitem(TIMED, CLOSE_DUE.name, close)
    context = Context(context.engine, context.settings, now=lambda: clock[0])
    Heartbeat(context, "w", PACE).begin()
    part = TimedPart(context, "w", PACE)

    assert part.step()
    assert not part.step()
    clock[0] += timedelta(days=3)  # the portal was down
    assert part.step()
    assert not part.step()
    assert ran == [NOW, NOW + timedelta(days=3)]
    (row,) = verbs.timed_work(session)
    assert (row.outcome, row.failure) == ("Closed 1 ticket: 7", "")
    assert row.due == NOW + timedelta(days=3, minutes=10)
    assert row.ended_at == NOW + timedelta(days=3)
    session.rollback()

    at_fault[0] = True
    clock[0] += timedelta(minutes=10)
    assert part.step()
    session.expire_all()
    (row,) = verbs.timed_work(session)
    assert (row.failure, row.failures) == ("ValueError: no disk", 1)
    assert row.outcome == "Closed 1 ticket: 7"
    assert clock[0] + timedelta(seconds=8) <= row.due <= clock[0] + timedelta(seconds=16)
    session.rollback()
    at_fault[0] = False
    with transaction(session):
        verbs.run_soon(session, CLOSE_DUE.name, clock[0])
    assert part.step()
    session.expire_all()
    (row,) = verbs.timed_work(session)
    assert (row.failure, row.failures) == ("", 0)
    session.rollback()
    with pytest.raises(NotFound), transaction(session):
        verbs.run_soon(session, "nothing of ours", NOW)


def test_what_ended_while_the_database_was_away_is_not_held_for_ever(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker lives, and says so for all that it has claimed."""
    for name in list(TIMED):
        monkeypatch.delitem(TIMED, name)
    monkeypatch.setitem(TIMED, CLOSE_DUE.name, lambda _context: "Closed 1 ticket: 7")
    heartbeat, part = Heartbeat(context, "w", PACE), TimedPart(context, "w", PACE)
    heartbeat.begin()
    with refused(context, "milliseconds="), pytest.raises(OperationalError):
        part.step()
    heartbeat.step()
    assert not TimedPart(context, "another", PACE).step()
    assert part.step()
    (row,) = verbs.timed_work(session)
    assert (row.outcome, row.claimed_by) == ("Closed 1 ticket: 7", None)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_job_that_ended_while_the_database_was_away_is_not_held_for_ever(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL procrastinate's worker begins anew, and what it had held goes to others."""
    ran: list[Context] = []
    monkeypatch.setitem(JOBS, "note", lambda context, _arguments: ran.append(context))
    with transaction(session):
        enqueue(session, "note")
    heartbeat, ending = Heartbeat(context, "w", PACE), threading.Event()
    jobs, others = (Jobs(context, name, PACE, ending) for name in ("w", "another"))
    heartbeat.begin()
    with refused(context, "DELETE FROM jobs"), pytest.raises(OperationalError):
        jobs.step(until_empty=True)
    heartbeat.step()
    others.step(until_empty=True)
    assert ran == [context]
    jobs.step(until_empty=True)
    assert ran == [context, context]
    assert queued_jobs(session) == []


@contextmanager
def refused(context: Context, words: str) -> Iterator[None]:
    """Statements with these words fail, as they do when the database goes away before them."""

    def refuse(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if words in statement:
            raise OperationalError(statement, None, Exception("the database is away"))

    event.listen(context.engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(context.engine, "before_cursor_execute", refuse)


def test_listeners_hear_of_each_change(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.tickets.rules.content import NewTicket
    from app.tickets.services.lifecycle import open_ticket

    heard: list[Context] = []
    monkeypatch.setattr("app.worker.parts.FOLLOWERS", {"heard": heard.append})
    listening = Listening(context)
    assert listening.step()  # whatever was there before it began
    assert not listening.step()
    with transaction(session):
        open_ticket(session, SYSTEM, NewTicket(title="Down"))
    assert listening.step()
    assert not listening.step()
    assert heard == [context, context]


def test_a_follower_with_much_to_do_lets_the_others_in_after_each_step(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def long(_context: Context) -> bool:
        order.append("long")
        return order.count("long") < 3

    monkeypatch.setattr(
        "app.worker.parts.FOLLOWERS",
        {"long": long, "short": lambda _context: order.append("short")},
    )
    listening = Listening(context)
    assert listening.step()
    assert order == ["long", "short", "long", "long"]
    assert not listening.step(), "each has heard of the newest change"


class Failing:
    """A listener that counts its calls, and fails while it is told to."""

    def __init__(self) -> None:
        self.calls, self.reason = 0, ""

    def __call__(self, _context: Context) -> None:
        self.calls += 1
        if self.reason:
            raise ValueError(self.reason)


def failing(session: Session) -> list[tuple[str, datetime, str]]:
    found = [(one.name, one.since, one.reason) for one in failing_followers(session)]
    session.rollback()
    return found


def test_a_listener_that_fails_stops_nobody_else_and_is_named_until_it_succeeds(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = Failing(), Failing(), Failing()
    monkeypatch.setattr("app.worker.parts.FOLLOWERS", {"one": one, "two": two, "three": three})
    monkeypatch.setattr("app.worker.parts.retry_pause", lambda *_: timedelta(0))
    clock = [NOW]
    listening = Listening(replace(context, now=lambda: clock[0]))
    one.reason, three.reason = "this change cannot be read", "no such table"
    assert listening.step()
    assert (one.calls, two.calls, three.calls) == (1, 1, 1)
    clock[0] += timedelta(seconds=5)
    one.reason = ""
    assert listening.step(), "it is called again"
    assert (one.calls, two.calls, three.calls) == (2, 1, 2), "who heard of it is not called again"
    assert failing(session) == [("three", NOW, "ValueError: no such table")]
    clock[0] += timedelta(hours=1)
    three.reason = "still none"
    listening.step()
    assert failing(session) == [("three", NOW, "ValueError: still none")], "since the first failure"
    three.reason = ""
    listening.step()
    assert failing(session) == []


def test_a_listener_that_failed_pauses_by_itself(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Failing(), Failing()
    monkeypatch.setattr("app.worker.parts.FOLLOWERS", {"one": one, "two": two})
    clock = [NOW]
    listening = Listening(replace(context, now=lambda: clock[0]))
    one.reason = "no"
    for _minute in range(10):  # far from the pause's end, by the clock that runs
        listening.step()
        clock[0] += timedelta(minutes=1)
    assert (one.calls, two.calls) == (1, 10)
    assert listening.again_at is not None
    assert listening.again_at < clock[0]


def test_what_a_worker_before_noted_is_gone_with_the_first_success(
    context: Context, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Failing()
    with transaction(session):
        note_failure(session, "one", NOW, "its worker was killed since")
        note_failure(session, "renamed", NOW, "of an older version")
    monkeypatch.setattr("app.worker.parts.FOLLOWERS", {"one": one})
    one.reason = "no"
    Listening(context).step()
    assert [(name, since) for name, since, _reason in failing(session)] == [("one", NOW)]
    one.reason = ""
    Listening(context).step()
    assert failing(session) == []


def test_a_silent_worker_is_told_of(context: Context, session: Session) -> None:
    assert worker_state(session, NOW).last_seen is None
    session.rollback()
    clock = [NOW]
    context = Context(context.engine, context.settings, now=lambda: clock[0])
    heartbeat = Heartbeat(context, "w", PACE)
    heartbeat.begin()
    assert worker_state(session, NOW).living == 1
    session.rollback()
    clock[0] += timedelta(minutes=5)
    assert worker_state(session, clock[0]).silent_minutes == 5
    session.rollback()
    heartbeat.step()
    assert worker_state(session, clock[0]).silent_minutes is None
    session.rollback()
    heartbeat.end()
    state = worker_state(session, clock[0] + timedelta(minutes=1))
    assert (state.living, state.silent_minutes) == (0, 1)
