"""Fresh databases: migrated once per run and kind, then copied."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine

from app import tables  # noqa: F401  # relationships are by name, so every table must be known
from app.core.database.transactions import configure_engine
from app.core.models.base import Base
from app.core.settings import PROJECT
from app.jobs.models.work import ENGINE_TABLES
from app.tickets.models.search import INDEX
from tests.harness import postgres, run

KINDS = ("sqlite", "postgresql")


def open_engine(url: str) -> Engine:
    """An engine set up as the portal does it."""
    engine = create_engine(url)
    configure_engine(engine)
    return engine


def alembic_config(engine: Engine) -> Config:
    """The project's migrations on this engine."""
    config = Config(str(PROJECT / "migrations" / "alembic.ini"))
    config.set_main_option("script_location", str(PROJECT / "migrations"))
    config.attributes["engine"] = engine
    return config


def migrate(url: str) -> None:
    """Bring a database to the newest revision."""
    engine = open_engine(url)
    command.upgrade(alembic_config(engine), "head")
    engine.dispose()


def differences(connection: Connection) -> list[object]:
    """What autogenerate would change, as ``migrations/env.py`` asks it."""

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind in ("table", "index") and (name or "").startswith((ENGINE_TABLES, INDEX)))

    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "include_name": is_ours}
    )
    return list(compare_metadata(context, Base.metadata))


@contextmanager
def fresh_database(kind: str, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a database with all tables and no rows (or with nothing), gone afterwards."""
    with (_sqlite if kind == "sqlite" else _postgresql)(migrated) as url:
        yield url


@contextmanager
def _sqlite(migrated: bool) -> Iterator[str]:
    template = run.folder() / "template.db"
    if migrated:
        with run.alone("sqlite-template"):
            if not template.exists():
                making = template.with_suffix(".making")
                migrate(f"sqlite:///{making}")
                # One file: what the write-ahead log still holds goes into it.
                connection = sqlite3.connect(making)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.close()
                making.rename(template)
    home = run.folder() / f"db-{uuid.uuid4().hex}"
    home.mkdir()
    path = home / "portal.db"
    if migrated:
        shutil.copyfile(template, path)
    try:
        yield f"sqlite:///{path}"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _postgresql(migrated: bool) -> Iterator[str]:
    home = postgres.ensure_started()
    if migrated:
        with run.alone("postgresql-template"):
            done = run.folder() / "template.done"
            if not done.exists():
                _sql(home, "CREATE DATABASE template_portal")
                migrate(postgres.url(home, "template_portal"))
                done.touch()
    name = f"t_{uuid.uuid4().hex}"
    template = "template_portal" if migrated else "template0"
    _sql(home, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield postgres.url(home, name)
    finally:
        _sql(home, f"DROP DATABASE {name} WITH (FORCE)")


def _sql(home: Path, statement: str) -> None:
    with psycopg.connect(
        host=str(home), user="portal", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(statement.encode())
