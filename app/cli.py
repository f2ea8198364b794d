"""The commands: gathers the modules of ``app.commands``; it knows none of their work."""

from __future__ import annotations

from flask import Flask

from app.commands import COMMAND_MODULES


def register(flask_app: Flask) -> None:
    """Add every command of ``app.commands`` to the application's ``flask`` command."""
    for module in COMMAND_MODULES:
        for command in module.COMMANDS:
            flask_app.cli.add_command(command)
