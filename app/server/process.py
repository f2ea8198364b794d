"""One server process on an inherited socket: ``python -m app.server.process FD READY``.

``FD`` is the number of the listening socket, ``READY`` that of a pipe. The first byte on the pipe
means that the portal is loaded and accepts requests, each further byte that the event loop and its
threads work. The supervisor starts the process and holds the socket: whatever happens to this
process, connections wait there and are not refused. On SIGUSR1 it leaves new connections to the
other processes: when granian is stopped, it closes connections of which it has read nothing yet.

granian's own main process is not used: it would bind a socket of its own in each of its processes,
end all of them when one dies twice within seconds, and leave them running when it is killed itself
(granian 2.8.7, ``granian/server/common.py``).
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from app.core.settings import MAX_LISTENERS, WORKERS
from app.server.asgi_adapter import HEADERS_LIMIT
from app.server.sockets import BACKLOG


class ServerProcess(MPServer):
    """Runs granian's server in this process, on an existing socket."""

    def __init__(self, listening: int, ready: int) -> None:
        super().__init__(
            "wsgi:build_server",
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            # The bridge refuses what exceeds its limit in the form of the interface; what far
            # exceeds it is not even stored (an empty 431).
            http1_settings=HTTP1Settings(max_buffer_size=4 * HEADERS_LIMIT),
            websockets=False,
            factory=True,
            log_level=LogLevels.warning,
            backlog=BACKLOG,
            backpressure=BACKLOG // WORKERS + MAX_LISTENERS,
        )
        self._listening, self._ready = listening, ready

    def _serve(
        self, spawn_target: Callable[..., None], target_loader: Callable[[], Callable[..., Any]]
    ) -> None:
        """Called by ``serve`` instead of granian's own main process."""

        def load() -> Callable[..., Any]:
            portal = self._portal = target_loader()
            signal.signal(signal.SIGUSR1, self._take_no_more)
            os.set_blocking(self._ready, False)
            portal.beat = self._beat  # type: ignore[attr-defined]
            os.write(self._ready, b".")
            return portal

        holder: Any = SocketHolder  # its stub lacks the arguments
        self._ssp, self._sso = None, None
        self._shd = holder(self._listening, uds=False, backlog=BACKLOG)
        self._start_ipc()  # type: ignore[no-untyped-call]
        # what granian would run in a child, and its end: the interpreter cannot be shut down under
        # granian's own threads
        self._spawn_worker(0, spawn_target, load).inner.run()
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)

    def _beat(self) -> None:
        """Signal to the supervisor that this process serves."""
        with suppress(OSError):  # it is gone, or stopped and has read nothing for hours
            os.write(self._ready, b"b")

    def _take_no_more(self, _number: int, _frame: FrameType | None) -> None:
        """Replace the socket from which granian accepts by one to which nobody connects.

        The other processes and the supervisor have their own descriptors of the original.
        """
        with socket.socket() as nobodys:
            nobodys.bind(("127.0.0.1", 0))
            nobodys.listen(1)
            nobodys.setblocking(False)  # noqa: FBT003  # positional only
            os.dup2(nobodys.fileno(), self._listening)
        self._portal.end_pushed()  # type: ignore[attr-defined]


def _allow_open_files() -> None:
    """Raise the limit to what open pages and requests may need: many systems start at 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * (BACKLOG + MAX_LISTENERS)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serve(listening: int, ready: int) -> None:
    """Serve on this socket, with this pipe, until stopped."""
    _allow_open_files()
    ServerProcess(listening, ready).serve()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
