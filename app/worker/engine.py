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
from typing import Any, Final

from procrastinate import App, PsycopgConnector
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import Engine

from app.domain.jobs import MOST_ATTEMPTS, reason_of, retry_pause
from app.services.job_queue import forget_failure, note_failure
from app.services.stalled_jobs import note_begun
from app.worker.context import Context
from app.worker.jobs import JOBS, JobFunction
from app.worker.pace import Pace

_log = logging.getLogger(__name__)
AT_ONCE: Final = 2
"""Jobs that one worker runs at once."""


class _Pauses(BaseRetryStrategy):
    """When a job that failed is tried again."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        attempts = job.attempts + 1
        if attempts >= MOST_ATTEMPTS:
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
    for name, function in JOBS.items():
        app.task(name=name, pass_context=True, retry=_Pauses())(_task(context, name, function))
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
        await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        working.cancel()  # which lets it finish what it is in the middle of
        with suppress(asyncio.CancelledError):
            await working


async def _told(ending: threading.Event) -> None:
    while not ending.is_set():
        await asyncio.sleep(0.1)


def _task(context: Context, name: str, function: JobFunction) -> Callable[..., None]:
    """The job function as procrastinate calls it."""

    def run(running: JobContext, **arguments: Any) -> None:
        job_id = running.job.id
        assert job_id is not None
        if running.job.queueing_lock is not None:
            with context.writing() as session:
                note_begun(session, job_id)
        try:
            function(context, arguments)
        except Exception as error:
            reason = reason_of(error)
            _log.error("a job failed", extra={"job": name, "error": reason})
            with context.writing() as session:
                note_failure(session, job_id, context.now(), reason)
            raise
        if running.job.attempts:
            with context.writing() as session:
                forget_failure(session, job_id)

    return run


def _conninfo(engine: Engine) -> str:
    """The same database for libpq."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
