"""The ``flask`` command: finds the modules of ``app.commands``; it knows none of their work.

A command has the settings and the database, and no door: pages, API and SOAP are not loaded for it.
"""

from __future__ import annotations

from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup

from app import tables  # noqa: F401  # relationships are by name, so every table must be known
from app.commands import MODULES
from app.core.settings import Settings
from app.core.web.application import plain_application


class PortalCommands(AppGroup):
    """Loads the module of a command when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, and those that extensions added."""
        return sorted({*super().list_commands(ctx), *MODULES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None = there is none."""
        if cmd_name not in MODULES:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"app.commands.{MODULES[cmd_name]}")
        found: click.Command = next(one for one in module.COMMANDS if one.name == cmd_name)
        return found


def register(flask_app: Flask) -> None:
    """Give the application the commands of the portal."""
    flask_app.cli = PortalCommands(flask_app.name)


def command_application(settings: Settings, statement_timeout: int) -> Flask:
    """An application for commands alone; ``statement_timeout`` as in ``plain_application``."""
    flask_app = plain_application(settings, statement_timeout)
    register(flask_app)
    return flask_app
