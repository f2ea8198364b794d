"""The queue on SQLite: a table from which each thread of a worker runs one job at a time.

Each step is its own write transaction, and SQLite allows one at a time: two workers never claim the
same job. A claim is valid for a lease, which a living worker extends (``workers.py``).
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, delete, exists, func, or_, select, union_all, update
from sqlalchemy.orm import Session, aliased

from app.core.database.transactions import transaction
from app.core.database.upsert import upsert
from app.jobs.models.work import Job, JobFailure
from app.jobs.rules.jobs import (
    AT_ONCE,
    FAILED,
    KILLED,
    MAX_ATTEMPTS,
    NOT_KNOWN,
    RETRYING,
    RUNNING,
    WAITING,
    reason_of,
    retry_pause,
)
from app.jobs.services.backend import Runner, at_work, note_failure

_log = logging.getLogger(__name__)
CALLS_AT_ONCE: Final = AT_ONCE
MAX_IN_A_ROW: Final = 100
"""After so many jobs, ``until_empty`` returns so that others can check: a job can always enqueue
another."""

JOBS: Final = select(
    *(Job.id, Job.name, Job.arguments, Job.key, Job.state, Job.attempts, Job.due),
    Job.enqueued_at,
    Job.enqueued_at.label("changed_at"),  # each failure is recorded with its time
).subquery("queue")


def enqueue(
    session: Session,
    job: str,
    arguments: Mapping[str, Any],
    key: str | None,
    due: datetime | None,
) -> None:
    """Add a row unless one with its key is waiting; an index prevents duplicates."""
    session.flush()
    row = {"name": job, "arguments": json.dumps(arguments, ensure_ascii=False), "attempts": 0}
    session.connection().execute(
        upsert(Job.__table__)
        .values(**row, key=key, state=WAITING, due=due)
        .on_conflict_do_nothing()
    )


def retry(session: Session, job_id: int) -> str | None:
    """Make a failed job, or one that waits for its retry, due."""
    return session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.state.in_((FAILED, RETRYING)))
        .values(state=RETRYING, due=None)
        .returning(Job.name)
    )


def forget_failed(session: Session, job_ids: list[int]) -> None:
    """Delete those of the jobs that were given up."""
    session.execute(delete(Job).where(Job.id.in_(job_ids), Job.state == FAILED))


def run(runner: Runner, *, until_empty: bool) -> bool:
    """Run one job after another until none is due."""
    count = 0
    while not runner.ending.is_set() and run_one(runner):
        count += 1
        if until_empty and count == MAX_IN_A_ROW:
            return True
    return False


def next_due(session: Session, worker: str, now: datetime) -> datetime | None:
    """When the first job that waits for a time, or is claimed by another worker, may be due."""
    due, until = Job.due, Job.claimed_until
    waiting = select(due.label("at")).where(Job.state.in_((WAITING, RETRYING)), due > now)
    held = select(until).where(Job.state == RUNNING, Job.claimed_by != worker, until.is_not(None))
    either = union_all(waiting, held).subquery()
    first: datetime | None = session.scalar(select(func.min(either.c.at, type_=due.type)))
    return first


def run_one(runner: Runner) -> bool:
    """Run one due job; return False if no job is due."""
    now = runner.now()
    with Session(runner.engine) as session:  # only reads: an idle worker does not block writers
        if session.scalar(_due(runner, now)) is None:
            return False
    with Session(runner.engine) as session, transaction(session):
        job = session.scalar(_due(runner, now))  # another thread may have claimed it meanwhile
        if job is None or not _claim(session, job, runner, now):
            return True
        job_id, name, arguments = job.id, job.name, json.loads(job.arguments)
        runner.running.add(job_id)
    try:
        with at_work(arguments) as own:
            _run_claimed(runner, job_id, name, own)
    finally:
        runner.running.discard(job_id)
    return True


def _run_claimed(runner: Runner, job_id: int, name: str, arguments: Mapping[str, Any]) -> None:
    function = runner.functions.get(name)
    reason = NOT_KNOWN if function is None else ""
    if function is not None:
        try:
            function(arguments)
        except Exception as error:  # noqa: BLE001  # it is tried again, whatever it is
            reason = reason_of(error)
    if reason:
        _log.error("a job failed", extra={"job": name, "error": reason})
    with Session(runner.engine) as session, transaction(session):
        job = session.scalar(select(Job).where(Job.id == job_id, Job.claimed_by == runner.worker))
        if job is None:  # this worker's lease expired and another worker has the job
            return
        if not reason:
            session.delete(job)
            session.execute(delete(JobFailure).where(JobFailure.job_id == job_id))
            return
        now = runner.now()
        job.attempts += 1
        job.state = FAILED if function is None or job.attempts >= MAX_ATTEMPTS else RETRYING
        job.due = now + retry_pause(job.attempts, random.random())  # noqa: S311  # no secret
        job.claimed_by = job.claimed_until = None
        note_failure(session, job_id, now, reason)


def _due(runner: Runner, now: datetime) -> Select[Job]:
    """The oldest job that the worker may claim beside those that its threads run."""
    other, running = aliased(Job), tuple(runner.running)
    # claimed by this worker and not running: it could not record their end
    is_left = or_(
        and_(Job.claimed_by == runner.worker, Job.id.not_in(running)),
        and_(Job.claimed_by != runner.worker, Job.claimed_until < now),
    )
    is_held = and_(
        other.state == RUNNING,
        or_(
            and_(other.claimed_by == runner.worker, other.id.in_(running)),
            and_(other.claimed_by != runner.worker, other.claimed_until >= now),
        ),
    )
    return (
        select(Job)
        .where(
            or_(Job.state.in_((WAITING, RETRYING)), and_(Job.state == RUNNING, is_left)),
            or_(Job.due.is_(None), Job.due <= now),
            # jobs with one key run in their order
            ~exists().where(
                other.key == Job.key,
                other.id != Job.id,
                or_(and_(other.id < Job.id, other.state != FAILED), is_held),
            ),
        )
        .order_by(Job.id)
        .limit(1)
    )  # fmt: skip


def _claim(session: Session, job: Job, runner: Runner, now: datetime) -> bool:
    """Claim the job; return False if it has to be given up instead."""
    if job.state == RUNNING:
        _log.warning("job of a killed worker restarted", extra={"job": job.name})
        job.attempts += 1
        note_failure(session, job.id, now, KILLED)
        if job.attempts >= MAX_ATTEMPTS:
            job.state, job.claimed_by, job.claimed_until = FAILED, None, None
            return False
    job.state, job.claimed_by = RUNNING, runner.worker
    job.claimed_until = now + runner.pace.lease_time
    return True
