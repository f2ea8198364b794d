"""Moves the portal from an SQLite file to a PostgreSQL database: all rows, or none.

Tables, indexes and triggers come from the migrations, rows through the models, in one transaction.
It marks the new database as unfinished, and every start refuses it. The mark goes when the portal
was tried on it, and rows and sums of each table are equal. A move that was killed leaves nothing,
or the mark, and starts again. No row of the SQLite file is changed; nobody else may open it
meanwhile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    Select,
    StaticPool,
    Subquery,
    Table,
    create_engine,
    func,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.backups import migrations, postgresql
from app.backups import sqlite as backup_sqlite
from app.backups.file import RowSum, TableSum
from app.backups.first_start import beyond_first_start
from app.core.database.schema import (
    MOVING,
    VERSION_TABLE,
    known_revisions,
    mark_revision,
    revision_of,
)
from app.core.database.transactions import write_lock_of
from app.core.models.base import Base
from app.core.rules.errors import SettingError, without_content
from app.jobs.models.work import Job
from app.jobs.services import postgresql as jobs_postgresql
from app.jobs.services import sqlite as jobs_sqlite
from app.tickets.models.search import INDEX

NOT_COPIED: Final[Mapping[str, str]] = {
    "jobs": "on PostgreSQL jobs are in procrastinate's tables, where they are enqueued",
    "verified_credentials": "remembered for five minutes, so that a password is not hashed again",
}
"""Tables that stay empty in the new database, and why."""
_NO_ROWS: Final = RowSum().found
_AT_ONCE: Final = 100
"""Rows in memory; of tables with files one, since each may have megabytes."""
_ENGINES: Final = (INDEX, "sqlite_")
"""Beginnings of the names of what SQLite itself writes: the full-text index, counters."""
_WHERE: Final = re.compile(r"COPY (\w+), line (\d+)(, column \w+)?")

Check = Callable[[Session], Sequence[str]]
"""Tries the portal on the new database against what the old one has (a session that only reads).
Returns what was tried, in words; raises SettingError where something is wrong."""


@dataclass(frozen=True)
class Moved:
    """What was moved and is equal in both databases, by table, and what was tried."""

    tables: Mapping[str, TableSum]
    tried: Sequence[str]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables.values())


def move_database(
    engine: Engine, target: Engine, check: Check, progress: Callable[[str], None]
) -> Moved:
    """Copy the SQLite database of ``engine`` into ``target``, compare, and try the portal there.

    Raises SettingError where something does not fit or fails: then no portal starts on ``target``.
    """
    with _troubles_reported(), _source_of(engine) as source:
        with target.begin() as connection:
            _need_place(connection)
            progress("Creating the tables")
            _create_tables(connection)
            progress("Copying rows")
            sums = _copy(source, connection, progress)
            mark_revision(connection, MOVING)
        progress("Trying the portal on the new database")
        with Session(source) as session:
            try:
                tried = check(session)
            except SettingError as error:
                raise SettingError(
                    f"{error}. No portal starts on the new database: stay with the old one"
                ) from error
        progress("Comparing rows and sums of each table")
        with target.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            _need_same(_sums(connection), sums)
            mark_revision(connection, known_revisions()[-1])
            connection.commit()
    return Moved(sums, tried)


@contextmanager
def _troubles_reported() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if isinstance(error.orig, psycopg.Error):
            reason = _why_and_where(error.orig)
            raise SettingError(f"--to: PostgreSQL says: {reason}") from error
        reason = " ".join(str(error.orig).split())
        raise SettingError(f"DATABASE_URL: SQLite says: {reason}") from error


# ---- the old database ----


@contextmanager
def _source_of(engine: Engine) -> Iterator[Engine]:
    """The old database on the one connection that keeps everybody else out, and cannot write."""
    engine.dispose()
    database = Path(str(engine.url.database))
    with write_lock_of(engine), backup_sqlite.alone(database) as connection:
        others = sorted(
            {
                table
                for table in backup_sqlite.tables_of(connection)
                if table not in {*Base.metadata.tables, VERSION_TABLE}
                and not table.startswith(_ENGINES)
            }
        )
        if others:
            raise SettingError(
                f"DATABASE_URL: this database has tables that are not the portal's"
                f" ({', '.join(others)}); they would not be moved: take them out first"
            )
        connection.execute("PRAGMA query_only=ON")
        yield create_engine(
            "sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True
        )


def _counted_by_sqlite(source: Connection) -> Mapping[str, int]:
    """The highest key that was ever given, of tables that give none again."""
    if source.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")) is None:
        return {}
    found = source.execute(text("SELECT name, seq FROM sqlite_sequence"))
    return {row.name: row.seq for row in found}


# ---- the new database ----


def _need_place(connection: Connection) -> None:
    """Raise SettingError unless this database may be replaced: an empty one, one that holds only a
    first start of this version, or what a move left that did not finish."""
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise SettingError(
            f"--to: this database has the encoding {encoding}, and texts need UTF8; create it with"
            " createdb --encoding=UTF8 --template=template0"
        )
    others = postgresql.others_connected(connection)
    if others:
        raise SettingError(
            f"--to: {len(others)} other connections use this database"
            f" ({', '.join(dict.fromkeys(others))}); end them first"
        )
    tables, revision = postgresql.tables_of(connection), revision_of(connection)
    if revision == MOVING or postgresql.is_empty(connection):
        return
    if revision is None:
        raise SettingError(
            "--to: this database has content of another program; create an empty one (createdb)"
        )
    if revision != known_revisions()[-1]:
        raise SettingError(
            f"--to: this database has schema {revision}, and this version of the portal"
            f" {known_revisions()[-1]}; create an empty one (createdb)"
        )
    more = beyond_first_start(tables, lambda query: connection.exec_driver_sql(query).all())
    if more is not None:
        raise SettingError(
            f"--to: this database is in use ({more}), and no unfinished move: nothing in it is"
            " replaced; create an empty one (createdb)"
        )


def _create_tables(connection: Connection) -> None:
    """The schema as migrations make it, and nothing else."""
    postgresql.empty_schema(connection)
    try:
        migrations.upgrade(connection)
    except CommandError as error:  # migrations know this database by another name
        if isinstance(error.__cause__, DatabaseError):
            raise error.__cause__ from None
        raise SettingError(f"--to: {error}") from error
    for table in Base.metadata.sorted_tables[::-1]:  # what migrations write is in the old one
        connection.execute(table.delete())


# ---- rows ----


def _copy(
    source: Engine, target: Connection, progress: Callable[[str], None]
) -> dict[str, TableSum]:
    keys = _drop_foreign_keys(target)  # rows may name others that come later, also in their table
    sums = {}
    with source.connect() as reader:
        for table in copied_tables():
            sums[table.name] = _copy_table(reader, target, table)
            if sums[table.name].rows >= 100_000:
                progress(f"Copied {sums[table.name].rows:,} rows of {table.name}")
        counted = _counted_by_sqlite(reader)
        jobs = _read_jobs(reader, jobs_sqlite.JOBS)
    jobs_postgresql.adopt(target, jobs, max([counted.get(Job.__tablename__, 0), *_ids(jobs)]))
    sums[Job.__tablename__] = _sum_of(jobs)
    for key in keys:
        target.exec_driver_sql(key)
    _count_on(target, counted)
    target.exec_driver_sql("ANALYZE")
    return sums


def copied_tables() -> list[Table]:
    """The tables whose rows are copied, in the order of their dependencies."""
    return [table for table in Base.metadata.sorted_tables if table.name not in NOT_COPIED]


def _drop_foreign_keys(connection: Connection) -> list[str]:
    """Drop them; returns the statements that make them again, which look at all rows at once."""
    found = connection.exec_driver_sql(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE contype = 'f'"
        " AND connamespace = current_schema()::regnamespace ORDER BY 1, 2"
    ).all()
    for table, name, _ in found:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    return [f"ALTER TABLE {table} ADD CONSTRAINT {name} {what}" for table, name, what in found]


def _copy_table(source: Connection, target: Connection, table: Table) -> TableSum:
    total = RowSum()
    columns = sql.SQL(", ").join([sql.Identifier(column.name) for column in table.columns])
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    driver: Any = target.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(command) as copy:
            for row in _rows(source, select(table), table):
                copy.write_row(row)
                total.add(row)
    except psycopg.Error as error:
        raise SettingError(
            f"--to: PostgreSQL refuses a row of {table.name}: {_why_and_where(error)};"
            " nothing was moved"
        ) from error
    return total.found


def _why_and_where(error: psycopg.Error) -> str:
    """Without the row: of PostgreSQL's CONTEXT only the place."""
    reason = without_content(error)
    place = _WHERE.match(error.diag.context or "")
    return f"{reason} ({place[0]})" if place else reason


