"""Jobs for the worker: enqueued in the caller's own transaction, whatever the database.

On PostgreSQL the queue is procrastinate's, on SQLite the table ``jobs`` (docs/adr/0019-jobs.md).
A job exists if and only if the transaction that enqueued it was committed, and is done at least
once. What works the queue off lies in ``app/jobs/tasks``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from app.core.rules.errors import NotFound
from app.jobs.models.work import Job, JobFailure

if TYPE_CHECKING:
    import procrastinate
    from procrastinate.jobs import JobDeferrer

JSON: TypeAlias = str | int | float | bool | Sequence["JSON"] | Mapping[str, "JSON"] | None

WAITING: Final = "waiting"
RUNNING: Final = "running"
RETRYING: Final = "retrying"
FAILED: Final = "failed"


def enqueue(
    session: Session,
    job: str,
    arguments: Mapping[str, JSON] | None = None,
    *,
    key: str | None = None,
    due: datetime | None = None,
) -> None:
    """Leave a job to the worker, once this transaction is committed.

    ``job`` is its name in ``app.worker.jobs``; ``due`` the time before which it is not
    begun, None = at once. Of jobs with the same ``key`` only one waits: while one does that was not
    begun, an other is left out, whatever its arguments and time; and they never run at the same
    time.
    """
    if _is_postgresql(session):
        _defer(session, job, dict(arguments or {}), key, due)
        return
    session.flush()
    session.connection().execute(
        insert(Job.__table__)  # type: ignore[arg-type]  # it is a Table
        .values(
            name=job,
            arguments=json.dumps(arguments or {}, ensure_ascii=False),
            key=key,
            state=WAITING,
            due=due,
            attempts=0,
        )
        .on_conflict_do_nothing()
    )


def _defer(
    session: Session, job: str, arguments: dict[str, Any], key: str | None, due: datetime | None
) -> None:
    from procrastinate.exceptions import AlreadyEnqueued

    if key is None:
        _deferrer(session, job, arguments, key, due).defer()
        return
    waits = text("SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = :key AND status = 'todo'")
    if session.execute(waits, {"key": key}).first() is not None:
        return
    try:
        # else the refusal would end the whole transaction. The savepoint is set when the session
        # is asked for its connection within it, not before
        with session.begin_nested():
            _deferrer(session, job, arguments, key, due).defer()
    except AlreadyEnqueued:
        pass  # somebody else was faster by a moment


def _deferrer(
    session: Session, job: str, arguments: dict[str, Any], key: str | None, due: datetime | None
) -> JobDeferrer:
    # the lock keeps jobs of one key from running at once, the queueing lock from waiting twice
    return _engine().configure_task(
        job,
        lock=key,
        queueing_lock=key,
        schedule_at=due,
        task_kwargs=arguments,
        connection=session.connection().connection.driver_connection,
    )


@cache
def _engine() -> procrastinate.App:
    """Only to enqueue with the connections of sessions: it opens none of its own."""
    import procrastinate  # not on SQLite, where nobody needs it

    return procrastinate.App(connector=procrastinate.PsycopgConnector())


@dataclass(frozen=True)
class Queued:
    """Jobs of one name that wait or run. ``oldest`` is when the oldest of them was enqueued."""

    name: str
    waiting: int
    running: int
    retrying: int
    oldest: datetime | None


@dataclass(frozen=True)
class Failed:
    """A job that failed: given up (``attempts`` times tried), or to be tried again at ``due``."""

    id: int
    name: str
    arguments: str
    attempts: int
    due: datetime | None
    given_up: bool
    at: datetime | None
    reason: str


_ENGINE_QUEUED = text(
    "SELECT j.task_name AS name,"
    " count(*) FILTER (WHERE j.status = 'todo' AND j.attempts = 0) AS waiting,"
    " count(*) FILTER (WHERE j.status = 'doing') AS running,"
    " count(*) FILTER (WHERE j.status = 'todo' AND j.attempts > 0) AS retrying,"
    " (SELECT min(e.at) FROM procrastinate_events e WHERE e.job_id = min(j.id)) AS oldest"
    " FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing')"
    " GROUP BY j.task_name ORDER BY j.task_name"
)
_ENGINE_FAILED = text(
    "SELECT j.id, j.task_name AS name, j.args::text AS arguments, j.attempts,"
    " j.scheduled_at AS due, j.status = 'failed' AS given_up, f.at, f.reason"
    " FROM procrastinate_jobs j LEFT JOIN job_failures f ON f.job_id = j.id"
    " WHERE j.status = 'failed' OR (j.status = 'todo' AND f.job_id IS NOT NULL)"
    " ORDER BY j.status = 'failed' DESC, j.id DESC LIMIT :limit"
)


def queued_jobs(session: Session) -> Sequence[Queued]:
    """What waits and runs, by name."""
    if _is_postgresql(session):
        return [Queued(**row) for row in session.execute(_ENGINE_QUEUED).mappings()]
    rows = session.execute(
        select(
            Job.name,
            func.count().filter(Job.state == WAITING).label("waiting"),
            func.count().filter(Job.state == RUNNING).label("running"),
            func.count().filter(Job.state == RETRYING).label("retrying"),
            func.min(Job.enqueued_at, type_=Job.enqueued_at.type).label("oldest"),
        )
        .where(Job.state != FAILED)
        .group_by(Job.name)
        .order_by(Job.name)
    )
    return [Queued(**row) for row in rows.mappings()]


def failed_jobs(session: Session, limit: int = 50) -> Sequence[Failed]:
    """Jobs that were given up, then those that failed and are tried again; newest first."""
    if _is_postgresql(session):
        rows = session.execute(_ENGINE_FAILED, {"limit": limit}).mappings()
        return [Failed(**{**row, "reason": row["reason"] or NOT_KNOWN}) for row in rows]
    found = session.execute(
        select(Job, JobFailure.at, JobFailure.reason)
        .outerjoin(JobFailure, JobFailure.job_id == Job.id)
        .where((Job.state == FAILED) | ((Job.state == RETRYING) & JobFailure.job_id.is_not(None)))
        .order_by((Job.state == FAILED).desc(), Job.id.desc())
        .limit(limit)
    )
    return [
        Failed(
            id=job.id,
            name=job.name,
            arguments=job.arguments,
            attempts=job.attempts,
            due=job.due,
            given_up=job.state == FAILED,
            at=at,
            reason=reason or NOT_KNOWN,
        )
        for job, at, reason in found
    ]


NOT_KNOWN: Final = "This version of the portal has no such job"


def try_again(session: Session, job_id: int) -> str:
    """Let a failed job be tried at once; its name. Raises ``NotFound`` if it is none (any more)."""
    if _is_postgresql(session):
        found = session.execute(
            text(
                "SELECT task_name, status::text FROM procrastinate_jobs WHERE id = :id"
                " AND (status = 'failed' OR status = 'todo' AND attempts > 0) FOR UPDATE"
            ),
            {"id": job_id},
        ).first()
        if found is None:
            raise NotFound
        again = (
            "SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)"
            if found.status == FAILED
            else "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = :id"
        )
        session.execute(text(again), {"id": job_id})
        return str(found.task_name)
    name: str | None = session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.state.in_((FAILED, RETRYING)))
        .values(state=RETRYING, due=None)
        .returning(Job.name)
    )
    if name is None:
        raise NotFound
    return name


def is_to_be_done(session: Session, job: str, key: str) -> bool:
    """Whether a job of this name and key waits, runs, or is tried again some time."""
    if _is_postgresql(session):
        row = session.execute(
            text(
                "SELECT 1 FROM procrastinate_jobs WHERE task_name = :job AND lock = :key"
                " AND status IN ('todo', 'doing') LIMIT 1"
            ),
            {"job": job, "key": key},
        ).first()
        return row is not None
    found = select(Job.id).where(Job.name == job, Job.key == key, Job.state != FAILED).limit(1)
    return session.scalar(found) is not None


def forget_given_up(session: Session, job: str, key: str) -> None:
    """Delete the jobs of this name and key that were given up: nobody needs to try them again."""
    if _is_postgresql(session):
        gone = session.execute(
            text(
                "DELETE FROM procrastinate_jobs WHERE task_name = :job AND lock = :key"
                " AND status = 'failed' RETURNING id"
            ),
            {"job": job, "key": key},
        )
    else:
        gone = session.execute(
            delete(Job)
            .where(Job.name == job, Job.key == key, Job.state == FAILED)
            .returning(Job.id)
        )
    ids = [row.id for row in gone]
    session.execute(delete(JobFailure).where(JobFailure.job_id.in_(ids)))


def note_failure(session: Session, job_id: int, at: datetime, reason: str) -> None:
    """Keep why a job failed, in place of what was kept of it before."""
    row = session.get(JobFailure, job_id)
    if row is None:
        session.add(JobFailure(job_id=job_id, at=at, reason=reason))
    else:
        row.at, row.reason = at, reason
    session.flush()


def forget_failure(session: Session, job_id: int) -> None:
    """The job has succeeded after all."""
    session.execute(delete(JobFailure).where(JobFailure.job_id == job_id))


def forget_failed_jobs(session: Session, before: datetime) -> int:
    """Delete jobs that were given up before that time; how many."""
    old = select(JobFailure.job_id).where(JobFailure.at < before)
    if _is_postgresql(session):
        gone = session.execute(
            text(
                "DELETE FROM procrastinate_jobs j USING job_failures f"
                " WHERE j.id = f.job_id AND f.at < :before AND j.status = 'failed' RETURNING j.id"
            ),
            {"before": before},
        )
    else:
        gone = session.execute(
            delete(Job).where(Job.state == FAILED, Job.id.in_(old)).returning(Job.id)
        )
    ids = [row.id for row in gone]
    session.execute(delete(JobFailure).where(JobFailure.job_id.in_(ids)))
    return len(ids)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
