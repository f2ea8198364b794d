"""The write lock of an SQLite file: one writer at a time, the others in a queue.

SQLite lets one transaction write. Who finds another writing is made to sleep and to look again,
for longer each time: the file is free meanwhile, and who comes last may be first. This lock makes
them wait instead: a lock for the threads of a process, and one on a file next to the database
between processes, which the system gives back when a process dies. Who does not come through the
lock is refused by SQLite itself. Nobody waits without end, for a process that is stopped while it
writes holds the lock as long as it is: the file says who that is.
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from time import monotonic, time
from typing import ClassVar, Final
from weakref import WeakValueDictionary

from sqlalchemy.exc import SQLAlchemyError

SUFFIX: Final = "-writers"
"""Of the lock file's name, behind the database's, as SQLite names its own companions."""
WRITE_LOCK_TIMEOUT: Final = 20.0
"""Seconds that a thread waits for the others of its process and for other processes, together."""
_LINE: Final = 100
"""Bytes of the lock file that say who is in."""
_COMMAND: Final = re.compile("[a-z][a-z-]*")
_MODULES: Final = frozenset({"__main__.py", "wsgi.py"})
"""Of `python -m flask`, and of `python -m wsgi`, which runs the same commands."""


class WriteLockTimeout(SQLAlchemyError):
    """An error of the database: nothing can be written now, and nothing was.

    The message says why, to administrators.
    """


@dataclass(frozen=True)
class Holder:
    """Who writes: the process, its command without what was given to it, and since when (seconds
    since 1970)."""

    pid: int
    command: str
    since: float

    def __str__(self) -> str:
        at = datetime.fromtimestamp(self.since, UTC)
        return f"pid {self.pid} ({self.command}) holds the write lock since {at:%H:%M:%S} UTC"

    def write(self, file: int) -> None:
        """Into the lock file, for others. A full disk keeps nobody from writing."""
        line = f"{self.pid} {self.since:.3f} {self.command}"
        with suppress(OSError):
            os.pwrite(file, line.encode("ascii", "replace")[:_LINE].ljust(_LINE), 0)

    @classmethod
    def read(cls, file: int) -> Holder | None:
        """What the lock file says; None where it says nothing yet."""
        pid, _, rest = os.pread(file, _LINE, 0).decode("ascii", "replace").partition(" ")
        since, _, command = rest.strip().partition(" ")
        try:
            return cls(int(pid), command, float(since))
        except ValueError:
            return None


def _own_command() -> str:
    """What this process is, for administrators: ``flask events import``. Only the names of
    commands, for what is given to them may be secret."""
    program, *words = sys.argv or [""]
    if program.endswith(("server/process.py", "worker/child.py")):
        return "flask serve" if "server" in program else "a job of flask worker"
    names = list(takewhile(_COMMAND.fullmatch, words))[:2]
    name = Path(program).name
    return " ".join(["flask" if name in _MODULES else name, *names])[:60]


class _Queued:
    """A place in the system's queue of a lock file, until it is this process's turn."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._turn = threading.Condition()
        self._is_here = self._is_wanted = self.is_over = False
        threading.Thread(target=self._wait, name="write-lock", daemon=True).start()

    def _wait(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        with self._turn:
            self._is_here = True
            if self._is_wanted:
                self._turn.notify_all()
            else:  # whoever waited has given up, and nobody came after
                self.is_over = True
                os.close(self._file)

    def file_within(self, seconds: float) -> int | None:
        """The file, locked; None where it was not our turn within that time."""
        with self._turn:
            if self.is_over:
                return None
            self._is_wanted = True
            if self._turn.wait_for(lambda: self._is_here, max(0.0, seconds)):
                self.is_over = True
                return self._file
            self._is_wanted = False
            return None


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
        self._queued: _Queued | None = None

    def enter(self) -> None:
        """Wait until nobody else is in. Raises ``WriteLockTimeout``, which names who is."""
        deadline = monotonic() + self._timeout
        if not self._threads.acquire(timeout=self._timeout):
            raise WriteLockTimeout(
                f"another writer of this process does not end; {self._who_is_in()}"
            )
        try:
            if not self._enter_at_once():
                self._wait_for_others(deadline)
            self._say_who_is_in()
        except BaseException:
            self._threads.release()
            raise

    def try_enter(self) -> bool:
        """Come in only if nobody is in or waits here: for work that can as well be done later."""
        if not self._threads.acquire(blocking=False):
            return False
        try:
            is_in = self._enter_at_once()
            if is_in:
                self._say_who_is_in()
        except BaseException:
            self._threads.release()
            raise
        if not is_in:
            self._threads.release()
        return is_in

    def leave(self) -> None:
        """Let the next one in."""
        assert self._file is not None, "nobody is in"
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def holder(self) -> Holder | None:
        """Who is in, of whichever process; None = nobody, or somebody who has just come."""
        try:
            file = os.open(_path_of(self._database), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Holder.read(file)
        else:
            return None
        finally:
            os.close(file)

    def _enter_at_once(self) -> bool:
        self._open()
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait_for_others(self, deadline: float) -> None:
        """Wait in the system's queue, which knows no end: by a thread, whose place is taken over by
        the next who waits here where this one gives up."""
        file = None
        while file is None:
            if self._queued is None or self._queued.is_over:
                self._queued = _Queued(_opened(self._database))
            file = self._queued.file_within(deadline - monotonic())
            if file is None and monotonic() >= deadline:
                raise WriteLockTimeout(
                    f"another process does not end its writing: {self._who_is_in()}"
                )
        self._queued = None
        self._use(file)

    def _who_is_in(self) -> str:
        holder = self.holder()
        return str(holder) if holder is not None else "who it is is not known"

    def _say_who_is_in(self) -> None:
        assert self._file is not None
        Holder(os.getpid(), _own_command(), time()).write(self._file)

    def _open(self) -> None:
        """Open the lock file, unless it is open and still there."""
        if self._file is None or not os.fstat(self._file).st_nlink:  # somebody deleted it
            self._close()
            self._file = None  # its number may be another file's by now, should opening fail
            self._use(_opened(self._database))

    def _use(self, file: int) -> None:
        self._close()
        self._file = file
        self._close = weakref.finalize(self, os.close, file)

    @property
    def is_taken(self) -> bool:
        """Whether a thread of this process is in, or next."""
        return self._threads.locked()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()


def _path_of(database: Path) -> Path:
    return database.with_name(database.name + SUFFIX)


def _opened(database: Path) -> int:
    """The lock file, made when missing: its owner's alone, so that no other user of the machine can
    hold writers up."""
    path = _path_of(database)
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