def _rows(connection: Connection, query: Select[Any], table: Table) -> Iterator[Sequence[Any]]:
    """Read row by row, with few of them in memory."""
    has_files = any(isinstance(column.type, LargeBinary) for column in table.columns)
    at_once = 1 if has_files else _AT_ONCE
    yield from connection.execute(query, execution_options={"yield_per": at_once})


def _count_on(connection: Connection, counted: Mapping[str, int]) -> None:
    """Let each sequence continue behind the highest key, or what SQLite remembers of it."""
    for table in copied_tables():
        column = table.autoincrement_column
        if column is None:
            continue
        highest = max(connection.scalar(select(func.max(column))) or 0, counted.get(table.name, 0))
        if highest > 0:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)"),
                {"table": f'"{table.name}"', "column": column.name, "highest": highest},
            )


# ---- comparing ----


def _read_jobs(connection: Connection, jobs: Subquery) -> list[dict[str, Any]]:
    columns = ("id", "name", "arguments", "key", "state", "attempts", "due", "enqueued_at")
    rows = connection.execute(select(*(jobs.c[name] for name in columns)).order_by(jobs.c.id))
    return [{**row, "arguments": _as_json(row["arguments"])} for row in rows.mappings()]


def _as_json(arguments: str) -> str:
    return json.dumps(json.loads(arguments), sort_keys=True)


def _ids(jobs: Sequence[Mapping[str, Any]]) -> list[int]:
    return [job["id"] for job in jobs]


def _sum_of(jobs: Sequence[Mapping[str, Any]]) -> TableSum:
    """Of the jobs of either queue."""
    total = RowSum()
    for job in jobs:
        total.add([*job.values()])
    return total.found


def _sums(connection: Connection) -> dict[str, TableSum]:
    """What each table of the new database holds, read through the models as from the old one."""
    found = {Job.__tablename__: _sum_of(_read_jobs(connection, jobs_postgresql.JOBS))}
    for table in Base.metadata.sorted_tables:
        if table.name != Job.__tablename__:
            total = RowSum()
            for row in _rows(connection, select(table), table):
                total.add(row)
            found[table.name] = total.found
    return found


def _need_same(found: Mapping[str, TableSum], expected: Mapping[str, TableSum]) -> None:
    wrong = sorted(name for name in found if found[name] != expected.get(name, _NO_ROWS))
    if wrong:
        more = f" and {len(wrong) - 5} more" if wrong[5:] else ""
        raise SettingError(
            "--to: the new database does not hold what the old one does, in"
            f" {', '.join(wrong[:5])}{more}; no portal starts on it: stay with the old one"
        )
