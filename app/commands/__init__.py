"""The commands for administrators: one module per noun, each with its ``COMMANDS``.

A command is a door like the others: it reads its arguments, calls one service inside one
transaction, and prints. Make it with ``PortalCommand`` or ``PortalGroup`` from
``app.commands.base``: they turn an error into one line and an exit code.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import click


class CommandModule(Protocol):
    """What a module of this package offers."""

    COMMANDS: tuple[click.Command, ...]


def _modules() -> tuple[CommandModule, ...]:
    if not (find_spec("app.demo") and find_spec("app.services.reference")):
        return ()
    return tuple(import_module(f"app.commands.{name}") for name in ("seed", "serve"))


COMMAND_MODULES: tuple[CommandModule, ...] = _modules()
