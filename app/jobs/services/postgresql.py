"""The queue on PostgreSQL: procrastinate with its own worker.

Its worker is asynchronous and runs our job functions in threads. The portal adds the pauses, the
limit of attempts, the reasons, and the return of jobs whose worker was killed: procrastinate
detects those but leaves them to the application.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from time import monotonic
from typing import Any, Final

from procrastinate import App, PsycopgConnector
from procrastinate.job_context import JobContext
from procrastinate.jobs import DEFAULT_QUEUE, Job, Notification, Status
from procrastinate.manager import JobManager, NotificationCallback
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from psycopg import AsyncConnection
from sqlalchemy import Connection, Engine, Integer, String, column, delete, text
from sqlalchemy.orm import Session

from app.core.database.transactions import CONNECTING, transaction
from app.core.models.base import UtcTime
from app.jobs.models.work import JobFailure
from app.jobs.rules.jobs import (
    AT_ONCE,
    FAILED,
    KILLED,
    MAX_ATTEMPTS,
    RETRYING,
    RUNNING,
    WAITING,
    reason_of,
    retry_pause,
)
from app.jobs.services.backend import Runner, at_work, note_failure

_log = logging.getLogger(__name__)
CALLS_AT_ONCE: Final = 1
"""procrastinate's worker has threads of its own."""
_LOOKS: Final = 10
"""A worker asks for jobs once in so many polls of the change log: each time is a transaction, even
when nothing happens. New jobs, those that waited for another job with their key, and those that
come due wake it besides."""

JOBS: Final = (
    text(
        "SELECT j.id, j.task_name AS name, j.args::text AS arguments, j.lock AS key, j.attempts,"
        " j.scheduled_at AS due, CASE WHEN j.status = 'failed' THEN 'failed'"
        " WHEN j.status = 'doing' THEN 'running' WHEN j.attempts > 0 THEN 'retrying'"
        " ELSE 'waiting' END AS state,"
        " (SELECT min(e.at) FROM procrastinate_events e WHERE e.job_id = j.id) AS enqueued_at,"
        " (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id) AS changed_at"
        " FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing', 'failed')"
    )
    .columns(
        column("id", Integer),
        *(column(name, String) for name in ("name", "arguments", "key", "state")),
        column("attempts", Integer),
        *(column(name, UtcTime) for name in ("due", "enqueued_at", "changed_at")),
    )
    .subquery("queue")
)


# ---- enqueuing ----


def enqueue(
    session: Session,
    job: str,
    arguments: Mapping[str, Any],
    key: str | None,
    due: datetime | None,
) -> None:
    """Defer the job on the session's own connection.

    The lock prevents jobs with one key from running at the same time. procrastinate's
    ``queueing_lock`` would prevent two from waiting, but also a failed job from returning while
    another waits, and its refusal aborts the whole transaction. Transactions that enqueue the same
    key therefore run one after another.
    """
    if key is not None:
        if _waits(session, key):
            return
        session.execute(_ONE_BY_ONE, {"job": job, "key": key})
        if _waits(session, key):  # a faster transaction has committed by now
            return
    _app().configure_task(
        job,
        lock=key,
        schedule_at=due,
        task_kwargs=dict(arguments),
        connection=session.connection().connection.driver_connection,
    ).defer()


def _waits(session: Session, key: str) -> bool:
    return session.execute(_WAITS, {"key": key}).first() is not None


# locked: the job does not start before this transaction, whose changes it needs, has committed
_WAITS: Final = text(
    "SELECT 1 FROM procrastinate_jobs"
    " WHERE lock = :key AND status = 'todo' AND attempts = 0 FOR SHARE"
)
# of 1,024 locks: one for each key of a large file would fill the server's lock table
_ONE_BY_ONE: Final = text(
    "SELECT pg_advisory_xact_lock(hashtext('job ' || :job), hashtext(:key) & 1023)"
)


@cache
def _app() -> App:
    """Used only to enqueue on the sessions' connections; it opens none itself."""
    return App(connector=PsycopgConnector())


# ---- jobs of an embedded queue ----


def adopt(connection: Connection, jobs: Sequence[Mapping[str, Any]], highest: int) -> None:
    """Enqueue jobs of the queue on SQLite as they are there, into an empty queue.

    ``jobs`` are rows of its ``JOBS``; they keep their ids, which failures name, their states and
    times. A job that was running gets no worker: the next worker restarts it. New jobs get ids
    above ``highest``, the highest one that was ever given.
    """
    if jobs:
        connection.execute(
            _ADOPT,
            [{**job, "queue": DEFAULT_QUEUE, "status": _STATUS[job["state"]]} for job in jobs],
        )
        connection.execute(_FORGET_EVENTS)  # of its triggers, which say that they are enqueued now
        connection.execute(_ENQUEUED, [*jobs])
    if highest:
        connection.execute(_COUNT_FROM, {"highest": highest})


