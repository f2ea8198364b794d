"""Keeps a server and the worker beside it together; run as ``python -m app.supervisor COMMANDS``.

COMMANDS is a JSON list of two commands: the server, then the worker. The server's end is the end of
both, with its exit code; a worker that ends is started again after a pause. SIGTERM and SIGINT are
passed on once, and awaited. It is this small so that it costs no memory: standard library only.
"""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import Final

HEAD_START: Final = 2.0
"""Seconds that the server has for itself: the first pages do not wait for the worker's start."""
SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds between a worker's end and the next: twice as long each time it ends at once."""
LIVED_WELL: Final = 60.0
"""A worker that lived for so many seconds did not end at once."""
PATIENCE: Final = 15.0
"""Seconds that both have to end before they are killed."""
_LOOK: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1


def _end_with_parent() -> None:
    """In the child: when this supervisor is killed, Linux tells the child to end."""
    with suppress(OSError, AttributeError):  # another system; a worker notices by itself
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    # a group of its own: Ctrl-C reaches the supervisor alone, which tells each child once
    return subprocess.Popen(  # noqa: S603  # the two commands that `flask serve` made
        command,
        stdin=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=_end_with_parent,  # this process has one thread
    )


class Supervisor:
    """Runs both commands until the server ends or a signal comes."""

    def __init__(self, server: list[str], worker: list[str]) -> None:
        self._commands = (server, worker)
        self._ending = threading.Event()

    def end(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """End both; a signal's handler."""
        self._ending.set()

    def run(self) -> int:
        """The exit code: that of the server, 0 where a signal ended it."""
        server = _start(self._commands[0])
        worker: subprocess.Popen[bytes] | None = None
        pause, start_at, started = SHORTEST_PAUSE, monotonic() + HEAD_START, 0.0
        try:
            while not self._ending.wait(_LOOK) and server.poll() is None:
                if worker is not None and worker.poll() is not None:
                    lived = monotonic() - started
                    pause = SHORTEST_PAUSE if lived > LIVED_WELL else pause
                    print(  # noqa: T201  # the log of both
                        f"The worker ended ({worker.returncode});"
                        f" it is started again in {pause:.0f} s.",
                        file=sys.stderr,
                        flush=True,
                    )
                    start_at, worker = monotonic() + pause, None
                    pause = min(LONGEST_PAUSE, pause * 2)
                if worker is None and monotonic() >= start_at:
                    worker, started = _start(self._commands[1]), monotonic()
        finally:
            _end([process for process in (server, worker) if process is not None])
        return 0 if self._ending.is_set() else server.returncode or 1


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Tell each once, and wait."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(max(0.1, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main() -> None:
    """Supervise the two commands of the command line."""
    server, worker = json.loads(sys.argv[1])
    supervisor = Supervisor(server, worker)
    signal.signal(signal.SIGTERM, supervisor.end)
    signal.signal(signal.SIGINT, supervisor.end)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as `nohup` has it
        signal.signal(signal.SIGHUP, supervisor.end)
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
