"""Jobs for the worker, enqueued in the caller's own transaction on both databases.

A job exists if and only if the transaction that enqueued it was committed, and it runs at least
once. This is the only interface; behind it are procrastinate's queue on PostgreSQL
(``postgresql.py``) and a table of the portal on SQLite (``sqlite.py``): docs/adr/0019-jobs.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Engine, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from app.core.models.base import UtcTime
from app.core.rules.errors import NotFound
from app.core.traces import TRACEPARENT, traceparent
from app.jobs.models.work import JobFailure
from app.jobs.rules.jobs import FAILED, NOT_KNOWN, RETRYING, RUNNING, WAITING
from app.jobs.services import sqlite
from app.jobs.services.backend import Backend, Runner

JSON: TypeAlias = str | int | float | bool | Sequence["JSON"] | Mapping[str, "JSON"] | None


def _backend(dialect: str) -> Backend:
    if dialect == "sqlite":
        return sqlite
    from app.jobs.services import postgresql  # loads procrastinate, which is not needed otherwise

    return postgresql


def _of(session: Session) -> Backend:
    return _backend(session.get_bind().dialect.name)


def enqueue(
    session: Session,
    job: str,
    arguments: Mapping[str, JSON] | None = None,
    *,
    key: str | None = None,
    due: datetime | None = None,
) -> None:
    """Enqueue a job for the worker; it runs once this transaction has committed.

    ``job`` is the name in ``app.worker.jobs``; ``due`` is the earliest start, None = at once. At
    most one job with a ``key`` waits: while one waits that was not started, further ones are
    ignored, whatever their arguments and time. Jobs with the same key never run at the same time.
    What the job does belongs to the request that enqueued it.
    """
    carried = {TRACEPARENT: trace} if (trace := traceparent()) else {}
    _of(session).enqueue(session, job, {**(arguments or {}), **carried}, key, due)


def run_jobs(runner: Runner, *, until_empty: bool = False) -> bool:
    """Run jobs until ``runner.ending`` is set or, with ``until_empty``, until none is due. Return
    whether to call again because there were very many."""
    return _backend(runner.engine.dialect.name).run(runner, until_empty=until_empty)


def calls_at_once(engine: Engine) -> int:
    """Return how many threads of one worker are to call ``run_jobs``."""
    return _backend(engine.dialect.name).CALLS_AT_ONCE


def next_due(session: Session, worker: str, now: datetime) -> datetime | None:
    """Return when a job may become due for that worker by time alone, after ``run_jobs`` found
    none; None = never, or ``run_jobs`` itself waits for it."""
    return _of(session).next_due(session, worker, now)


def is_pending(session: Session, job: str, key: str) -> bool:
    """Return whether a job with this name and key is waiting, running or to be retried."""
    jobs = _of(session).JOBS
    found = select(jobs.c.id).where(jobs.c.name == job, jobs.c.key == key, jobs.c.state != FAILED)
    return session.scalar(found.limit(1)) is not None


@dataclass(frozen=True)
class Queued:
    """Jobs of one name that wait or run. ``oldest`` is when the oldest of them was enqueued."""

    name: str
    waiting: int
    running: int
    retrying: int
    oldest: datetime | None


def queued_jobs(session: Session) -> Sequence[Queued]:
    """Return the waiting and running jobs by name."""
    jobs = _of(session).JOBS
    rows = session.execute(
        select(
            jobs.c.name,
            *(
                func.count().filter(jobs.c.state == state).label(state)
                for state in (WAITING, RUNNING, RETRYING)
            ),
            func.min(jobs.c.enqueued_at, type_=UtcTime).label("oldest"),
        )
        .where(jobs.c.state != FAILED)
        .group_by(jobs.c.name)
        .order_by(jobs.c.name)
    )
    return [Queued(**row) for row in rows.mappings()]


@dataclass(frozen=True)
class Failed:
    """A failed job: given up after ``attempts`` attempts, or to be retried at ``due``."""

    id: int
    name: str
    arguments: str
    attempts: int
    due: datetime | None
    given_up: bool
    at: datetime | None
    reason: str


def failed_jobs(session: Session, limit: int = 50) -> Sequence[Failed]:
    """List jobs that were given up, then those to be retried; newest first."""
    jobs = _of(session).JOBS
    is_retried = and_(jobs.c.state == RETRYING, JobFailure.job_id.is_not(None))
    rows = session.execute(
        select(
            *(jobs.c[name] for name in ("id", "name", "arguments", "attempts", "due")),
            (jobs.c.state == FAILED).label("given_up"),
            JobFailure.at,
            func.coalesce(JobFailure.reason, NOT_KNOWN).label("reason"),
        )
        .outerjoin(JobFailure, JobFailure.job_id == jobs.c.id)
        .where(or_(jobs.c.state == FAILED, is_retried))
        .order_by((jobs.c.state == FAILED).desc(), jobs.c.id.desc())
        .limit(limit)
    )
    return [Failed(**row) for row in rows.mappings()]


def retry(session: Session, job_id: int) -> str:
    """Make a failed job due at once and return its name. Raises ``NotFound`` if it is not (or no
    longer) a failed job."""
    name = _of(session).retry(session, job_id)
    if name is None:
        raise NotFound
    return name


def forget_failed(session: Session, job: str, key: str) -> None:
    """Delete the jobs of this name and key that were given up and need no retry any more."""
    jobs = _of(session).JOBS
    _forget(session, and_(jobs.c.name == job, jobs.c.key == key))


def forget_failed_before(session: Session, before: datetime) -> int:
    """Delete jobs that were given up before that time; return how many."""
    at = func.coalesce(JobFailure.at, _of(session).JOBS.c.changed_at)
    count = _forget(session, at < before)
    # a worker that slept may record the failure of a job that another one has done meanwhile
    session.execute(delete(JobFailure).where(JobFailure.at < before))
    return count


def _forget(session: Session, which: ColumnElement[bool]) -> int:
    backend = _of(session)
    jobs = backend.JOBS
    failed = select(jobs.c.id).outerjoin(JobFailure, JobFailure.job_id == jobs.c.id)
    ids = list(session.scalars(failed.where(jobs.c.state == FAILED, which)))
    backend.forget_failed(session, ids)
    session.execute(delete(JobFailure).where(JobFailure.job_id.in_(ids)))
    return len(ids)
