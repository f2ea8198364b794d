"""The commands for administrators: one module per noun, each with its ``COMMANDS``.

A command is a door like the others: it reads its arguments, calls one service inside one
transaction, and prints. Make it with ``PortalCommand`` or ``PortalGroup`` from
``app.commands.base``: they turn an error into one line and an exit code.
"""

from __future__ import annotations

from typing import Protocol

import click

from app.commands import (
    backup,
    cric,
    events,
    notices,
    partner,
    registry_files,
    search,
    seed,
    serve,
    tickets,
    token,
    user,
    worker,
)


class CommandModule(Protocol):
    """What a module of this package offers."""

    COMMANDS: tuple[click.Command, ...]


COMMAND_MODULES: tuple[CommandModule, ...] = (
    backup,
    cric,
    events,
    notices,
    partner,
    registry_files,
    search,
    seed,
    serve,
    tickets,
    token,
    user,
    worker,
)
