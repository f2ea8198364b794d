"""What each of the two queues does, ``postgresql.py`` and ``sqlite.py``, and what both note."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Engine, Subquery
from sqlalchemy.orm import Session

from app.jobs.models.work import JobFailure
from app.jobs.rules.jobs import Pace


@dataclass(frozen=True)
class Runner:
    """One worker's side of the queue."""

    engine: Engine
    worker: str
    functions: Mapping[str, Callable[[Mapping[str, Any]], None]]
    """By the names of the jobs; each is given a job's arguments, and raises where it failed."""
    pace: Pace
    now: Callable[[], datetime]
    ending: threading.Event
    """Set when nothing new is to be started."""


class Backend(Protocol):
    """A queue of jobs in the portal's database."""

    @property
    def JOBS(self) -> Subquery:  # noqa: N802  # a constant of the module
        """The jobs that are not done: id, name, arguments (JSON), key, state, attempts, due,
        enqueued_at, changed_at (when one was given up of which no failure is noted). The states
        are those of ``app.jobs.rules.jobs``; of a job that waits nothing was begun yet."""

    def enqueue(
        self,
        session: Session,
        job: str,
        arguments: Mapping[str, Any],
        key: str | None,
        due: datetime | None,
    ) -> None:
        """As ``queue.enqueue``."""

    def retry(self, session: Session, job_id: int) -> str | None:
        """Let a job that failed or is to be retried be tried at once; its name, None = no such."""

    def forget_failed(self, session: Session, job_ids: list[int]) -> None:
        """Delete those of the jobs that are given up."""

    def run(self, runner: Runner, *, until_empty: bool) -> bool:
        """Run jobs until ``runner.ending`` is set, or none is due; whether some may be due still,
        where that is left to another call. Errors of the database come through. Jobs whose
        worker was killed, or whose end could not be noted, are run again."""

    def next_due(self, session: Session, worker: str, now: datetime) -> datetime | None:
        """When, after a ``run`` that found none due, the time alone may make one due for that
        worker; None = never, or ``run`` waits for it itself."""


def note_failure(session: Session, job_id: int, at: datetime, reason: str) -> None:
    """Keep why a job failed, in place of what was kept of it before."""
    session.merge(JobFailure(job_id=job_id, at=at, reason=reason))
    session.flush()
