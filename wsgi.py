"""Where servers and commands find the portal.

``flask`` finds ``create_app``, and ``main`` is the command ``lhcopn-portal`` of an installed
portal; a server calls ``build_server`` (ASGI, as ``flask serve`` does) or ``build`` (plain WSGI).
Each loads what it needs itself: commands would spend most of their time on what only servers need.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from flask import Flask

    from app.server.asgi_adapter import Bridge

_OF_DOORS: Final = {"routes", "run", "shell"}
"""Flask's own commands, which are about pages."""


@contextmanager
def _loading() -> Iterator[None]:
    """What is made here lives as long as the process: the collector of garbage went through all of
    it again and again, and later in the middle of requests. Without it at all, a server is 4 MiB
    larger."""
    usual = gc.get_threshold()
    gc.set_threshold(20_000, *usual[1:])
    try:
        yield
        gc.freeze()
    finally:
        gc.set_threshold(*usual)


def create_app() -> Flask:
    """The Flask application with the commands; needs no secret. For one of the portal's commands
    it has no pages."""
    with _loading():
        return _application()


def _application(*, of_commands: bool = False) -> Flask:
    import click

    from app import cli
    from app.core.private_files import keep_files_private
    from app.core.rules.errors import SettingError
    from app.core.settings import Settings

    try:
        settings = Settings.from_env()
        keep_files_private(settings)
        command = click.get_current_context(silent=True)
        if of_commands or (
            command is not None and command.find_root().invoked_subcommand not in _OF_DOORS
        ):
            return cli.command_application(settings)
        from app import factory
        from app.core.database.transactions import LONG_STATEMENT_TIMEOUT

        flask_app = factory.create_app(settings, LONG_STATEMENT_TIMEOUT)
        cli.register(flask_app)
        return flask_app
    except SettingError as error:
        raise SystemExit(f"Error: {error}") from None


def main() -> None:
    """The command ``lhcopn-portal``: the portal's own commands of ``flask``, without Flask's."""
    from click import version_option
    from flask.cli import ScriptInfo

    with _loading():
        flask_app = _application(of_commands=True)
    commands = version_option(package_name="lhcopn-portal", prog_name="lhcopn-portal")(
        flask_app.cli
    )
    commands.main(prog_name="lhcopn-portal", obj=ScriptInfo(create_app=lambda: flask_app))


def build() -> WSGIApplication:
    """All doors as one WSGI application."""
    with _loading():
        from app import serving

        return serving.build()


def build_server() -> Bridge:
    """The same behind the bridge that lets only whole requests in."""
    with _loading():
        from app import serving

        return serving.build_server()


if __name__ == "__main__":
    main()
