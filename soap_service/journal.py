"""The journal of calls: what each account called and the result, written behind the answers.

A call costs one entry in a queue in memory; one thread per process writes the queue in batches. A
process that is killed loses what it has not written yet: the last few seconds. It must not know
Flask or what the operations do, and never sees a body.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, perf_counter_ns
from typing import Final

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.accounts.services.calls import MAX_LOGIN_LENGTH, CallRecord, record_calls
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import TooManyCalls
from soap_service.throttle import SameCallThrottle

_log = logging.getLogger(__name__)

WRITTEN_EVERY: Final = 2.0
"""Seconds between two writings: with the writing itself a call is to be seen within 5 s."""
MAX_BATCH: Final = 1000
"""Calls written in one transaction, so that writers of tickets never wait long."""
MAX_WAITING: Final = 20_000
"""Calls in memory; while the database cannot take them, those above it are dropped and counted."""
BOUNDED_PER_MINUTE: Final = 60
"""Calls stored for a login whose secret was not verified, because anybody who knows it could fill
the disk, and of an account's calls that were refused because it loops: it does not stop when it is
slowed."""


@dataclass
class Outcome:
    """One call while it is worked on: filled in as it becomes known what it is."""

    service: str
    request_bytes: int
    operation: str = ""
    account: int | str | None = None
    """The account's key, or, until it is verified, the login that the caller claims."""
    actor: Actor | None = None
    """The account, once it is verified."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _started: int = field(default_factory=perf_counter_ns)

    def record(self, fault: int | None, answer_bytes: int) -> CallRecord | None:
        """The call now that it is answered; None if it named no account."""
        account = self.account
        if not account or (isinstance(account, str) and len(account) > MAX_LOGIN_LENGTH):
            return None
        microseconds = (perf_counter_ns() - self._started) // 1000
        return CallRecord(
            account,
            self.at,
            self.service,
            self.operation,
            fault,
            microseconds,
            self.request_bytes,
            answer_bytes,
        )


class Journal:
    """The queue and its writer. ``open_session`` gives a session of the writer's own."""

    def __init__(
        self,
        open_session: Callable[[], Session],
        *,
        every: float = WRITTEN_EVERY,
        most_waiting: int = MAX_WAITING,
    ) -> None:
        self._open_session = open_session
        self._every = every
        self._most_waiting = most_waiting
        self._bounded = SameCallThrottle(BOUNDED_PER_MINUTE)
        self._waiting: deque[CallRecord] = deque()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def note(self, outcome: Outcome, fault: int | None, answer_bytes: int) -> None:
        """Keep a call that is answered; never waits and never fails."""
        record = outcome.record(fault, answer_bytes)
        if record is None or not self._is_worth_it(record):
            return
        if len(self._waiting) >= self._most_waiting:
            with self._lock:
                self._dropped += 1
            return
        self._waiting.append(record)
        if self._thread is None:
            self._start()

    def _is_worth_it(self, record: CallRecord) -> bool:
        if isinstance(record.account, str) or record.fault == TooManyCalls.number:
            try:
                self._bounded.admit(record.account, monotonic())
            except TooManyCalls:
                return False
        return True

    def close(self) -> None:
        """Write what waits and end the writer; for the orderly end of a process."""
        with self._lock:
            self._ending.set()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while not self._ending.wait(self._every):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            _log.warning("calls not recorded: too many wait", extra={"calls": dropped})
        while self._waiting and self._write():
            pass

    def _write(self) -> bool:
        """Write one batch; False if the database cannot take it now, and it stays in the queue."""
        batch = [self._waiting[place] for place in range(min(len(self._waiting), MAX_BATCH))]
        try:
            with self._open_session() as session, transaction(session):
                record_calls(session, batch)
        except (DataError, IntegrityError) as error:
            # it would fail again for ever
            _log.error(
                "calls not recorded: the database refuses them",
                extra={"calls": len(batch), "error": type(error).__name__},
            )
        except Exception as error:  # noqa: BLE001  # the writer goes on, whatever it is
            _log.warning(
                "calls not recorded yet", extra={"calls": len(batch), "error": type(error).__name__}
            )
            return False
        for _ in batch:
            self._waiting.popleft()
        return True
