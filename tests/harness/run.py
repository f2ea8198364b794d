"""The folder of one test run, shared by all its worker processes, gone at its end.

Every process that the run starts has the folder's name in its environment, by which whatever is
left of them is found, and makes its own temporary files inside.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_VARIABLE = "PORTAL_TEST_RUN"
_PREFIX = "portal-tests-"


def begin() -> Path:
    """Make the folder and tell worker processes of it through the environment."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o711)  # a database server under another user must reach its part
    (folder / "owner").write_text(str(os.getpid()))
    os.environ[_VARIABLE] = os.environ["TMPDIR"] = str(folder)
    return folder


def folder() -> Path:
    """The folder of this run."""
    return Path(os.environ[_VARIABLE])


def end(run: Path) -> None:
    """Kill every other process of the run, and remove the folder.

    Raises:
        OSError: the folder is somebody else's, say.
    """
    while (left := processes(run) - {os.getpid()}) or run.exists():
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            shutil.rmtree(run)
        except OSError as error:
            # What was killed writes until it has ended, and another may be removing it too.
            if error.errno not in {errno.ENOTEMPTY, errno.ENOENT}:
                raise


def processes(run: Path) -> set[int]:
    """Those that were started with the run's environment and have not ended.

    Each thread is asked: a process whose first thread has ended shows no environment of its own.
    """
    mark = f"{_VARIABLE}={run}".encode()
    return {
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and any(mark in shown for shown in _environments(process))
    }


def _environments(process: Path) -> Iterator[list[bytes]]:
    """What each of its threads shows; nothing of those that ended or are somebody else's."""
    with suppress(OSError):
        for thread in (process / "task").iterdir():
            with suppress(OSError):
                yield (thread / "environ").read_bytes().split(b"\0")


def abandoned() -> list[Path]:
    """Folders of runs that were killed before they could tidy up."""
    found = []
    for run in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if run.stat().st_uid == os.getuid():
                os.kill(int((run / "owner").read_text()), 0)
        except ProcessLookupError:
            found.append(run)
        except (OSError, ValueError):
            continue  # somebody else's, or just being made
    return found


def take(name: str) -> bool:
    """Whether nobody in this run took what has this name; outside of a run nobody is in the way."""
    if _VARIABLE not in os.environ:
        return True
    try:
        (folder() / f"{name}.taken").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Only one worker process at a time is inside."""
    with (folder() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
