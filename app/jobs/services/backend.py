"""The interface of the two queues, ``postgresql.py`` and ``sqlite.py``, and what both record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Engine, Subquery
from sqlalchemy.orm import Session

from app.core.traces import TRACEPARENT, resumed
from app.jobs.models.work import JobFailure
from app.jobs.rules.jobs import Pace


@dataclass(frozen=True)
class Runner:
    """A worker's side of the queue."""

    engine: Engine
    worker: str
    functions: Mapping[str, Callable[[Mapping[str, Any]], None]]
    """Job functions by name; each gets the job's arguments and raises an exception on failure."""
    pace: Pace
    now: Callable[[], datetime]
    ending: threading.Event
    """Set when no new work may start."""
    running: set[int] = field(default_factory=set)
    """Ids of the jobs that the threads of this worker run now; its runners share one set."""


class Backend(Protocol):
    """A queue of jobs in the portal's database."""

    @property
    def CALLS_AT_ONCE(self) -> int:  # noqa: N802  # a constant of the module
        """How many threads of one worker call ``run`` so that it runs ``AT_ONCE`` jobs."""

    @property
    def JOBS(self) -> Subquery:  # noqa: N802  # a constant of the module
        """Select the unfinished jobs: id, name, arguments (JSON), key, state, attempts, due,
        enqueued_at, changed_at (when a job without a recorded failure was given up). The states
        are those of ``app.jobs.rules.jobs``; a waiting job has not been started."""

    def enqueue(
        self,
        session: Session,
        job: str,
        arguments: Mapping[str, Any],
        key: str | None,
        due: datetime | None,
    ) -> None:
        """See ``queue.enqueue``."""

    def retry(self, session: Session, job_id: int) -> str | None:
        """Make a failed job, or one that waits for its retry, due at once. Return its name, or None
        if there is no such job."""

    def forget_failed(self, session: Session, job_ids: list[int]) -> None:
        """Delete those of the jobs that were given up."""

    def run(self, runner: Runner, *, until_empty: bool) -> bool:
        """Run jobs until ``runner.ending`` is set or none is due. Return whether some may still be
        due for another call. Database errors are raised. Jobs whose worker was killed, or whose
        end could not be recorded, run again."""

    def next_due(self, session: Session, worker: str, now: datetime) -> datetime | None:
        """Return when a job may become due for that worker by time alone, after a ``run`` that
        found none; None = never, or ``run`` itself waits for it."""


def note_failure(session: Session, job_id: int, at: datetime, reason: str) -> None:
    """Record why a job failed, replacing the previous reason."""
    session.merge(JobFailure(job_id=job_id, at=at, reason=reason))
    session.flush()


@contextmanager
def at_work(arguments: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The job's own arguments; what is done inside belongs to the request that enqueued it."""
    with resumed(str(arguments.get(TRACEPARENT, "")), "job"):
        yield {name: value for name, value in arguments.items() if name != TRACEPARENT}
