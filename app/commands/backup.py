"""``flask backup``, ``restore`` and ``verify-backup``: the whole database in one file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.exc import DatabaseError

from app.backups.backups import make_backup, newest_backup, restore_backup, verify_backup
from app.commands.base import PortalCommand
from app.core.database.schema import known_revisions
from app.core.database.transactions import transaction
from app.core.rules.errors import SettingError
from app.core.services.backups import note_backup, note_not_verified, note_verified
from app.core.web.extensions import db

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.command("backup", cls=PortalCommand, any_schema=True)
@_FILE
def backup(file: Path) -> None:
    """Copy the database, attachments included, into FILE, while the portal runs.

    FILE contains secrets: only its owner may read it. SECRET_KEY is not in FILE; store it too.
    """
    now, session = datetime.now(UTC), db.session()
    manifest = make_backup(db.engine, file, now)
    with transaction(session):
        note_backup(session, now)
    click.echo(
        f"{file} holds {manifest.rows:,} rows of {len(manifest.tables)} tables, schema"
        f" {manifest.revision}."
    )


@click.command("restore", cls=PortalCommand, any_schema=True)
@_FILE
@click.option("--force", is_flag=True, help="Replace a database that is in use.")
def restore(file: Path, force: bool) -> None:
    """Restore the database from FILE, written by `flask backup`; stop the portal first.

    The database must contain nothing but the reference data of a first start, unless --force
    allows to replace everything. Either everything is restored, or nothing is changed.
    """
    manifest = restore_backup(db.engine, file, force=force)
    click.echo(
        f"Restored {manifest.rows:,} rows of {len(manifest.tables)} tables as of"
        f" {manifest.made_at}; rows and sums of each table are those of the backup."
    )
    if manifest.revision != known_revisions()[-1]:
        click.echo(
            f"It has schema {manifest.revision}: `flask db upgrade` brings it up to date, and so"
            " does the next `flask serve`."
        )


@click.command("verify-backup", cls=PortalCommand)
@click.argument("folder", type=click.Path(path_type=Path))
def verify(folder: Path) -> None:
    """Restore the newest backup of FOLDER into a scratch database, and compare rows and sums.

    The portal may run. The result is recorded in its database, and shown on /work and in
    the metrics. Exit codes: 0 restored and equal, 1 not (one line says why), 2 wrong usage.
    """
    session = db.session()
    try:
        file = newest_backup(folder)
        manifest = verify_backup(db.engine, file)
    except (SettingError, DatabaseError) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error
        with transaction(session):
            note_not_verified(session, str(reason), datetime.now(UTC))
        raise
    with transaction(session):
        note_verified(session, datetime.fromisoformat(manifest.made_at), datetime.now(UTC))
    click.echo(
        f"Restored {file} into a scratch database: {manifest.rows:,} rows of"
        f" {len(manifest.tables)} tables as of {manifest.made_at}; rows and sums of each table are"
        " equal."
    )


COMMANDS: tuple[click.Command, ...] = (backup, restore, verify)
