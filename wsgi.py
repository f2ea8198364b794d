"""Where servers and the ``flask`` command find the portal.

``flask`` finds ``create_app``; a server calls ``build_server`` (ASGI, as ``flask serve`` does) or
``build`` (plain WSGI). Each loads what it needs itself: commands would spend most of their time on
what only servers need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core.database.transactions import LONG_STATEMENT_TIMEOUT
from app.core.private_files import keep_files_private
from app.core.rules.errors import SettingError
from app.core.settings import Settings

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from flask import Flask

    from app.server.asgi_adapter import Bridge

_OF_DOORS: Final = {"routes", "run", "shell"}
"""Flask's own commands, which are about pages."""


def create_app() -> Flask:
    """The Flask application with the commands; needs no secret. For one of the portal's commands
    it has no pages."""
    import click

    from app import cli

    try:
        settings = Settings.from_env()
        keep_files_private(settings)
        command = click.get_current_context(silent=True)
        if command is not None and command.find_root().invoked_subcommand not in _OF_DOORS:
            return cli.command_application(settings, LONG_STATEMENT_TIMEOUT)
        from app import factory

        flask_app = factory.create_app(settings, LONG_STATEMENT_TIMEOUT)
        cli.register(flask_app)
        return flask_app
    except SettingError as error:
        raise SystemExit(f"Error: {error}") from None


def build() -> WSGIApplication:
    """All doors as one WSGI application."""
    from app import serving

    return serving.build()


def build_server() -> Bridge:
    """The same behind the bridge that lets only whole requests in."""
    from app import serving

    return serving.build_server()
