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
two programs, and a person is asked."""


@dataclass
class Budget:
    """What a turn may still use. It is looked at between any two tickets and calls; the first of a
    turn is always done, so that each turn comes further."""

    now: Callable[[], datetime]
    texts: int = 4 * TEXTS_AT_ONCE
    calls: int = 100
    time: timedelta = timedelta(seconds=2)
    _ends: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._ends = self.now() + self.time

    def spend(self, *, texts: int = 0, calls: int = 0) -> None:
        """So much was done."""
        self.texts, self.calls = self.texts - texts, self.calls - calls

    @property
    def is_spent(self) -> bool:
        """Whether it is the others' turn."""
        return self.texts <= 0 or self.calls <= 0 or self.now() >= self._ends
