"""The commands for administrators: one module per noun, each with its ``COMMANDS``.

A command is a door like the others: it reads its arguments, calls one service inside one
transaction, and prints. Make it with ``PortalCommand`` or ``PortalGroup`` from
``app.commands.base``: they turn an error into one line and an exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MODULES: Final[Mapping[str, str]] = {
    "backup": "backup",
    "cric": "cric",
    "db": "database",
    "events": "events",
    "exchange": "exchange",
    "links": "registry_files",
    "mail": "mail",
    "notices": "notices",
    "partner": "partner",
    "restore": "backup",
    "search": "search",
    "seed": "seed",
    "serve": "serve",
    "sites": "registry_files",
    "tickets": "tickets",
    "token": "token",
    "user": "user",
    "worker": "worker",
}
"""The module of each command: ``flask`` loads only the one that it was asked for."""
