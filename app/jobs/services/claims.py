"""Who works off which job of the embedded queue (SQLite): claims with a lease.

Each verb is a write transaction of its own, whose turn nobody else has: two workers never claim the
same job. A worker that lives says so before its lease ends (``extend_claims``); what a killed one
held is begun anew by another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.jobs.models.work import Job, TimedWork
from app.jobs.rules.jobs import MAX_ATTEMPTS, retry_pause
from app.jobs.services.queue import FAILED, RETRYING, RUNNING, WAITING, forget_failure, note_failure


@dataclass(frozen=True)
class Claimed:
    """A job that this worker may run now."""

    id: int
    name: str
    arguments: Mapping[str, Any]
    attempts: int


def is_job_due(session: Session, worker: str, now: datetime) -> bool:
    """Whether there is anything to claim; only reads."""
    return session.scalar(_due(worker, now)) is not None


def claim_job(session: Session, worker: str, now: datetime, until: datetime) -> Claimed | None:
    """Claim the oldest job that is due, until that time; None if none is.

    ``worker`` runs none now: what it has claimed is a job whose end it could not note.
    """
    number = session.scalar(_due(worker, now))
    if number is None:
        return None
    row = session.execute(
        update(Job)
        .where(Job.id == number)
        .values(state=RUNNING, claimed_by=worker, claimed_until=until)
        .returning(Job.id, Job.name, Job.arguments, Job.attempts)
    ).one()
    return Claimed(row.id, row.name, json.loads(row.arguments), row.attempts)


def _due(worker: str, now: datetime) -> Any:
    earlier = aliased(Job)
    return (
        select(Job.id)
        .where(
            or_(
                Job.state.in_((WAITING, RETRYING)),
                and_(Job.state == RUNNING, Job.claimed_by == worker),
            ),
            or_(Job.due.is_(None), Job.due <= now),
            # jobs of one key come one after another, in their order
            ~exists().where(
                earlier.key == Job.key, earlier.id < Job.id, earlier.state != FAILED
            ),
        )
        .order_by(Job.id)
        .limit(1)
    )  # fmt: skip


def finish_job(session: Session, worker: str, job_id: int) -> None:
    """The job is done: it goes, if this worker still has it."""
    session.execute(delete(Job).where(Job.id == job_id, Job.claimed_by == worker))
    forget_failure(session, job_id)


def fail_job(
    session: Session,
    worker: str,
    job: Claimed,
    now: datetime,
    reason: str,
    jitter: float,
    *,
    for_good: bool = False,
) -> None:
    """The job failed: it is tried again later, or given up after its last attempt."""
    attempts = job.attempts + 1
    given_up = for_good or attempts >= MAX_ATTEMPTS
    held = session.scalar(
        update(Job)
        .where(Job.id == job.id, Job.claimed_by == worker)
        .values(
            state=FAILED if given_up else RETRYING,
            attempts=attempts,
            due=now + retry_pause(attempts, jitter),
            claimed_by=None,
            claimed_until=None,
        )
        .returning(Job.id)
    )
    if held is not None:
        note_failure(session, job.id, now, reason)


def extend_claims(session: Session, worker: str, until: datetime) -> None:
    """This worker lives: what it has claimed, jobs and timed work, stays its own until then."""
    for kind in (Job, TimedWork):
        session.execute(update(kind).where(kind.claimed_by == worker).values(claimed_until=until))


def free_stalled(session: Session, now: datetime) -> int:
    """Let others begin anew what workers held that do not live any more; how many jobs."""
    held = session.execute(
        select(Job.id, Job.attempts).where(Job.state == RUNNING, Job.claimed_until < now)
    ).all()
    for job_id, attempts in held:
        given_up = attempts + 1 >= MAX_ATTEMPTS
        session.execute(
            update(Job)
            .where(Job.id == job_id)
            .values(
                state=FAILED if given_up else RETRYING,
                attempts=attempts + 1,
                due=None,
                claimed_by=None,
                claimed_until=None,
            )
        )
        note_failure(session, job_id, now, KILLED)
    return len(held)


KILLED = "Its worker ended in the middle of it"