_STATUS: Final = {WAITING: "todo", RETRYING: "todo", RUNNING: "doing", FAILED: "failed"}
"""procrastinate's names of the states; attempts distinguish what is retried from what waits."""
_ADOPT: Final = text(
    "INSERT INTO procrastinate_jobs"
    " (id, queue_name, task_name, lock, args, status, scheduled_at, attempts)"
    " VALUES (:id, :queue, :name, :key, CAST(:arguments AS jsonb),"
    " CAST(:status AS procrastinate_job_status), :due, :attempts)"
)
_FORGET_EVENTS: Final = text("DELETE FROM procrastinate_events")
_ENQUEUED: Final = text(
    "INSERT INTO procrastinate_events (job_id, type, at) VALUES (:id, 'deferred', :enqueued_at)"
)
_COUNT_FROM: Final = text(
    "SELECT setval(pg_get_serial_sequence('procrastinate_jobs', 'id'), :highest)"
)


# ---- failed jobs ----


def retry(session: Session, job_id: int) -> str | None:
    """Make a failed job, or one that waits for its retry, due."""
    name: str | None = session.scalar(
        text(
            "UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = now() WHERE id = :id"
            " AND (status = 'failed' OR status = 'todo' AND attempts > 0) RETURNING task_name"
        ),
        {"id": job_id},
    )
    if name is not None:
        session.execute(_NOTIFY_DUE, {"id": job_id})
    return name


def forget_failed(session: Session, job_ids: list[int]) -> None:
    """Delete those of the jobs that were given up."""
    deletion = text("DELETE FROM procrastinate_jobs WHERE id = ANY(:ids) AND status = 'failed'")
    session.execute(deletion, {"ids": job_ids})


# ---- running ----


class _Pauses(BaseRetryStrategy):
    """When a failed job is retried."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        attempts = job.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            return None
        pause = retry_pause(attempts, random.random())  # noqa: S311  # no secret
        return RetryDecision(retry_in={"seconds": max(1, round(pause.total_seconds()))})


def run(runner: Runner, *, until_empty: bool) -> bool:
    """Run jobs with procrastinate's worker, several at a time."""
    asyncio.run(_run(runner, until_empty=until_empty))
    return False


def next_due(_session: Session, _worker: str, _now: datetime) -> datetime | None:
    """Return None: procrastinate's worker itself waits."""
    return None


