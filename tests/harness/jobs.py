"""Background work as a worker leaves it, laid without one: for tests and pictures of its page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.rules.work import EVERY_WORK, TIDY
from app.jobs.services import timed_work, workers
from app.jobs.services.backend import note_failure
from app.jobs.services.queue import JSON, enqueue


def seed_failed_job(
    session: Session, name: str, now: datetime, reason: str, arguments: Mapping[str, JSON]
) -> int:
    """A job that was tried once and given up, in a queue that holds no other; its number."""
    enqueue(session, name, arguments)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    table, state = ("jobs", "state") if is_sqlite else ("procrastinate_jobs", "status")
    number = session.execute(
        text(
            f"UPDATE {table} SET {state} = 'failed', attempts = 1"
            f" WHERE id = (SELECT max(id) FROM {table}) RETURNING id"
        )
    ).scalar_one()
    note_failure(session, number, now, reason)
    return int(number)


def seed_background_work(session: Session, now: datetime) -> int:
    """A worker that lives, every kind of timed work, of which one failed, a job that was given up
    (its number is returned), and two that wait."""
    workers.greet_worker(session, "w", "portal-1.example", 4711, now - timedelta(hours=3))
    workers.note_worker_lives(session, "w", now, timedelta(minutes=1))
    names = [work.name for work in EVERY_WORK]
    timed_work.know_timed_work(session, names, now - timedelta(days=1))
    outcomes = ("Closed 2 tickets: 17, 23", "Reminded of 1 ticket: 19")
    for work, outcome in zip(EVERY_WORK, outcomes, strict=False):
        begun = now - timedelta(minutes=4)
        assert timed_work.claim_work(session, work.name, "w", begun, now)
        timed_work.end_work(
            session,
            work.name,
            "w",
            begun,
            took=timedelta(milliseconds=132),
            outcome=outcome,
        )
    timed_work.run_soon(session, TIDY.name, now - timedelta(minutes=1))
    assert timed_work.claim_work(session, TIDY.name, "w", now - timedelta(minutes=1), now)
    failure = "OperationalError: the disk is full"
    timed_work.end_work(session, TIDY.name, "w", now, took=timedelta(seconds=2), failure=failure)
    reason = "ConnectionRefusedError: [Errno 111] Connection refused by mail.example:25"
    number = seed_failed_job(session, "send-mails", now, reason, {"batch": 7})
    enqueue(session, "send-mails", key="mails")
    enqueue(session, "index", {"ticket": 12})
    return number
