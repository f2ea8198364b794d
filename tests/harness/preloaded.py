"""Server processes that begin with the portal loaded: ``python -m tests.harness.preloaded SOCKET``.

A server loads for three and a half seconds of processor time, and a run starts some two hundred.
So each process of the tests has one that loads once and only forks: for a server it makes a process
that leads a group of its own, as the supervisor of ``flask serve`` does, and in that group as many
server processes as there are sockets. What follows is the portal's own: its settings from the
environment, its application, its sockets.
"""

from __future__ import annotations

import array
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.core.settings import PROJECT, Settings, process_environment

_PR_SET_PDEATHSIG: Final = 1
_MOST_SOCKETS: Final = 8
_LONGEST: Final = 256 * 1024
"""Bytes of a request: an environment."""


class Group:
    """The processes of a server: the one that leads them, by its number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None

    def send_signal(self, number: int) -> None:
        """To the one that leads. Raises ProcessLookupError."""
        os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> None:
        """Return when it has ended. Raises ``subprocess.TimeoutExpired`` after so many seconds."""
        if self._handle is None:
            return
        if not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("server", timeout or 0)
        os.close(self._handle)
        self._handle = None


class _Loaded:
    """The process that has loaded the portal, seen from the tests."""

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.preloaded", str(theirs.fileno())],
                cwd=PROJECT,
                env=process_environment(settings),  # for its memory; each server gets its own
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._socket = ours
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LONGEST)

    def group(self, environment: Mapping[str, str], sockets: Sequence[int], log: int) -> Group:
        """Start the servers of these sockets with this environment, which write to this file."""
        files = array.array("i", [log, *sockets])
        self._socket.sendmsg(
            [json.dumps(dict(environment)).encode()],
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)],
        )
        return Group(int(self._socket.recv(100)))

    def seconds(self) -> float:
        """Processor time of it and of the servers that have ended."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


_loaded: list[_Loaded] = []


def serve(settings: Settings, sockets: Sequence[socket.socket], log: int) -> Group:
    """The server of these settings on sockets that listen; what it writes goes to the file."""
    if not _loaded:
        _loaded.append(_Loaded(settings))
    numbers = [one.fileno() for one in sockets]
    return _loaded[0].group(process_environment(settings), numbers, log)


def seconds() -> float:
    """Processor time of all servers that were started here and have ended."""
    return sum(one.seconds() for one in _loaded)


def end() -> None:
    """End what was loaded: the tests of this process are over."""
    while _loaded:
        _loaded.pop().end()


# --- in the process that has loaded the portal ---


def _fork_for_each_request(asked: socket.socket) -> None:
    """Until nobody can ask any more."""
    signal.signal(signal.SIGCHLD, _reap)
    room = socket.CMSG_SPACE((1 + _MOST_SOCKETS) * array.array("i").itemsize)
    while True:
        content, ancillary, _flags, _address = asked.recvmsg(_LONGEST, room)
        if not content:
            return
        files = array.array("i")
        for _level, _kind, data in ancillary:
            files.frombytes(data)
        pid = os.fork()
        if not pid:
            asked.close()
            _ends_with(os.getppid(), signal.SIGTERM)
            _lead(json.loads(content), files[0], files[1:])
        for file in files:
            os.close(file)
        asked.send(str(pid).encode())


def _reap(_number: int, _frame: object) -> None:
    """Take the end of those that ended, so that their time counts; the tests see it themselves."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _ends_with(parent: int, by: signal.Signals) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(1)


def _lead(environment: dict[str, str], log: int, sockets: Sequence[int]) -> None:
    """Be the process that leads a server's group: pass the end on, and end with the last."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for output in (1, 2):
        os.dup2(log, output)
    os.close(log)
    servers: list[int] = []
    own = os.getpid()
    signs, ready = os.pipe()  # the signs of life, which nobody reads here
    for listening in sockets:
        server = os.fork()
        if not server:
            _ends_with(own, signal.SIGKILL)
            for other in sockets:
                if other != listening:
                    os.close(other)
            _serve(listening, ready)
        servers.append(server)
    for listening in sockets:
        os.close(listening)

    def end(_number: int, _frame: object) -> None:
        for server in servers:
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    os.close(signs)
    os._exit(0)


def _serve(listening: int, ready: int) -> None:
    from app.server import process

    try:
        process.serve(listening, ready)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def main() -> None:
    """Load the portal, and answer until the tests end."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    asked.set_inheritable(False)

    import app.server.process
    import app.serving  # noqa: F401  # all of the portal
    from tests.harness import templates

    templates.share()
    _fork_for_each_request(asked)


if __name__ == "__main__":
    main()
