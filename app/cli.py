"""The ``flask`` command: finds the modules of ``app.commands``; it knows none of their work.

A command has the settings and the database, and no door: pages, API and SOAP are not loaded for it.
``flask --help`` has the settings alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup

from app.commands import MODULES
from app.core.rules.errors import SettingError
from app.core.settings import Settings
from app.core.web.bare_application import bare_application


class NamedCommand(click.Command):
    """A command that is loaded when it is run; until then it has a name and a line of help."""

    def __init__(self, name: str, begin: Callable[[], None]) -> None:
        self._module, about = MODULES[name]
        super().__init__(name, help=about)
        self._begin = begin

    def loaded(self) -> click.Command:
        """The command itself."""
        module = import_module(f"app.commands.{self._module}")
        found: click.Command = next(one for one in module.COMMANDS if one.name == self.name)
        return found

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """That of the command itself, which click runs then."""
        self._begin()
        return self.loaded().make_context(*args, **more)


class PortalCommands(AppGroup):
    """The portal's commands by their names; ``begin`` is called before one is loaded."""

    def __init__(self, name: str, begin: Callable[[], None]) -> None:
        super().__init__(name)
        self._begin = begin

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, and those that extensions added."""
        return sorted({*super().list_commands(ctx), *MODULES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None = none exists."""
        if cmd_name not in MODULES:
            return super().get_command(ctx, cmd_name)
        return NamedCommand(cmd_name, self._begin)


def register(flask_app: Flask) -> None:
    """Give an application that has its database the commands of the portal."""
    flask_app.cli = PortalCommands(flask_app.name, lambda: None)


def command_application(settings: Settings) -> Flask:
    """An application for commands alone, which gets its database when one of them is run."""
    flask_app = bare_application(settings)
    flask_app.cli = PortalCommands(flask_app.name, partial(_complete, flask_app))
    return flask_app


def _complete(flask_app: Flask) -> None:
    if "sqlalchemy" in flask_app.extensions:
        return
    from app.core.database.transactions import LONG_STATEMENT_TIMEOUT
    from app.core.web.application import complete

    try:
        complete(flask_app, LONG_STATEMENT_TIMEOUT)
    except SettingError as error:
        raise SystemExit(f"Error: {error}") from None
