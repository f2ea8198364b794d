"""Backup of the whole database into one file while the portal runs, its restore, and the trial of
a restore.

Both are checked by counting rows and comparing sums per table. The file holds everything that is in
the database, secrets included, and neither SECRET_KEY nor mails that are files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import URL, Engine, create_engine

from app.backups import migrations, postgresql
from app.backups import sqlite as backup_sqlite
from app.backups.file import (
    Backup,
    Manifest,
    need_free_place,
    put_in_place,
    reading_backup,
    write_backup,
)
from app.backups.first_start import Ask, beyond_first_start
from app.core.database.schema import VERSION_TABLE, known_revisions, misfit, revision_of
from app.core.database.transactions import write_lock_of
from app.core.rules.errors import SettingError

_KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def make_backup(engine: Engine, file: Path, now: datetime) -> Manifest:
    """Write a backup of what is committed now; ``file`` appears when it is whole and on disk.

    Raises SettingError where the file is there already, or the database cannot be copied.
    """
    need_free_place(file)
    with (
        _troubles_reported(),
        TemporaryDirectory(prefix=f".{file.name}-", dir=file.parent) as folder,
    ):
        whole = Path(folder) / "backup"
        if engine.dialect.name == "sqlite":
            manifest = _of_sqlite(engine, Path(folder) / "database", whole, now)
        else:
            manifest = _of_postgresql(engine, whole, now)
        put_in_place(whole, file)
    return manifest


def restore_backup(engine: Engine, file: Path, *, force: bool = False) -> Manifest:
    """Replace the content of the database with a backup: completely, or not at all.

    Nobody else may use the database. Unless ``force`` it must hold nothing but a first start's
    reference data. Raises SettingError, after which everything is as it was.
    """
    with reading_backup(file) as backup, _troubles_reported():
        manifest = backup.manifest
        if manifest.database != engine.dialect.name:
            raise SettingError(
                f"{file} is a backup of a database of {_kind(manifest.database)}, and DATABASE_URL"
                f" names one of {_kind(engine.dialect.name)}"
            )
        if manifest.revision not in known_revisions():
            raise SettingError(
                f"{file} has schema {manifest.revision}, which this version of the portal does not"
                " know: a newer one wrote it; start that one"
            )
        engine.dispose()
        if engine.dialect.name == "sqlite":
            _into_sqlite(engine, backup, force=force)
        else:
            _into_postgresql(engine, backup, force=force)
    return manifest


def newest_backup(folder: Path) -> Path:
    """The file of a folder that was written last; hidden ones are backups that did not end.

    Raises SettingError if the folder contains no file.
    """
    with _troubles_reported():
        files = [
            (one.stat().st_mtime_ns, one)
            for one in folder.iterdir()
            if one.is_file() and not one.name.startswith(".")
        ]
    if not files:
        raise SettingError(f"{folder} contains no backup")
    return max(files)[1]


def verify_backup(engine: Engine, file: Path) -> Manifest:
    """Restore a backup as ``restore_backup`` does, but into a scratch database of the same kind as
    ``engine``, which is removed afterwards. Nothing of the database of ``engine`` is changed.

    Raises SettingError where the backup cannot be restored, or does not hold what was copied.
    """
    with restored_elsewhere(engine, file) as (_scratch, manifest):
        return manifest


@contextmanager
def restored_elsewhere(engine: Engine, file: Path) -> Iterator[tuple[Engine, Manifest]]:
    """A scratch database with the content of a backup, and what the backup says of itself."""
    with _troubles_reported(), _scratch_of(engine) as scratch:
        try:
            manifest = restore_backup(scratch, file)
        except SettingError as error:
            raise SettingError(str(error).replace("FILE", str(file), 1)) from error
        yield scratch, manifest


def upgrade_copy(engine: Engine) -> Mapping[str, bool] | None:
    """Bring a copy that nobody else uses to the newest schema. What that locks until its end: each
    table that others cannot write, and whether they cannot read it either; None on SQLite, where
    nobody else can write, and everybody can read."""
    if engine.dialect.name == "sqlite":
        migrations.upgrade(engine)
        return None
    return postgresql.upgrade_with_locks(engine)


@contextmanager
def _scratch_of(engine: Engine) -> Iterator[Engine]:
    """An empty database: on SQLite a file in a private folder, on PostgreSQL one on the server."""
    if engine.dialect.name == "postgresql":
        with postgresql.scratch_database(engine) as scratch:
            yield scratch
        return
    with TemporaryDirectory(prefix="lhcopn-portal-") as folder:
        yield create_engine(URL.create("sqlite", database=f"{folder}/portal.db"))


@contextmanager
def _troubles_reported() -> Iterator[None]:
    """A full disk, a folder that may not be written to, a database that others lock."""
    try:
        yield
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        raise SettingError(f"{where}{error.strerror}") from error
    except sqlite3.Error as error:
        raise SettingError(f"SQLite says: {error}") from error


def _of_sqlite(engine: Engine, copy: Path, whole: Path, now: datetime) -> Manifest:
    backup_sqlite.copy_database(Path(str(engine.url.database)), copy)
    with backup_sqlite.reading(copy) as connection:
        tables, revision = backup_sqlite.sums(connection), backup_sqlite.revision_of(connection)
    manifest = Manifest("sqlite", _fitting(revision), now.isoformat(), tables)
    write_backup(whole, manifest, backup_sqlite.blocks_of(copy))
    return manifest


def _of_postgresql(engine: Engine, whole: Path, now: datetime) -> Manifest:
    postgresql.need_programs("pg_dump")
    with postgresql.snapshot(engine) as connection:
        revision = _fitting(revision_of(connection))
        manifest = Manifest("postgresql", revision, now.isoformat(), postgresql.sums(connection))
        write_backup(whole, manifest, postgresql.dump(engine, connection))
    return manifest


def _fitting(revision: str | None) -> str:
    reason = misfit(revision, older_fits=revision is not None)
    if revision is None or reason is not None:
        raise SettingError(f"DATABASE_URL: {reason}")
    return revision


def _into_sqlite(engine: Engine, backup: Backup, *, force: bool) -> None:
    database = Path(str(engine.url.database))
    with write_lock_of(engine), backup_sqlite.alone(database) as connection:

        def ask(statement: str) -> Sequence[Any]:
            return connection.execute(statement).fetchall()

        _need_replaceable(backup_sqlite.tables_of(connection), ask, force=force)
        backup_sqlite.restore_into(connection, database, backup.data(), backup.manifest.tables)


def _into_postgresql(engine: Engine, backup: Backup, *, force: bool) -> None:
    postgresql.need_programs("psql")
    with engine.connect() as connection:
        others = postgresql.others_connected(connection)
        if others:
            raise SettingError(
                f"DATABASE_URL: {len(others)} other connections use this database"
                f" ({', '.join(dict.fromkeys(others))}); stop the server, its workers and every"
                " command first"
            )

        def ask(statement: str) -> Sequence[Any]:
            return connection.exec_driver_sql(statement).all()

        _need_replaceable(postgresql.tables_of(connection), ask, force=force)
        schema = postgresql.schema_of(connection)
    engine.dispose()
    postgresql.restore_into(engine, schema, backup.data(), backup.manifest.tables)


def _need_replaceable(tables: Sequence[str], ask: Ask, *, force: bool) -> None:
    if tables and VERSION_TABLE not in tables:
        raise SettingError("DATABASE_URL: this database holds tables of another program")
    more = None if force else beyond_first_start(tables, ask)
    if more is not None:
        raise SettingError(
            f"DATABASE_URL: this database is in use ({more}); --force replaces all that it holds"
        )


def _kind(name: str) -> str:
    return _KINDS.get(name, "another kind")
