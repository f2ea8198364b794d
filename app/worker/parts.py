"""The recurring work of a worker: heartbeats, the change log, timed work, jobs.

Each part has ``step()``, which does what is due now and returns whether there was anything, and
``again_at``: when something may be due without a commit; None = not by time alone.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from time import monotonic
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.core.models.changes import Change
from app.jobs.rules.jobs import Pace, reason_of, retry_pause
from app.jobs.services import timed_work, workers
from app.jobs.services.backend import Runner
from app.jobs.services.followers import (
    failing_followers,
    forget_others,
    note_failure,
    note_success,
)
from app.jobs.services.queue import next_due, run_jobs
from app.jobs.tasks.context import Context
from app.jobs.tasks.followers import FollowerStep
from app.worker.followers import FOLLOWERS
from app.worker.jobs import JOBS
from app.worker.timed import TIMED

_log = logging.getLogger(__name__)


class Heartbeat:
    """Records that this worker is alive."""

    def __init__(self, context: Context, worker: str, pace: Pace) -> None:
        self._context, self._worker, self._pace = context, worker, pace
        self.again_at: datetime | None = None

    def begin(self) -> None:
        """Register this worker and every kind of timed work."""
        now = self._context.now()
        with self._context.transaction() as session:
            workers.greet_worker(session, self._worker, socket.gethostname(), os.getpid(), now)
            timed_work.know_timed_work(session, TIMED, now)

    def step(self) -> bool:
        """Record one heartbeat."""
        now = self._context.now()
        with self._context.transaction() as session:
            workers.note_worker_lives(session, self._worker, now, self._pace.lease_time)
        self.again_at = now + timedelta(seconds=self._pace.beat)
        return False

    def end(self) -> None:
        """Record the orderly end of the worker."""
        with self._context.transaction() as session:
            workers.dismiss_worker(session, self._worker, self._context.now())


_AGAIN: Final = timedelta(seconds=20)
"""Followers are called without a change after so long: the effect of an ongoing event on the
figures changes with time alone, and the work of a killed command has to be completed."""


@dataclass
class _Follower:
    """The state of one follower of the change log in this worker."""

    name: str
    follow: FollowerStep
    heard: int | None = None
    """The newest change for which it was called; None = not called by this worker yet."""
    called_at: datetime | None = None
    failures: int = 0
    """Failures in a row."""
    paused_until: float = 0.0
    """By ``monotonic``."""

    def again_at(self, now: datetime) -> datetime | None:
        """When it is called again without a commit."""
        if (paused := self.paused_until - monotonic()) > 0:
            return now + timedelta(seconds=paused)
        return self.called_at and self.called_at + _AGAIN


class _State(Enum):
    MORE = auto()
    DONE = auto()
    FAILED = auto()


class Listening:
    """Detects that the change log has grown, and calls each follower separately."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._followers = [_Follower(name, step) for name, step in FOLLOWERS.items()]
        self._is_first = True
        self.again_at: datetime | None = None

    def step(self) -> bool:
        """Call each follower for which there is a new change, or whose last call is long ago.

        Followers with more to do take turns, one step each. One that fails pauses; the others are
        called all the same. Returns whether any did its work.
        """
        now = self._context.now()
        with self._context.reading() as session:
            newest = session.scalar(select(func.max(Change.id))) or 0
        due = [one for one in self._followers if _is_due(one, newest, now)]
        failing = self._failing() if due else frozenset()
        is_any_done = False
        while due:
            states = [(one, self._call(one, newest, now, failing)) for one in due]
            is_any_done |= any(state is not _State.FAILED for _one, state in states)
            is_more = not self._context.is_ending()
            due = [one for one, state in states if state is _State.MORE and is_more]
        times = [at for one in self._followers if (at := one.again_at(now)) is not None]
        self.again_at = min(times, default=None)
        return is_any_done

    def _failing(self) -> Collection[str]:
        """Names of the followers that failed, in any worker."""
        with self._context.reading() as session:
            names = frozenset(one.name for one in failing_followers(session))
        if self._is_first and names - FOLLOWERS.keys():
            with self._context.transaction() as session:
                forget_others(session, FOLLOWERS.keys())
        self._is_first = False
        return names

    def _call(
        self, follower: _Follower, newest: int, now: datetime, failing: Collection[str]
    ) -> _State:
        try:
            if follower.follow(self._context):
                return _State.MORE
        except Exception as error:  # noqa: BLE001  # it is called again, whatever it is
            reason = reason_of(error)
            follower.failures += 1
            pause = retry_pause(follower.failures, random.random())  # noqa: S311  # no secret
            follower.paused_until = monotonic() + pause.total_seconds()
            _log.error(
                "a follower failed and is called again",
                extra={"follower": follower.name, "error": reason},
            )
            with suppress(SQLAlchemyError), self._context.transaction() as session:
                note_failure(session, follower.name, now, reason)
            return _State.FAILED
        if follower.name in failing:
            with suppress(SQLAlchemyError), self._context.transaction() as session:
                note_success(session, follower.name)  # otherwise by the next call
        follower.failures, follower.heard, follower.called_at = 0, newest, now
        return _State.DONE


def _is_due(follower: _Follower, newest: int, now: datetime) -> bool:
    if follower.paused_until > monotonic():
        return False
    is_late = follower.called_at is None or now - follower.called_at >= _AGAIN
    return newest != follower.heard or is_late


class TimedWork:
    """Does timed work that is due and not claimed by another worker."""

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

    def __init__(
        self,
        context: Context,
        worker: str,
        pace: Pace,
        ending: threading.Event,
        running: set[int] | None = None,
    ) -> None:
        """``running`` is the same set for all parts of one worker: ids of the jobs it runs."""
        self._context, self._worker, self._pace, self._ending = context, worker, pace, ending
        self._running = set() if running is None else running
        self.again_at: datetime | None = None

    def step(self, *, until_empty: bool = False) -> bool:
        """Run jobs until the worker shuts down or, with ``until_empty``, until none is due; one
        call may leave some."""
        context = self._context
        functions = {name: partial(function, context) for name, function in JOBS.items()}
        runner = Runner(
            context.engine,
            self._worker,
            functions,
            self._pace,
            context.now,
            self._ending,
            self._running,
        )
        now = context.now()  # before the run: a job that comes due meanwhile may not have run
        if run_jobs(runner, until_empty=until_empty):
            return True
        with context.reading() as session:
            self.again_at = next_due(session, self._worker, now)
        return False
