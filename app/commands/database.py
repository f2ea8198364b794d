"""``flask db``: Flask-Migrate's commands, and the way up to the newest schema.

Alembic takes a fifth of what a small command takes: nothing imports this before it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import alembic.command
import click
from alembic.util import CommandError
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import Migrate
from flask_migrate.cli import db as migrate_commands  # type: ignore[import-not-found]

from app.commands.base import PortalCommand, PortalGroup
from app.core.database.schema import known_revisions, need_fitting_schema, revision_of
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


@click.command("upgrade", cls=PortalCommand, any_schema=True)
@click.option("--check", is_flag=True, help="Upgrade nothing: try it on a copy, and report.")
def upgrade(check: bool) -> None:
    """Bring the database to the schema of this version, all or nothing.

    With --check, the portal may run: the database is copied into a scratch database, which is
    upgraded and removed. The report says how long the upgrade took, which tables it locks, and
    that it cannot be undone.
    """
    need_fitting_schema(db.engine, older_fits=True)
    if check:
        _try_upgrade()
        return
    upgrade_database()
    click.echo(f"The database has schema {known_revisions()[-1]}, the newest of this version.")


@click.command("downgrade", cls=PortalCommand, any_schema=True)
def downgrade() -> None:
    """Refused: restore a backup instead."""
    raise SettingError(
        "a downgrade would lose data: restore the backup from before the upgrade (flask restore"
        " FILE --force), and start the older version"
    )


def _try_upgrade() -> None:
    from app.backups.migrations import pending_after
    from app.backups.trial_upgrade import try_upgrade

    newest = known_revisions()[-1]
    with db.engine.connect() as connection:
        revision = revision_of(connection)
    if revision is None:
        click.echo(f"The database is empty; an upgrade creates the tables of schema {newest}.")
        return
    if revision == newest:
        click.echo(f"The database has schema {newest} already: an upgrade changes nothing.")
        return
    click.echo(f"The database has schema {revision}. An upgrade to {newest} runs:")
    for number, title in pending_after(revision):
        click.echo(f"  {number} {title}")
    tried = try_upgrade(db.engine, datetime.now(UTC))
    click.echo(
        f"Tried on a copy with {tried.rows:,} rows: copied in {tried.copying:,.1f} s, upgraded in"
        f" {tried.upgrading:,.1f} s ({tried.upgrading / 60:,.1f} min)."
    )
    for line in _locks(tried.locked):
        click.echo(line)
    click.echo(
        "An upgrade cannot be undone: create a backup first (flask backup FILE). To return to the"
        " older version, restore it."
    )


def _locks(locked: Mapping[str, bool] | None) -> Iterator[str]:
    if locked is None:
        yield "Until the upgrade ends, nobody else can write to the database; reading continues."
        return
    for tables, cannot in (
        ([name for name, is_unreadable in locked.items() if is_unreadable], "read or write"),
        ([name for name, is_unreadable in locked.items() if not is_unreadable], "write to"),
    ):
        if tables:
            yield f"Until the upgrade ends, nobody else can {cannot}: {', '.join(tables)}."
    if not locked:
        yield "The upgrade locks no table."


@with_appcontext
def _begin(**given: Any) -> None:
    _migrations()
    migrate_commands.callback(**given)


database = PortalGroup(
    "db",
    commands=migrate_commands.commands | {"upgrade": upgrade, "downgrade": downgrade},
    params=migrate_commands.params,
    callback=_begin,
    help=migrate_commands.help,
)
COMMANDS: tuple[click.Command, ...] = (database,)
