"""One server process on a socket that it was given: ``python -m app.server_process FD READY``.

``FD`` is the number of the listening socket, ``READY`` that of a pipe on which one byte says that
the portal is loaded and requests are taken. The supervisor starts it and holds the socket: whatever
happens to this process, connections wait there and are not refused.

granian's own main process is left out: it would bind a socket of its own in each of its processes,
end all of them when one dies twice within seconds, and leave them behind when it is killed itself
(granian 2.8.7, ``granian/server/common.py``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from app.bridge import HEADERS_LIMIT
from app.config import WORKERS
from app.server import BACKLOG


class ServerProcess(MPServer):
    """granian's settings and its way to serve, in this process and on a socket that exists."""

    def __init__(self, listening: int, ready: int) -> None:
        super().__init__(
            "wsgi:build_server",
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            # The bridge refuses in the door's own form what is above its limit; what is far above
            # it is not even held (an empty 431).
            http1_settings=HTTP1Settings(max_buffer_size=4 * HEADERS_LIMIT),
            websockets=False,
            factory=True,
            log_level=LogLevels.warning,
            backlog=BACKLOG,
            backpressure=BACKLOG // WORKERS,
        )
        self._listening, self._ready = listening, ready

    def _serve(
        self, spawn_target: Callable[..., None], target_loader: Callable[[], Callable[..., Any]]
    ) -> None:
        """Called by ``serve`` in place of granian's own main process."""

        def load() -> Callable[..., Any]:
            portal = target_loader()
            os.write(self._ready, b".")
            os.close(self._ready)
            return portal

        holder: Any = SocketHolder  # its stub lacks the arguments
        self._ssp, self._sso = None, None
        self._shd = holder(self._listening, uds=False, backlog=BACKLOG)
        self._start_ipc()  # type: ignore[no-untyped-call]
        # what granian would run in a child
        self._spawn_worker(0, spawn_target, load).inner.run()


if __name__ == "__main__":
    ServerProcess(int(sys.argv[1]), int(sys.argv[2])).serve()
