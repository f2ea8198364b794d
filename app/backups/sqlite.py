"""Backup and restore of an SQLite database, with SQLite's own online backup.

A restore copies page by page into the file that is there, in one transaction of SQLite: if it is
killed in the middle, a journal remains, with which the next process that opens the file undoes it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from app.backups.file import WRONG, RowSum, TableSum
from app.core.rules.errors import SettingError

LOCK_TIMEOUT: Final = 1.0
"""Seconds that a restore waits for anyone who uses the database; a server does so until it ends."""
_BLOCK: Final = 1 << 20
_RESTORING: Final = "-restoring"
"""Of the name of what is being restored, behind the database's."""


def copy_database(database: Path, copy: Path) -> None:
    """Write what is committed now into a new file, while others continue writing.

    Raises SettingError where there is no database, or it is damaged.
    """
    if not database.is_file():
        raise SettingError(f"DATABASE_URL: there is no file {database}")
    address = f"file:{quote(str(database))}?mode=rw"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=20)) as source,
        closing(sqlite3.connect(copy, isolation_level=None)) as target,
    ):
        # in one step: another writer would make SQLite begin again at each of several
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
        _need_whole(target)


def sums(connection: sqlite3.Connection) -> dict[str, TableSum]:
    """What each table holds. The sum of a row is of its values as Python writes them in ASCII."""
    found = {}
    for table in tables_of(connection):
        total = RowSum()
        for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  # its own names
            total.add(row)
        found[table] = total.found
    return found


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """The tables that hold rows themselves: not the face of a full-text index."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND sql NOT LIKE 'CREATE VIRTUAL TABLE%' ORDER BY name"
        )
    ]


def revision_of(connection: sqlite3.Connection) -> str | None:
    """The revision of the schema; None where no migration ran."""
    if "alembic_version" not in tables_of(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


@contextmanager
def reading(copy: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy that nobody else uses."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        yield connection


def blocks_of(file: Path) -> Iterator[bytes]:
    """A file, block by block."""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


@contextmanager
def alone(database: Path) -> Iterator[sqlite3.Connection]:
    """Open the database, made when missing, and keep everybody else out until the end.

    Raises SettingError where somebody uses it, or it is no database.
    """
    with suppress(FileExistsError):
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(database, timeout=LOCK_TIMEOUT, isolation_level=None)
    with closing(connection):
        try:
            for statement in (
                "PRAGMA locking_mode=EXCLUSIVE",
                "PRAGMA journal_mode=DELETE",  # -wal goes into the file, and away with -shm
                "BEGIN EXCLUSIVE",
                "COMMIT",
            ):
                connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise SettingError(
                "DATABASE_URL: somebody uses this database; stop the server, its workers and"
                " every command first"
            ) from None
        except sqlite3.DatabaseError:
            raise SettingError(
                f"DATABASE_URL: {database} is damaged, or no SQLite database; move it away with"
                " its -wal and -shm, and restore again"
            ) from None
        yield connection


def restore_into(
    connection: sqlite3.Connection,
    database: Path,
    data: Iterable[bytes],
    expected: Mapping[str, TableSum],
) -> None:
    """Replace what the database holds by ``data``, all or nothing, once it was compared."""
    beside = database.with_name(database.name + _RESTORING)
    beside.unlink(missing_ok=True)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for block in data:
                file.write(block)
        with closing(sqlite3.connect(beside, isolation_level=None)) as built:
            _need_whole(built)
            need_same(sums(built), expected)
            built.backup(connection)
    finally:
        beside.unlink(missing_ok=True)


def need_same(found: Mapping[str, TableSum], expected: Mapping[str, TableSum]) -> None:
    """Raise SettingError where a table does not hold what the manifest says."""
    wrong = sorted(
        name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
    )
    if wrong:
        raise SettingError(f"{WRONG} {', '.join(wrong[:5])}")


def _need_whole(connection: sqlite3.Connection) -> None:
    try:
        said: Sequence[Any] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    if said[0] != "ok":
        raise SettingError(f"The database is damaged; SQLite says: {' '.join(said[0].split())}")
