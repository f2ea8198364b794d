"""One worker process: its parts in threads, from the first heartbeat to an orderly end."""

from __future__ import annotations

import logging
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from time import monotonic
from types import FrameType
from typing import Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from app.core.database.commits import Commits
from app.jobs.rules.jobs import PACE, Pace, reason_of
from app.jobs.services.queue import calls_at_once
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import PostOffice
from app.webhooks.tasks.sending import WebhookSender
from app.worker.parts import Heartbeat, Jobs, Listening, TimedWork

_log = logging.getLogger(__name__)
MAX_ROUNDS: Final = 1000
"""Limit of ``work_once``: work that always creates more work must not run forever."""
_AFTER_TROUBLE: Final = 5.0
"""Longest pause in seconds after a database error."""
_LONGEST_REST: Final = 10.0
"""A part polls after so many seconds even if nothing was committed and nothing is due: the clock
may have been changed."""


class Part(Protocol):
    """Recurring work."""

    @property
    def again_at(self) -> datetime | None:
        """When there may be work without a commit, after a step that found none."""

    def step(self) -> bool:
        """Do what is due now; return whether there was anything."""


class WorkerProcess:
    """Does the portal's background work until it is stopped."""

    def __init__(
        self,
        context: Context,
        pace: Pace = PACE,
        *,
        with_parent: bool = False,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """``beat`` is called at once and then twice a second by the main thread: if the process is
        stopped or a thread blocks it, the calls stop."""
        self._beat = beat
        self._ending = threading.Event()
        self._with_parent = with_parent
        self._context = replace(context, is_ending=self._ending.is_set)
        self._pace = pace
        self._id = str(uuid.uuid4())
        self._heartbeat = Heartbeat(self._context, self._id, pace)
        self._listening = Listening(self._context)
        self._timed = TimedWork(self._context, self._id, pace)
        self._mails = PostOffice(self._context)
        self._webhooks = WebhookSender(self._context)
        running: set[int] = set()
        self._jobs = [
            Jobs(self._context, self._id, pace, self._ending, running)
            for _ in range(calls_at_once(context.engine))
        ]
        self._woken: list[threading.Event] = []

    def end(self) -> None:
        """Start nothing new; ``run`` returns when the current work is done."""
        self._ending.set()

    def run(self) -> bool:
        """Work until ``end`` is called or, with ``with_parent``, until the parent process is gone.
        (That is not the default: a worker started from a shell may outlive the shell.)

        Returns whether all parts ended within the grace period; another worker does the rest when
        the lease expires.
        """
        parent, begun = os.getppid(), threading.Event()
        self._thread("begin", lambda: self._begin(begun))
        self._live_until(begun, parent)
        _log.info("worker began", extra={"worker": self._id})
        threads = [
            self._thread("heartbeat", self._over_and_over(self._heartbeat, self._ending)),
            self._thread("listening", self._over_and_over(self._listening, self._wake())),
            self._thread("timed-work", self._over_and_over(self._timed, self._wake())),
            self._thread("mails", self._over_and_over(self._mails, self._wake())),
            self._thread("webhooks", self._over_and_over(self._webhooks, self._wake())),
            *(self._thread("jobs", self._over_and_over(jobs, self._wake())) for jobs in self._jobs),
            self._thread("commits", self._watch_commits),
        ]
        self._live_until(self._ending, parent)
        self._wake_all()
        deadline = monotonic() + self._pace.grace
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        in_order = not any(thread.is_alive() for thread in threads)
        in_order &= self._webhooks.join(max(0.0, deadline - monotonic()))
        if in_order:
            with suppress(SQLAlchemyError):  # it is away: the row shows that in time
                self._heartbeat.end()
        _log.info("worker ended", extra={"worker": self._id, "in_order": in_order})
        return in_order

    def work_once(self) -> None:
        """Do everything that is due now and all work that results from it; then return."""
        self._heartbeat.begin()
        done = threading.Event()
        beating = self._thread("heartbeat", lambda: self._beat_until(done))
        try:
            for _ in range(MAX_ROUNDS):
                heard, worked = self._listening.step(), self._timed.step()
                left = self._jobs[0].step(until_empty=True)
                sent = self._mails.step()
                delivered = self._webhooks.drain()
                if self._ending.is_set() or not (heard or worked or left or sent or delivered):
                    return
        finally:
            done.set()
            beating.join()
            self._heartbeat.end()

    def _beat_until(self, done: threading.Event) -> None:
        """Extend this worker's claims for as long as its work takes."""
        while not done.wait(self._pace.beat):
            with suppress(SQLAlchemyError):  # the next one may succeed
                self._heartbeat.step()

    def _live_until(self, event: threading.Event, parent: int) -> None:
        """Send heartbeats meanwhile, and stop with the parent process if requested."""
        self._beat()
        while not event.wait(0.5):
            self._beat()
            if self._with_parent and os.getppid() != parent and not self._ending.is_set():
                _log.info("the process that started this worker is gone")
                self.end()

    def _begin(self, begun: threading.Event) -> None:
        """Register as soon as the database is available; then notify the other thread."""
        pause = 0.5
        while not self._ending.is_set():
            try:
                self._heartbeat.begin()
            except Exception as error:  # noqa: BLE001  # it may be away for a moment
                _log.warning("no worker yet", extra={"error": reason_of(error)})
                self._ending.wait(pause)
                pause = min(_AFTER_TROUBLE, pause * 2)
            else:
                break
        begun.set()

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def _wake(self) -> threading.Event:
        """Set when something was committed, and at the end."""
        self._woken.append(threading.Event())
        return self._woken[-1]

    def _watch_commits(self) -> None:
        commits = Commits(self._context.engine)
        while not self._ending.wait(self._pace.look * commits.looks):
            if commits.came():
                self._wake_all()
        commits.close()

    def _wake_all(self) -> None:
        for woken in self._woken:
            woken.set()

    def _rest_of(self, part: Part) -> float:
        """Seconds that a part without work may rest while nothing is committed."""
        if part.again_at is None:
            return _LONGEST_REST
        left = (part.again_at - self._context.now()).total_seconds()
        return min(max(left, self._pace.look), _LONGEST_REST)

    def _over_and_over(self, part: Part, woken: threading.Event) -> Callable[[], None]:
        def work() -> None:
            trouble = 0.0
            while not self._ending.is_set():
                began = monotonic()
                if woken is not self._ending:
                    woken.clear()  # this step may miss what is committed from now on
                try:
                    busy = part.step()
                except Exception as error:  # noqa: BLE001  # it continues, whatever it is
                    if monotonic() - began > _AFTER_TROUBLE:  # it worked for a while
                        trouble = 0.0
                    trouble = min(_AFTER_TROUBLE, trouble * 2 or 0.5)
                    _log.warning(
                        "the worker cannot work now",
                        extra={"part": type(part).__name__, "error": reason_of(error)},
                    )
                    self._ending.wait(trouble)
                    continue
                trouble = 0.0
                if not busy:
                    woken.wait(self._rest_of(part))

        return work


@contextmanager
def ended_by_signals(worker: WorkerProcess) -> Iterator[None]:
    """Stop the worker on SIGTERM and SIGINT; only in the main thread."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        worker.end()

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
