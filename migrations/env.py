"""Runs migrations: all pending ones in one transaction, one process at a time.

The engine comes from the application, or from ``config.attributes["engine"]`` where there is none
(tests). With ``config.attributes["connection"]`` they run in the transaction that is open there and
that somebody else commits (``flask move``). Migrations name plain SQLAlchemy types and import no
row of the portal: an old migration must not change when a row does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from app import tables  # noqa: F401  # a migration is drafted from every table
from app.core.database.sqlite_write_lock import WriteLockTimeout
from app.core.database.transactions import MAY_WRITE, write_lock_of
from app.core.models.base import Base, UtcTime
from app.jobs.models.work import ENGINE_TABLES
from app.tickets.models.search import INDEX

_ADVISORY_LOCK = 0x1C0_9090


def _engine() -> Engine:
    given = context.config.attributes.get("engine")
    if given is not None:
        assert isinstance(given, Engine)
        return given
    engine = current_app.extensions["migrate"].db.engine
    assert isinstance(engine, Engine)
    return engine


def _render(kind: str, thing: Any, _autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(thing, UtcTime):
        return "sa.DateTime(timezone=True)"
    return False


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """The job engine's tables and the indexes of the search are brought by migrations too, but no
    rows describe them."""
    return not (kind in ("table", "index") and (name or "").startswith((ENGINE_TABLES, INDEX)))


def _numbered(context_: MigrationContext, _revision: object, drafted: list[Any]) -> None:
    """Name a new migration by the next number."""
    drafted[0].rev_id = f"{int(context_.get_current_revision() or 0) + 1:04}"


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew; dropping the old one must not delete its rows."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        broken = driver.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise CommandError(f"the migration left {len(broken)} rows without their parent")
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


@contextmanager
def _connection() -> Iterator[Connection]:
    given = context.config.attributes.get("connection")
    if given is not None:
        assert isinstance(given, Connection)
        assert given.in_transaction()
        yield given
        return
    engine = _engine()
    with (
        write_lock_of(engine),  # on SQLite: behind whoever writes, and other migrations
        engine.connect() as connection,
        _without_foreign_keys(connection),
    ):
        connection.execution_options(**{MAY_WRITE: True})
        yield connection


def _migrate() -> None:
    with _connection() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            render_as_batch=True,
            render_item=_render,
            include_name=_is_ours,
            transactional_ddl=True,
            process_revision_directives=_numbered,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            context.run_migrations()


if context.is_offline_mode():
    raise CommandError("migrations run on a database; --sql is not offered")
try:
    _migrate()
except OperationalError as error:
    reason = " ".join(str(error.orig).split())
    raise CommandError(f"DATABASE_URL: the database says: {reason}") from error
except WriteLockTimeout as closed:
    raise CommandError(f"DATABASE_URL: {closed}") from closed
