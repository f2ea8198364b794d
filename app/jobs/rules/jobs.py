"""When jobs are tried again and given up, what their states are called, how often a worker looks.

A job is done at least once: a worker that is killed in the middle leaves it to another one, which
begins it again. So whoever writes a job makes it safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

WAITING: Final = "waiting"
RUNNING: Final = "running"
RETRYING: Final = "retrying"
"""It failed, or its worker was killed."""
FAILED: Final = "failed"
"""It was given up."""

MAX_ATTEMPTS: Final = 10
"""Attempts after which a job is given up and shown to operators with its reason."""
FIRST_PAUSE: Final = timedelta(seconds=2)
MAX_PAUSE: Final = timedelta(minutes=10)
"""With these a job is tried for about half an hour before it is given up."""
MAX_REASON_LENGTH: Final = 500

KILLED: Final = "Its worker was interrupted"
NOT_KNOWN: Final = "This version of the portal has no such job"


@dataclass(frozen=True)
class Pace:
    """All in seconds. Tests of killed workers take shorter leases."""

    look: float = 0.5
    """Between two looks at the change log, at timed work and at the queue."""
    beat: float = 10.0
    """Between two signs of life."""
    lease: float = 60.0
    """How long what a worker holds stays its own after its last sign of life."""
    grace: float = 8.0
    """How long a worker that is to end waits for what it is in the middle of."""

    @property
    def lease_time(self) -> timedelta:
        """The lease as a time."""
        return timedelta(seconds=self.lease)


PACE: Final = Pace()


def retry_pause(attempts: int, jitter: float) -> timedelta:
    """How long to wait after ``attempts`` failed ones: twice as long each time, up to a cap.

    ``jitter`` from 0 to 1 takes up to half of it off, so that many that failed together do not come
    back together.
    """
    doubled: int = 2 ** min(max(attempts, 1) - 1, 20)
    pause = min(MAX_PAUSE, FIRST_PAUSE * doubled)
    return pause * (1 - jitter / 2)


def reason_of(error: BaseException) -> str:
    """One line that tells operators what went wrong."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:MAX_REASON_LENGTH]
