"""Lets short requests of one process run one after another instead of in each other's way.

Python runs one thread at a time. Threads that all have work hand that right to each other at every
system call, and each time costs more than what is left to do: up to a third of a short call. So a
request waits for those before it, but never for long: what takes its time, or waits for something
else, holds nobody up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE: Final = 0.005
"""Seconds that a request waits for its turn at most; Python's own threads change as often."""

_mine = threading.local()
"""The turns that this thread holds one of, if any."""


class Turns:
    """Turns to run, of which ``at_once`` are given out at a time."""

    def __init__(self, at_once: int) -> None:
        self._free = threading.BoundedSemaphore(at_once)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run in a turn of one's own, or without one when that takes too long.

        Inside of itself it is nothing more.
        """
        if self.is_mine():
            yield
            return
        self.take()
        try:
            yield
        finally:
            _give_back()

    def is_mine(self) -> bool:
        """Whether this thread has one of these turns now."""
        return getattr(_mine, "held", None) is self

    def take(self) -> None:
        """Wait for a turn of this thread's own, but not for long."""
        _mine.held = self if self._free.acquire(timeout=PATIENCE) else None

    def give_back(self) -> None:
        """Let the next one run."""
        _mine.held = None
        self._free.release()


@contextmanager
def waiting() -> Iterator[None]:
    """Let others run while this thread waits for something, whether it has a turn or not."""
    held = _give_back()
    try:
        yield
    finally:
        if held is not None:
            held.take()


def _give_back() -> Turns | None:
    held: Turns | None = getattr(_mine, "held", None)
    if held is not None:
        held.give_back()
    return held