async def _run(runner: Runner, *, until_empty: bool) -> None:
    stalled = _Stalled(runner)
    await asyncio.to_thread(stalled.free)
    connector = PsycopgConnector(
        conninfo=_conninfo(runner.engine),
        min_size=1,
        max_size=AT_ONCE + 2,
        connection_class=_Connection,
    )
    app = App(connector=connector)
    app.job_manager = _Manager(connector)
    for name, function in runner.functions.items():
        task = _task(runner, name, function, stalled)
        app.task(name=name, pass_context=True, retry=_Pauses())(task)
    async with app.open_async():
        working = asyncio.create_task(
            app.run_worker_async(
                concurrency=AT_ONCE,
                wait=not until_empty,
                fetch_job_polling_interval=max(_LOOKS * runner.pace.look, 0.1),
                update_heartbeat_interval=runner.pace.beat,
                stalled_worker_timeout=runner.pace.lease,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )
        watching = asyncio.create_task(stalled.free_until_ending())
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        working.cancel()  # lets the worker finish the running jobs
        with suppress(asyncio.CancelledError):
            await working


class _Connection(AsyncConnection[Any]):
    """Wakes the event loop once a second while nothing is notified: psycopg does so ten times, a
    third of what an idle queue computes."""

    async def wait(self, gen: Any, interval: float = 1.0, timeout: float | None = None) -> Any:
        """As psycopg's. A notification or the end of the connection ends it at once."""
        return await super().wait(gen, interval, timeout)


class _Manager(JobManager):
    """Wakes workers when a job ends and another may start, and when a job comes due: procrastinate
    notifies only of new jobs, and finds others only by polling. It also forgets a notification that
    arrives while it asks for a job and gets none: then it asks again."""

    _notified = 0
    _notify: NotificationCallback | None = None
    _timer: asyncio.TimerHandle | None = None

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Count the notifications, too."""

        async def notify(*, channel: str, notification: Notification) -> None:
            self._notified += 1
            await on_notification(channel=channel, notification=notification)

        self._notify = notify
        await super().listen_for_jobs(on_notification=notify, queues=queues)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """The next job, or None if there was none when the last notification came; then the worker
        is woken when the first one comes due."""
        while True:
            notified = self._notified
            job = await super().fetch_job(queues, worker_id)
            if job is not None:
                return job
            due = await self.connector.execute_query_one_async(_NEXT_DUE)
            if notified == self._notified:
                self._wake_in(due["seconds"])
                return None

    def _wake_in(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        notify = self._notify
        if seconds is not None and notify is not None:
            self._timer = asyncio.get_running_loop().call_later(
                seconds,
                lambda: asyncio.ensure_future(
                    notify(channel="", notification={"type": "job_inserted", "job_id": 0})
                ),
            )

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Record how the job ended."""
        await super().finish_job(job, status, delete_job)
        if job.lock is not None:
            await self.connector.execute_query_async(_NOTIFY_WAITING, lock=job.lock)


def _task(
    runner: Runner, name: str, function: Callable[[Mapping[str, Any]], None], stalled: _Stalled
) -> Callable[..., None]:
    """Wrap the job function as procrastinate calls it."""

    def run_job(running: JobContext, **arguments: Any) -> None:
        with at_work(arguments) as own:
            run_own(running.job, own)

    def run_own(job: Job, arguments: Mapping[str, Any]) -> None:
        assert job.id is not None
        try:
            function(arguments)
        except Exception as error:
            reason = reason_of(error)
            _log.error("a job failed", extra={"job": name, "error": reason})
            with Session(runner.engine) as session, transaction(session):
                note_failure(session, job.id, runner.now(), reason)
            raise
        else:
            if job.attempts:
                with Session(runner.engine) as session, transaction(session):
                    session.execute(delete(JobFailure).where(JobFailure.job_id == job.id))
        finally:
            stalled.note_ended(job.id, job.attempts)

    return run_job


class _Stalled:
    """Returns jobs that nobody runs to the queue: their worker was killed or could not record the
    end."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._ended: set[tuple[int, int]] = set()
        """Attempts that ended here since the last check, and earlier ones whose end procrastinate
        must have recorded by now."""
        self._ended_before: set[tuple[int, int]] = set()

    def note_ended(self, job_id: int, attempts: int) -> None:
        """Remember that this attempt ended here in any way; ``attempts`` failed before it."""
        self._ended.add((job_id, attempts))

    async def free_until_ending(self) -> None:
        """Check at intervals until no new work may start."""
        looked = monotonic()
        while not self._runner.ending.is_set():
            await asyncio.sleep(0.1)
            if monotonic() - looked >= max(self._runner.pace.beat, 1.0):
                try:
                    await asyncio.to_thread(self.free)
                except Exception as error:  # noqa: BLE001  # the next look may come through
                    _log.warning("stalled jobs not checked", extra={"error": reason_of(error)})
                looked = monotonic()

    def free(self) -> None:
        """Check once."""
        silence, now = self._runner.pace.lease_time, self._runner.now()
        with Session(self._runner.engine) as session, transaction(session):
            freed = free_stalled(session, now, silence, list(self._ended_before))
        self._ended_before, self._ended = self._ended, set()
        if freed:
            _log.warning("jobs of a killed worker restarted", extra={"jobs": freed})


def free_stalled(
    session: Session, now: datetime, silence: timedelta, ended: Sequence[tuple[int, int]]
) -> int:
    """Return jobs to the queue whose worker has been silent for ``silence``, or that ended without
    a record: ``ended`` are pairs of job id and earlier failures. Return the number of jobs."""
    ids, attempts = [job_id for job_id, _ in ended], [failed for _, failed in ended]
    given = {"silence": silence, "ids": ids, "attempts": attempts}
    stalled = session.execute(_STALLED, given).all()
    for job_id, failed in stalled:
        note_failure(session, job_id, now, KILLED)
        session.execute(_GIVE_UP if failed + 1 >= MAX_ATTEMPTS else _RETRY, {"id": job_id})
        session.execute(_NOTIFY_DUE, {"id": job_id})  # this job, or jobs that waited for it
    return len(stalled)


# locked, then checked again: no worker returns a job that another has returned already and a third
# has started again
_STALLED: Final = text(
    "SELECT j.id, j.attempts FROM procrastinate_jobs j WHERE j.status = 'doing' AND ("
    " NOT EXISTS (SELECT 1 FROM procrastinate_workers w WHERE w.id = j.worker_id"
    "  AND w.last_heartbeat >= now() - :silence)"
    " OR (j.id, j.attempts) IN"
    "  (SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:attempts AS integer[]))))"
    " ORDER BY j.id FOR UPDATE OF j SKIP LOCKED"
)
# like its trigger, which notifies of new jobs
_NOTIFY_WAITING: Final = (
    "SELECT pg_notify('procrastinate_any_queue_v1',"
    " json_build_object('type', 'job_inserted', 'job_id', w.id)::text) FROM procrastinate_jobs w"
    " WHERE w.lock = %(lock)s AND w.status = 'todo' ORDER BY w.id LIMIT 1"
)
_NOTIFY_DUE: Final = text(
    "SELECT pg_notify('procrastinate_any_queue_v1',"
    " json_build_object('type', 'job_inserted', 'job_id', :id)::text)"
)
_NEXT_DUE: Final = (
    "SELECT extract(epoch FROM min(scheduled_at) - now())::float AS seconds"
    " FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at > now()"
)
_RETRY: Final = text("SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)")
_GIVE_UP: Final = text("SELECT procrastinate_finish_job_v1(:id, 'failed', false)")


def _conninfo(engine: Engine) -> str:
    """The same database for libpq, with the same connection and network limits."""
    url = engine.url.set(drivername="postgresql")
    limits = {name: str(value) for name, value in CONNECTING.items() if name not in url.query}
    return url.update_query_dict(limits).render_as_string(hide_password=False)
