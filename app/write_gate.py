"""Whose turn it is to write into an SQLite file.

SQLite lets one transaction write. Who finds another writing is made to sleep and to look again,
for longer each time: the file is free meanwhile, and who comes last may be first. This gate is a
queue instead: a lock for the threads of a process, and one on a file beside the database between
processes, which the system gives back when a process dies. Who does not come through the gate is
kept out by SQLite itself.
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import Final

SUFFIX: Final = "-writers"
"""Of the lock file's name, behind the database's, as SQLite names its own companions."""


class WriteGate:
    """The gate of one database file, for one process. May be left by another thread than came."""

    def __init__(self, database: str) -> None:
        self._path = f"{database}{SUFFIX}"
        self._threads = threading.Lock()
        self._file: int | None = None

    def enter(self) -> None:
        """Wait until nobody else is in."""
        self._threads.acquire()
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def leave(self) -> None:
        """Let the next one in."""
        assert self._file is not None, "nobody is in"
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()
