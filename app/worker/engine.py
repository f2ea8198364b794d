"""Works off procrastinate's queue (PostgreSQL), by procrastinate's own worker.

Its worker is asynchronous; our job functions run in threads of it. Failed jobs go back into its
queue with our pauses and our cap.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from procrastinate import App, PsycopgConnector
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.database.transactions import CONNECTING
from app.jobs.rules.jobs import MAX_ATTEMPTS, reason_of, retry_pause
from app.jobs.services.queue import forget_failure, note_failure
from app.jobs.services.stalled import free_unnoted_jobs, note_begun
from app.jobs.tasks.context import Context
from app.jobs.tasks.pace import Pace
from app.worker.jobs import JOBS, JobFunction

_log = logging.getLogger(__name__)
AT_ONCE: Final = 2
"""Jobs that one worker runs at once."""


class _Pauses(BaseRetryStrategy):
    """When a job that failed is tried again."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        attempts = job.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            return None
        pause = retry_pause(attempts, random.random())  # noqa: S311  # no secret
        return RetryDecision(retry_in={"seconds": max(1, round(pause.total_seconds()))})


def run_engine(
    context: Context, pace: Pace, ending: threading.Event, *, until_empty: bool = False
) -> None:
    """Work until ``ending`` is set and what is in the middle is done, or until nothing is due."""
    asyncio.run(_work(context, pace, ending, until_empty=until_empty))


async def _work(
    context: Context, pace: Pace, ending: threading.Event, *, until_empty: bool
) -> None:
    app = App(
        connector=PsycopgConnector(
            conninfo=_conninfo(context.engine), min_size=1, max_size=AT_ONCE + 2
        )
    )
    ended = _Ended(context, pace)
    for name, function in JOBS.items():
        run = _task(context, name, function, ended)
        app.task(name=name, pass_context=True, retry=_Pauses())(run)
    async with app.open_async():
        working = asyncio.create_task(
            app.run_worker_async(
                concurrency=AT_ONCE,
                wait=not until_empty,
                fetch_job_polling_interval=max(pace.look, 0.1),
                update_heartbeat_interval=pace.beat,
                stalled_worker_timeout=pace.lease,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )
        told = asyncio.create_task(_told(ending))
        looking = asyncio.create_task(ended.look_over_and_over())
        await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        looking.cancel()
        working.cancel()  # which lets it finish what it is in the middle of
        with suppress(asyncio.CancelledError):
            await working


async def _told(ending: threading.Event) -> None:
    while not ending.is_set():
        await asyncio.sleep(0.1)


class _Ended:
    """Jobs that ended here, until procrastinate must have noted it."""

    def __init__(self, context: Context, pace: Pace) -> None:
        self._context, self._pace = context, pace
        self._jobs: dict[int, tuple[int | None, float]] = {}
        """Its worker in procrastinate's table, and when it ended."""

    def add(self, job: Job) -> None:
        """It ended, in whatever way."""
        assert job.id is not None
        self._jobs[job.id] = (job.worker_id, monotonic())

    def begin(self, job_id: int) -> None:
        """It runs, perhaps once more."""
        self._jobs.pop(job_id, None)

    async def look_over_and_over(self) -> None:
        """Now and then look for those of which it was not noted."""
        while True:
            await asyncio.sleep(self._pace.beat)
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        before = monotonic() - max(self._pace.beat, 1.0)
        ended = {
            job_id: worker
            for job_id, (worker, at) in list(self._jobs.items())
            if at < before
        }  # fmt: skip
        if not ended:
            return
        try:
            with self._context.transaction() as session:
                freed = free_unnoted_jobs(session, ended)
        except SQLAlchemyError:
            return  # the next look may come through
        if freed:
            _log.warning("jobs whose end was not noted are begun anew", extra={"jobs": freed})
        for job_id in ended:
            self._jobs.pop(job_id, None)


def _task(context: Context, name: str, function: JobFunction, ended: _Ended) -> Callable[..., None]:
    """The job function as procrastinate calls it."""

    def run(running: JobContext, **arguments: Any) -> None:
        job_id = running.job.id
        assert job_id is not None
        ended.begin(job_id)
        try:
            work(running.job, job_id, arguments)
        finally:
            ended.add(running.job)

    def work(job: Job, job_id: int, arguments: dict[str, Any]) -> None:
        if job.queueing_lock is not None:
            with context.transaction() as session:
                note_begun(session, job_id)
        try:
            function(context, arguments)
        except Exception as error:
            reason = reason_of(error)
            _log.error("a job failed", extra={"job": name, "error": reason})
            with context.transaction() as session:
                note_failure(session, job_id, context.now(), reason)
            raise
        if job.attempts:
            with context.transaction() as session:
                forget_failure(session, job_id)

    return run


def _conninfo(engine: Engine) -> str:
    """The same database for libpq, with the same limits of connecting and of the network."""
    url = engine.url.set(drivername="postgresql")
    limits = {name: str(value) for name, value in CONNECTING.items() if name not in url.query}
    return url.update_query_dict(limits).render_as_string(hide_password=False)
