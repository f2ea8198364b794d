"""A worker that has nothing to do asks one cheap question, and misses nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from app.core.database.commits import Commits
from app.core.database.transactions import dry_run, transaction
from app.core.models.changes import PortalFact
from app.jobs.models.work import Job, TimedWork
from app.jobs.rules.jobs import RETRYING, RUNNING, WAITING, Pace
from app.jobs.services import queue, sqlite
from app.jobs.services.backend import Runner
from app.jobs.services.timed_work import next_due
from app.jobs.tasks.context import Context
from app.worker import parts
from app.worker.process import WorkerProcess
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import test_settings
from tests.harness.until import until

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LOOKS = 100
COUNTER = "PRAGMA data_version"


def write(engine: Engine, key: str) -> None:
    with Session(engine) as session, transaction(session):
        session.add(PortalFact(name=key, value=""))


def test_each_commit_of_another_is_noticed_once(database: str, session: Session) -> None:
    engine = open_engine(database)
    commits, bind = Commits(engine), session.get_bind()
    assert isinstance(bind, Engine)
    assert commits.came(), "nobody can tell at first"
    for key in ("a", "b"):
        until(lambda: not commits.came())  # other databases of the server count, too
        write(bind, key)
        assert commits.came()
    with dry_run(session):
        session.add(PortalFact(name="c", value=""))
    until(lambda: not commits.came())
    commits.close()
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # of a pool that counts
    engine.dispose()


def test_a_worker_without_work_only_asks_whether_anything_was_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long its looks take: no time passes by the worker's clock, and no rest ends."""
    monkeypatch.setattr("app.worker.process._LONGEST_REST", 1000.0)
    asked: list[str] = []
    with fresh_database("sqlite") as url:
        engine = open_engine(url)
        context = Context(engine, test_settings(url), now=lambda: NOW)
        worker = WorkerProcess(context, Pace(look=0.01, beat=1000))
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        running = threading.Thread(target=worker.run)
        running.start()
        until(lambda: len(asked) > 20 and set(asked[-20:]) <= {COUNTER, "BEGIN"})  # it has begun
        begun = len(asked)
        until(lambda: asked[begun:].count(COUNTER) >= LOOKS)
        others = [one for one in asked[begun:] if one not in (COUNTER, "BEGIN")]
        worker.end()
        running.join()
        engine.dispose()
    assert len(others) < LOOKS / 4, others


def test_what_waits_for_its_time_says_when(session: Session) -> None:
    def at(minutes: int) -> datetime:
        return NOW + timedelta(minutes=minutes)

    names = ["one", "two"]
    assert next_due(session, names, "me") is None
    with transaction(session):
        session.add(TimedWork(name="one", due=at(5), claimed_by="other", claimed_until=at(7)))
        session.add(TimedWork(name="two", due=at(9), claimed_by="other", claimed_until=at(8)))
        session.add(TimedWork(name="three", due=at(1)))
    assert next_due(session, names, "me") == at(7)
    assert next_due(session, names, "other") == at(5)
    assert next_due(session, ["two"], "me") == at(9)
    assert sqlite.next_due(session, "me", NOW) is None
    with transaction(session):
        for state, due, by, until_then in (
            (WAITING, at(-1), None, None),
            (RETRYING, at(6), None, None),
            (RUNNING, None, "me", at(2)),
            (RUNNING, None, "other", at(4)),
        ):
            row = {"name": "note", "arguments": "{}", "state": state, "due": due}
            session.add(Job(**row, claimed_by=by, claimed_until=until_then))
    assert sqlite.next_due(session, "me", NOW) == at(4)
    assert sqlite.next_due(session, "other", NOW) == at(2)


def test_a_job_that_comes_due_while_the_queue_is_looked_at_is_not_left_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [NOW]
    due = NOW + timedelta(milliseconds=1)

    def run_jobs(runner: Runner, *, until_empty: bool) -> bool:
        more = queue.run_jobs(runner, until_empty=until_empty)
        clock.append(due)
        return more

    monkeypatch.setattr(parts, "run_jobs", run_jobs)
    with fresh_database("sqlite") as url:
        engine = open_engine(url)
        with Session(engine) as session, transaction(session):
            session.add(Job(name="note", arguments="{}", state=WAITING, due=due))
        context = Context(engine, test_settings(url), now=lambda: clock[-1])
        jobs = parts.Jobs(context, "me", Pace(), threading.Event())
        assert not jobs.step()
        assert jobs.again_at == due, "nobody commits then"
        engine.dispose()
