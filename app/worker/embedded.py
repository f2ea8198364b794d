"""Works off the embedded queue (SQLite), one job after another."""

from __future__ import annotations

import logging
import random

from app.jobs.rules.jobs import reason_of
from app.jobs.services.claims import Claimed, claim_job, fail_job, finish_job, is_job_due
from app.jobs.services.queue import NOT_KNOWN
from app.jobs.tasks.context import Context
from app.jobs.tasks.pace import Pace
from app.worker.jobs import JOBS

_log = logging.getLogger(__name__)


class EmbeddedQueue:
    """One worker's side of the queue."""

    def __init__(self, context: Context, worker: str, pace: Pace) -> None:
        self._context, self._worker, self._pace = context, worker, pace

    def step(self) -> bool:
        """Do one job that is due."""
        now = self._context.now()
        with self._context.reading() as session:
            if not is_job_due(session, self._worker, now):
                return False
        with self._context.transaction() as session:
            job = claim_job(session, self._worker, now, now + self._pace.lease_time)
        if job is None:  # another worker was faster
            return True
        self._run(job)
        return True

    def _run(self, job: Claimed) -> None:
        function = JOBS.get(job.name)
        if function is None:
            self._fail(job, NOT_KNOWN, for_good=True)
            return
        try:
            function(self._context, job.arguments)
        except Exception as error:  # noqa: BLE001  # it is tried again, whatever it is
            self._fail(job, reason_of(error))
            return
        with self._context.transaction() as session:
            finish_job(session, self._worker, job.id)

    def _fail(self, job: Claimed, reason: str, *, for_good: bool = False) -> None:
        _log.error("a job failed", extra={"job": job.name, "error": reason})
        with self._context.transaction() as session:
            jitter = random.random()  # noqa: S311  # no secret
            now = self._context.now()
            fail_job(session, self._worker, job, now, reason, jitter, for_good=for_good)
