"""What a worker does over and over: signs of life, the change log, timed work, jobs.

Each part has ``step()``, which does what there is to do now and says whether there was anything,
and ``again_at``: when there may be something again though nobody writes; None = not by time alone.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Final

from sqlalchemy import func, select

from app.core.models.changes import Change
from app.jobs.rules.jobs import Pace, reason_of, retry_pause
from app.jobs.services import timed_work, workers
from app.jobs.services.backend import Runner
from app.jobs.services.queue import next_due, run_jobs
from app.jobs.tasks.context import Context
from app.worker.jobs import JOBS
from app.worker.listeners import LISTENERS
from app.worker.timed import TIMED

_log = logging.getLogger(__name__)


class Heartbeat:
    """Says that this worker lives."""

    def __init__(self, context: Context, worker: str, pace: Pace) -> None:
        self._context, self._worker, self._pace = context, worker, pace
        self.again_at: datetime | None = None

    def begin(self) -> None:
        """The worker is known from now on, and so is every kind of timed work."""
        now = self._context.now()
        with self._context.transaction() as session:
            workers.greet_worker(session, self._worker, socket.gethostname(), os.getpid(), now)
            timed_work.know_timed_work(session, TIMED, now)

    def step(self) -> bool:
        """One sign of life."""
        now = self._context.now()
        with self._context.transaction() as session:
            workers.note_worker_lives(session, self._worker, now, self._pace.lease_time)
        self.again_at = now + timedelta(seconds=self._pace.beat)
        return False

    def end(self) -> None:
        """The worker ends in order."""
        with self._context.transaction() as session:
            workers.dismiss_worker(session, self._worker, self._context.now())


_AGAIN: Final = timedelta(seconds=20)
"""After so long listeners are called without a change: what an ongoing event means for figures
changes with the time alone, and what a command that was killed left is done."""


class Listening:
    """Notices that the change log has grown, and tells the listeners."""

    def __init__(self, context: Context, worker: str) -> None:
        self._context, self._worker = context, worker
        self._heard: int | None = None
        self._called_at: datetime | None = None
        self._failures = 0
        self._not_before = 0.0
        self.again_at: datetime | None = None

    def step(self) -> bool:
        """Call each listener if there is a change that they were not told of, or it is long ago."""
        now, paused = self._context.now(), self._not_before - monotonic()
        if paused > 0:
            self.again_at = now + timedelta(seconds=paused)
            return False
        with self._context.reading() as session:
            newest = session.scalar(select(func.max(Change.id))) or 0
        is_late = self._called_at is None or now - self._called_at >= _AGAIN
        if newest == self._heard and not is_late:
            self.again_at = self._called_at and self._called_at + _AGAIN
            return False
        for listener in LISTENERS:
            try:
                listener(self._context)
            except Exception as error:  # noqa: BLE001  # it is called again, whatever it is
                self._failures += 1
                pause = retry_pause(self._failures, random.random())  # noqa: S311  # no secret
                self._not_before = monotonic() + pause.total_seconds()
                self.again_at = now + pause
                _log.error(
                    "a listener failed and is called again",
                    extra={"listener": listener.__module__, "error": reason_of(error)},
                )
                self._note_trouble(reason_of(error))
                return False
        if self._failures:
            self._failures = 0
            self._note_trouble("")
        self._heard, self._called_at = newest, now
        return True

    def _note_trouble(self, reason: str) -> None:
        with self._context.transaction() as session:
            workers.note_trouble(session, self._worker, reason)


class TimedWork:
    """Does the timed work that is due and that no other worker does."""

    def __init__(self, context: Context, worker: str, pace: Pace) -> None:
        self._context, self._worker, self._pace = context, worker, pace
        self.again_at: datetime | None = None

    def step(self) -> bool:
        """Do one kind of work that is due."""
        now = self._context.now()
        with self._context.reading() as session:
            due = timed_work.due_work(session, TIMED, self._worker, now)
            self.again_at = timed_work.next_due(session, TIMED, self._worker)
        for name in due:
            with self._context.transaction() as session:
                until = now + self._pace.lease_time
                mine = timed_work.claim_work(session, name, self._worker, now, until)
            if mine:
                self._run(name)
                return True
        return False

    def _run(self, name: str) -> None:
        begun = monotonic()
        outcome = failure = ""
        try:
            outcome = TIMED[name](self._context)
        except Exception as error:  # noqa: BLE001  # operators are told, whatever it is
            failure = reason_of(error)
            _log.error("timed work failed", extra={"work": name, "error": failure})
        else:
            _log.info("timed work is done", extra={"work": name, "outcome": outcome})
        took = timedelta(seconds=monotonic() - begun)
        with self._context.transaction() as session:
            timed_work.end_work(
                session,
                name,
                self._worker,
                self._context.now(),
                took=took,
                outcome=outcome,
                failure=failure,
                jitter=random.random(),  # noqa: S311  # no secret
            )


class Jobs:
    """Runs the jobs of the queue."""

    def __init__(self, context: Context, worker: str, pace: Pace, ending: threading.Event) -> None:
        self._context, self._worker, self._pace, self._ending = context, worker, pace, ending
        self.again_at: datetime | None = None

    def step(self, *, until_empty: bool = False) -> bool:
        """Run jobs until the worker is to end, or ``until_empty`` until none is due, as far as one
        call goes."""
        context = self._context
        functions = {name: partial(function, context) for name, function in JOBS.items()}
        runner = Runner(
            context.engine, self._worker, functions, self._pace, context.now, self._ending
        )
        now = context.now()  # before: what comes due meanwhile was not run, perhaps
        if run_jobs(runner, until_empty=until_empty):
            return True
        with context.reading() as session:
            self.again_at = next_due(session, self._worker, now)
        return False
