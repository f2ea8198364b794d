"""When jobs are retried or given up, the names of their states, and how often workers poll.

A job runs at least once: if a worker is killed in the middle, another worker starts the job again.
Every job must therefore be safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.core.rules.errors import without_content

WAITING: Final = "waiting"
RUNNING: Final = "running"
RETRYING: Final = "retrying"
"""The job failed, or its worker was killed."""
FAILED: Final = "failed"
"""The job was given up."""

AT_ONCE: Final = 4
"""Jobs that one worker runs at the same time, on either database. A partner's turns take at most
half of them (``app/exchange/rules/budget.py``), so that a slow partner delays nobody else."""
MAX_ATTEMPTS: Final = 10
"""After this many attempts a job is given up and shown to operators with its reason."""
FIRST_PAUSE: Final = timedelta(seconds=2)
MAX_PAUSE: Final = timedelta(minutes=10)
"""Longest pause between two attempts; a job is retried for about half an hour before it is given
up."""
MAX_REASON_LENGTH: Final = 500

KILLED: Final = "Its worker was interrupted"
NOT_KNOWN: Final = "This version of the portal has no such job"


@dataclass(frozen=True)
class Pace:
    """Intervals in seconds. Tests of killed workers use shorter leases."""

    look: float = 0.5
    """Interval between two polls of the change log, timed work and the queue."""
    beat: float = 10.0
    """Interval between two heartbeats."""
    lease: float = 60.0
    """How long a worker's claims stay valid after its last heartbeat."""
    grace: float = 8.0
    """How long a worker that shuts down waits for running work."""

    @property
    def lease_time(self) -> timedelta:
        """The lease as a ``timedelta``."""
        return timedelta(seconds=self.lease)


PACE: Final = Pace()


def growing_pause(attempts: int, first: timedelta, longest: timedelta) -> timedelta:
    """Return the pause after ``attempts`` failures (1 = the first), of whatever is tried again:
    ``first``, doubled each time, up to ``longest``; without jitter."""
    doubled: int = 2 ** min(max(attempts, 1) - 1, 20)
    return min(longest, first * doubled)


def retry_pause(attempts: int, jitter: float) -> timedelta:
    """Return the pause after ``attempts`` failures: doubled each time, up to a cap.

    ``jitter`` (0 to 1) shortens it by up to half, so that jobs that failed together are not all
    retried together.
    """
    return growing_pause(attempts, FIRST_PAUSE, MAX_PAUSE) * (1 - jitter / 2)


def reason_of(error: BaseException) -> str:
    """Describe the error in one line for operators, without SQL and rows of a database."""
    text = without_content(error)
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:MAX_REASON_LENGTH]
