"""The limits of one turn; defined only here.

A turn is one job's work for one partner. The rest is done by another job, queued behind those of
other partners.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Final

from app.jobs.rules.jobs import AT_ONCE

TEXTS_AT_ONCE: Final = 50
"""Texts stored in one transaction, which limits how long other writers wait."""
FILES_AT_ONCE: Final = 5
"""The same for files, of up to 2 MiB each."""
MOST_TEXTS: Final = 5_000
"""Texts of one ticket. Large real ones have some hundreds: more are a loop of mails or of two
programs, and a person decides."""
_MOST: Final = AT_ONCE // 2
"""Turns of one partner at the same time."""


@dataclass
class Budget:
    """What is left of a turn. Checked between tickets and calls; the first one is always done, so
    that each turn makes progress."""

    now: Callable[[], datetime]
    texts: int = 4 * TEXTS_AT_ONCE
    calls: int = 100
    time: timedelta = timedelta(seconds=2)
    _begins: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._begins = self.now()

    def spend(self, *, texts: int = 0, calls: int = 0) -> None:
        """Count work that was done."""
        self.texts, self.calls = self.texts - texts, self.calls - calls

    @property
    def is_spent(self) -> bool:
        """Whether the turn is over."""
        return self.texts <= 0 or self.calls <= 0 or self.took >= self.time

    @property
    def took(self) -> timedelta:
        """The time since the turn started."""
        return self.now() - self._begins


class Way(StrEnum):
    """The direction of a turn's texts and values."""

    IN = "in"
    OUT = "out"

    @property
    def other(self) -> Way:
        """The opposite direction."""
        return Way.OUT if self is Way.IN else Way.IN


class Turns:
    """Whether a partner may have a turn. Separate for each process.

    A partner has at most ``_MOST`` turns at the same time, so that a slow one does not occupy all
    threads. If one direction has all of them, and the other had to wait, the next one is for the
    other: one job that continues another starts at once, and would always be first.
    """

    def __init__(self) -> None:
        self._running: Counter[tuple[int, Way]] = Counter()
        self._refused: dict[tuple[int, Way], datetime] = {}
        """Until when a turn is left to a direction that had to wait: its job may be another
        worker's by then."""
        self._lock = Lock()

    @contextmanager
    def turn(
        self, connection_id: int, way: Way, now: Callable[[], datetime]
    ) -> Iterator[Budget | datetime]:
        """A turn, as its budget; or the time at which the partner may try again."""
        budget, key = Budget(now), (connection_id, way)
        with self._lock:
            if may_start := self._may_start(connection_id, way, now()):
                self._running[key] += 1
                self._refused.pop(key, None)
            else:
                self._refused[key] = now() + 2 * budget.time
        if not may_start:
            yield now() + budget.time
            return
        try:
            yield budget
        finally:
            with self._lock:
                self._running[key] -= 1

    def _may_start(self, connection_id: int, way: Way, now: datetime) -> bool:
        other = (connection_id, way.other)
        until = self._refused.get(other)
        is_left = until is not None and now <= until and not self._running[other]
        most = _MOST - 1 if is_left else _MOST
        return self._running[connection_id, way] + self._running[other] < most
