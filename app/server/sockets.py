"""How the processes are started with these settings; does not know interfaces or the database."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Final

from app.core.folders import PYTHON
from app.core.rules.errors import SettingError
from app.core.settings import WORKERS, Settings, handed_over_sockets, service_manager

BACKLOG: Final = 1024
"""Connections that wait in the socket until a process accepts them; granian's own default."""
_FIRST_HANDED_OVER: Final = 3
"""The number of the first socket of a service manager: SD_LISTEN_FDS_START of sd_listen_fds(3)."""


def server_command() -> list[str]:
    """The command of a server process; needs two more arguments."""
    return [*PYTHON, "-m", "app.server.process"]


def worker_command() -> list[str]:
    """The command of a worker process, which ends with its parent."""
    return [*PYTHON, "-m", "wsgi", "worker", "--with-parent"]


def serving_command(
    settings: Settings, listening: Sequence[socket.socket], began: float
) -> list[str]:
    """The command of the server on these sockets, which it inherits, with a worker unless disabled
    in the settings. ``began``: the value of ``monotonic`` from which the start is timed."""
    numbers = [one.fileno() for one in listening]
    worker = worker_command() if settings.worker else None
    url = f"{settings.public_url}/"
    plan = json.dumps([numbers, WORKERS, server_command(), worker, url, began, service_manager()])
    return [*PYTHON, "-m", "app.server.supervisor", plan]


def open_sockets(settings: Settings) -> list[socket.socket]:
    """Listen, or use the socket on which systemd listens: from now on connections wait there.

    One socket for each server process, so that the kernel distributes connections: on a shared one,
    the first process to wake accepts all that arrive together. Raises SettingError if the address
    is in use or not local.
    """
    address = listening_address(settings)
    handed_over = _handed_over_socket()
    if handed_over is not None:
        if handed_over.getsockname()[:2] != (address, settings.port):
            raise SettingError(
                "HOST and PORT must be those of the socket that the service manager hands over"
                " (ListenStream= of its unit)"
            )
        return [handed_over]
    try:
        _listen(address, settings.port, shared=False).close()  # exclusive, not even shared
        return [_listen(address, settings.port, shared=True) for _ in range(WORKERS)]
    except PermissionError:
        raise SettingError(
            f"PORT {settings.port} is reserved for root; choose one above 1023"
        ) from None
    except OSError:
        raise SettingError(
            f"PORT {settings.port} on {settings.host} is in use, or HOST is not an address of"
            " this machine; choose another, for instance PORT=8123 make run"
        ) from None


def _listen(address: str, port: int, *, shared: bool) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((address, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _handed_over_socket() -> socket.socket | None:
    if handed_over_sockets() != 1:
        return None
    return socket.socket(fileno=_FIRST_HANDED_OVER)


def listening_address(settings: Settings) -> str:
    """The server binds to addresses, not names: the first one of HOST, IPv4 before IPv6."""
    try:
        found = socket.getaddrinfo(settings.host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise SettingError("HOST is not an address or a name of this machine") from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])
