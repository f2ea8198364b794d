"""``flask db``: Flask-Migrate's commands, and the way up to the newest schema.

Alembic takes a fifth of what a small command takes: nothing imports this before it is needed.
"""

from __future__ import annotations

from typing import Any

import alembic.command
import click
from alembic.util import CommandError
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import Migrate
from flask_migrate.cli import db as migrate_commands  # type: ignore[import-not-found]

from app.commands.base import PortalGroup
from app.core.folders import PROJECT
from app.core.rules.errors import SettingError
from app.core.web.extensions import db


def _migrations() -> Any:
    """Let the application know where its migrations are; Flask-Migrate's own extension."""
    migrate = Migrate(directory=str(PROJECT / "migrations"))
    migrate.init_app(current_app, db)
    return migrate


def upgrade_database() -> None:
    """Bring the schema up to date; raises ``SettingError`` where the database refuses."""
    # not through `flask_migrate.upgrade`: that logs an error and ends the process by itself
    try:
        alembic.command.upgrade(_migrations().get_config(), "head")
    except CommandError as error:
        raise SettingError(str(error)) from error


@with_appcontext
def _begin(**given: Any) -> None:
    _migrations()
    migrate_commands.callback(**given)


database = PortalGroup(
    "db",
    commands=migrate_commands.commands,
    params=migrate_commands.params,
    callback=_begin,
    help=migrate_commands.help,
)
COMMANDS: tuple[click.Command, ...] = (database,)
