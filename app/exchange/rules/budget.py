"""How much one turn may take before the others have theirs: the one place that says so.

A turn is one job's work for one partner. What is left is the business of a job behind those of
others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

TEXTS_AT_ONCE: Final = 50
"""Texts that are taken in one transaction: whoever writes beside waits for no more."""
FILES_AT_ONCE: Final = 5
"""Files likewise, of up to 2 MiB each."""
MOST_TEXTS: Final = 5_000
"""Texts of one ticket. Large real ones have some hundreds: what has more is a loop of mails or of
two programs, and a person decides."""
_LONGEST_PAUSE: Final = timedelta(seconds=30)


@dataclass
class Budget:
    """What a turn may still use. It is looked at between any two tickets and calls; the first of a
    turn is always done, so that each turn comes further."""

    now: Callable[[], datetime]
    texts: int = 4 * TEXTS_AT_ONCE
    calls: int = 100
    time: timedelta = timedelta(seconds=2)
    _begins: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._begins = self.now()

    def spend(self, *, texts: int = 0, calls: int = 0) -> None:
        """So much was done."""
        self.texts, self.calls = self.texts - texts, self.calls - calls

    @property
    def is_spent(self) -> bool:
        """Whether it is the others' turn."""
        return self.texts <= 0 or self.calls <= 0 or self.took >= self.time

    @property
    def took(self) -> timedelta:
        """The time since its begin."""
        return self.now() - self._begins


class Turns:
    """When a partner's next turn is: one that took longer than its budget is followed by a pause
    as long, in which the others have theirs, however many jobs of that partner wait. Each process
    has its own."""

    def __init__(self) -> None:
        self._next: dict[int, datetime] = {}

    def until(self, connection_id: int, now: datetime) -> datetime | None:
        """Until when a partner has to wait; None = it is its turn."""
        found = self._next.get(connection_id)
        return found if found is not None and found > now else None

    def note(self, connection_id: int, budget: Budget) -> None:
        """A turn has ended."""
        if budget.took > budget.time:
            self._next[connection_id] = budget.now() + min(budget.took, _LONGEST_PAUSE)
