"""``flask move``: from SQLite to PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import click
from flask import current_app
from sqlalchemy import create_engine, make_url

from app.backups.move import move_database
from app.commands.base import PortalCommand
from app.core.database.transactions import LONG_STATEMENT_TIMEOUT, configure_engine
from app.core.rules.errors import SettingError
from app.core.settings import Settings, postgresql_url
from app.core.web.extensions import db
from app.trial import try_portal


@click.command("move", cls=PortalCommand)
@click.option("--to", "url", required=True, help="postgresql://USER@HOST/NAME: an empty database.")
def move(url: str) -> None:
    """Move the portal from SQLite to an empty PostgreSQL database; stop the portal first.

    The SQLite file stays as it is. Either everything is moved, compared and tried, or no portal
    starts on the new database; then run the command again.
    """
    settings: Settings = current_app.config["PORTAL"]
    if make_url(settings.database_url).get_backend_name() != "sqlite":
        raise SettingError(
            "DATABASE_URL names a PostgreSQL database already, and flask move moves away from"
            " SQLite; between PostgreSQL databases use flask backup and flask restore"
        )
    to = postgresql_url(url)
    if to is None:
        raise SettingError("--to must be postgresql://USER@HOST/NAME, a database of PostgreSQL")
    target = create_engine(to, hide_parameters=True)
    configure_engine(target, LONG_STATEMENT_TIMEOUT, idle_timeout=0)
    try:
        moved = move_database(
            db.engine,
            target,
            lambda expected: try_portal(replace(settings, database_url=to), expected),
            lambda doing: click.echo(doing, err=True),
        )
    finally:
        target.dispose()
    click.echo(
        f"Moved {moved.rows:,} rows of {len(moved.tables)} tables; rows and sums of each table are"
        " equal in both databases."
    )
    click.echo(f"Tried on the new database: {', '.join(moved.tried)}.")
    click.echo(
        "Now set DATABASE_URL to the new database, with the same SECRET_KEY, and start the portal."
    )


COMMANDS: tuple[click.Command, ...] = (move,)
