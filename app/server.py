"""How the server process of these settings is started; it knows no door and no database."""

from __future__ import annotations

import json
import socket
import sys

from app.bridge import HEADERS_LIMIT
from app.config import WORKERS, Settings
from app.domain.errors import SettingError


def server_command(settings: Settings) -> list[str]:
    """The server process, to be run in the project's folder.

    Raises SettingError where HOST is no address of ours.
    """
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface=asgi",
        "--factory",
        "--http=1",
        "--no-ws",
        # The bridge refuses in the door's own form what is above its limit; what is far above it
        # is not even held (an empty 431).
        f"--http1-buffer-size={4 * HEADERS_LIMIT}",
        f"--host={listening_address(settings)}",
        f"--port={settings.port}",
        f"--workers={WORKERS}",
        "--respawn-failed-workers",
        "--workers-kill-timeout=5",
        "--log-level=warning",
        "wsgi:build_server",
    ]


def worker_command() -> list[str]:
    """A worker process, to be run in the project's folder; ends with whoever starts it."""
    return [sys.executable, "-m", "flask", "worker", "--with-parent"]


def serving_command(settings: Settings) -> list[str]:
    """The server, with a worker beside it unless the settings say otherwise."""
    server = server_command(settings)
    if not settings.worker:
        return server
    both = json.dumps([server, worker_command()])
    return [sys.executable, "-m", "app.supervisor", both]


def need_free_port(settings: Settings) -> None:
    """Raise SettingError where the address is taken or not ours, before anything is done."""
    address = listening_address(settings)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, settings.port))
            probe.listen(1)
        except PermissionError:
            raise SettingError(
                f"PORT {settings.port} needs rights that this process lacks; choose one above 1023"
            ) from None
        except OSError:
            raise SettingError(
                f"PORT {settings.port} on {settings.host} is in use, or HOST is not an address of"
                " this machine; choose another, for instance PORT=8123 make run"
            ) from None


def listening_address(settings: Settings) -> str:
    """The server binds to addresses, not to names: the first one of HOST, IPv4 before IPv6."""
    try:
        found = socket.getaddrinfo(settings.host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise SettingError("HOST is no address of this machine, and no name for one") from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])
