"""Processes of the tests that begin with the portal loaded.

An interpreter loads the portal for three and a half seconds of processor time, and a run starts
some hundreds of servers, workers and writers. So each process of the tests has one that loads it
once, and the others are forked from that: the fork server of ``multiprocessing``.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Final

from app.core.settings import Settings, process_environment

PROCESSES: Final = multiprocessing.get_context("forkserver")
"""For whoever wants processes in which functions of tests run."""
_LOADED: Final = (
    *("app.serving", "app.server.process"),
    *("tests.harness.portal_worker", "tests.harness.share_templates"),
)
PROCESSES.set_forkserver_preload([*_LOADED])
_PR_SET_PDEATHSIG: Final = 1


def load_also(*modules: str) -> None:
    """Load these, too, if no process was forked yet."""
    PROCESSES.set_forkserver_preload([*_LOADED, *modules])


class Child:
    """A process that leads a group of its own, with what the tests need of ``Popen``."""

    def __init__(
        self,
        function: Callable[..., object],
        arguments: Sequence[Any],
        *,
        environment: Mapping[str, str] | None = None,
        out: Path | None = None,
    ) -> None:
        """Call the function there, with this environment (None: that of the tests), its outputs
        going to the end of the file (None: where those of the tests go)."""
        self._process = PROCESSES.Process(
            target=_be, args=(environment, out, function, arguments), daemon=True
        )
        self._process.start()
        self.pid: int = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """As ``Popen`` has it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """To this process alone. Raises ProcessLookupError."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """With SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """With SIGKILL."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """How it ended. Raises ``subprocess.TimeoutExpired`` after so many seconds."""
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("process of the tests", timeout or 0)
        return status


def start_server(settings: Settings, sockets: Sequence[socket.socket], log: Path) -> Child:
    """The server of these settings, a process for each socket on which it listens."""
    return Child(_lead, [list(sockets)], environment=process_environment(settings), out=log)


def seconds() -> float:
    """Processor time of the processes that were forked and have ended, and of the one that loaded
    the portal."""
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if server is None:
        return 0.0
    stat = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")


# --- in the forked process ---


def _be(
    environment: Mapping[str, str] | None,
    out: Path | None,
    function: Callable[..., object],
    arguments: Sequence[Any],
) -> None:
    _ends_with(os.getppid(), signal.SIGKILL)
    os.setsid()
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    if out is not None:
        with out.open("ab") as file:
            for output in (1, 2):
                os.dup2(file.fileno(), output)
    function(*arguments)


def _ends_with(parent: int, by: signal.Signals) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(1)


def _lead(sockets: Sequence[socket.socket]) -> None:
    """Lead a server's processes as the supervisor does: pass the end on, and end with the last."""
    own, (_signs, ready) = os.getpid(), os.pipe()  # nobody reads their signs of life
    servers = [_server(one, sockets, ready, own) for one in sockets]
    for one in sockets:
        one.close()

    def end(_number: int, _frame: object) -> None:
        for server in servers:
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGUSR1)  # first: what is pushed to pages ends whole
                os.kill(server, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    os._exit(0)


def _server(own: socket.socket, sockets: Sequence[socket.socket], ready: int, leader: int) -> int:
    from app.server import process

    if pid := os.fork():
        return pid
    _ends_with(leader, signal.SIGKILL)
    for one in sockets:
        if one is not own:
            one.close()
    try:
        process.serve(own.detach(), ready)
    finally:
        os._exit(1)
