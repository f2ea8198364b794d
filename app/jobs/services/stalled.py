"""Jobs of procrastinate's queue (PostgreSQL) whose worker was killed, and why jobs failed there.

procrastinate knows which worker runs a job and when that worker was alive last; to give the job to
another one is left to whoever uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.rules.jobs import MAX_ATTEMPTS
from app.jobs.services.claims import KILLED
from app.jobs.services.queue import note_failure

# locked and looked at once more by each who asks: nobody gives back what another has given back
# already and a third has begun anew
_STALLED: Final = text(
    "SELECT j.id, j.attempts, j.queueing_lock FROM procrastinate_jobs j"
    " WHERE j.status = 'doing' AND NOT EXISTS ("
    "  SELECT 1 FROM procrastinate_workers w WHERE w.id = j.worker_id"
    "  AND w.last_heartbeat >= now() - :silence)"
    " ORDER BY j.id FOR UPDATE OF j SKIP LOCKED"
)
_RETRY: Final = text("SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)")
_END: Final = text(
    "SELECT procrastinate_finish_job_v1(:id, CAST(:status AS procrastinate_job_status), :gone)"
)
_WAITS: Final = text(
    "SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = :key AND status = 'todo'"
)
_UNNOTED: Final = text(
    "SELECT id, worker_id FROM procrastinate_jobs WHERE id = ANY(:ids) AND status = 'doing'"
    " ORDER BY id FOR UPDATE"
)
_BEGUN: Final = text("UPDATE procrastinate_jobs SET queueing_lock = NULL WHERE id = :id")
_PRUNE: Final = text("DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - :silence")


def free_stalled_jobs(session: Session, now: datetime, silence: timedelta) -> int:
    """Let others begin anew what workers held that said nothing for so long; how many jobs."""
    stalled = session.execute(_STALLED, {"silence": silence}).all()
    for job_id, attempts, key in stalled:
        note_failure(session, job_id, now, KILLED)
        if attempts + 1 >= MAX_ATTEMPTS:
            session.execute(_END, {"id": job_id, "status": "failed", "gone": False})
            continue
        # killed between its claim and `note_begun`, and another of its key waits by now: one of
        # the two is enough
        if key is not None and session.execute(_WAITS, {"key": key}).first() is not None:
            session.execute(_END, {"id": job_id, "status": "aborted", "gone": True})
            continue
        session.execute(_RETRY, {"id": job_id})
    session.execute(_PRUNE, {"silence": max(silence * 10, timedelta(minutes=10))})
    return len(stalled)


def free_unnoted_jobs(session: Session, ended: Mapping[int, int | None]) -> int:
    """Begin anew those of the jobs that ``ended`` (by their worker) and are noted as running still;
    how many.

    The database was away just when procrastinate noted their end. Its worker lives, so nobody else
    would ever take them, nor any other job of their key.
    """
    found = session.execute(_UNNOTED, {"ids": list(ended)}).all()
    held = [job_id for job_id, worker_id in found if ended[job_id] == worker_id]
    for job_id in held:
        session.execute(_RETRY, {"id": job_id})
    return len(held)


def note_begun(session: Session, job_id: int) -> None:
    """The job is begun: another of its key may wait from now on.

    Without this a job that failed could not go back into the queue while another one waits there.
    """
    session.execute(_BEGUN, {"id": job_id})
