"""The write lock of an SQLite file: one writer at a time, the others in a queue.

SQLite lets one transaction write. Who finds another writing is made to sleep and to look again,
for longer each time: the file is free meanwhile, and who comes last may be first. This lock makes
them wait instead: a lock for the threads of a process, and one on a file beside the database
between processes, which the system gives back when a process dies. Who does not come through the
lock is kept out by SQLite itself.
"""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final
from weakref import WeakValueDictionary

from sqlalchemy.exc import SQLAlchemyError

SUFFIX: Final = "-writers"
"""Of the lock file's name, behind the database's, as SQLite names its own companions."""
WRITE_LOCK_TIMEOUT: Final = 20.0
"""Seconds that a thread waits for the others of its process. The one that waits for another process
waits as long as that one writes: the system's queue knows no end but its own."""


class WriteLockTimeout(SQLAlchemyError):
    """An error of the database: nothing can be written now, and nothing was.

    The message says why, to administrators.
    """


class WriteLock:
    """The lock of one database file, for one process. May be left by another thread than came.

    ``of`` gives the one of a file; two of them would wait for each other without end.
    """

    _known: ClassVar[WeakValueDictionary[Path, WriteLock]] = WeakValueDictionary()
    _looking: ClassVar = threading.Lock()

    @classmethod
    def of(cls, database: str) -> WriteLock:
        """The lock of this file in this process, whatever links lead to the file."""
        path = Path(database).resolve()
        with cls._looking:
            lock = cls._known.get(path)
            if lock is None:
                lock = cls._known[path] = cls(database)
            return lock

    def __init__(self, database: str, timeout: float = WRITE_LOCK_TIMEOUT) -> None:
        self._database = Path(database).resolve()
        self._timeout = timeout
        self._threads = threading.Lock()
        self._file: int | None = None
        self._close: Callable[[], object] = lambda: None

    def enter(self) -> None:
        """Wait until nobody else is in. Raises ``WriteLockTimeout``."""
        if not self._threads.acquire(timeout=self._timeout):
            raise WriteLockTimeout("another writer of this process does not end")
        try:
            self._open()
            assert self._file is not None
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def try_enter(self) -> bool:
        """Come in only if nobody is in or waits here: for work that can as well be done later."""
        if not self._threads.acquire(blocking=False):
            return False
        try:
            self._open()
            assert self._file is not None
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._threads.release()
            return False
        except BaseException:
            self._threads.release()
            raise
        return True

    def leave(self) -> None:
        """Let the next one in."""
        assert self._file is not None, "nobody is in"
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def _open(self) -> None:
        """Open the lock file, unless it is open and still there."""
        if self._file is None or not os.fstat(self._file).st_nlink:  # somebody deleted it
            self._close()
            self._file = None  # its number may be another file's by now, should opening fail
            self._file = _opened(self._database)
            self._close = weakref.finalize(self, os.close, self._file)

    @property
    def is_taken(self) -> bool:
        """Whether a thread of this process is in, or next."""
        return self._threads.locked()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()


def _opened(database: Path) -> int:
    """The lock file, made when missing: its owner's alone, so that no other user of the machine can
    hold writers up."""
    path = database.with_name(database.name + SUFFIX)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if os.geteuid() == 0 and database.exists():  # a command of root must not lock others out
            stored = database.stat()
            os.fchown(file, stored.st_uid, stored.st_gid)
    except OSError as error:
        raise WriteLockTimeout(
            f"cannot open {path.name} beside the database for writing: {error.strerror}"
        ) from error
    return file
