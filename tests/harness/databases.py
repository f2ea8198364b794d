"""Fresh databases: migrated once per run and kind, copied, and emptied for the next test.

To copy one on PostgreSQL takes more than half a second of processor time, to empty it a tenth of
that. So a process keeps what a test has left, and the next one finds it empty at the same address.
"""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Protocol

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session

from app.core.database.transactions import STATEMENT_TIMEOUT, configure_engine
from app.core.folders import PROJECT
from app.core.models.base import Base
from app.jobs.models.work import ENGINE_TABLES
from app.tickets.models.search import INDEX
from tests.harness import between_runs, postgres, run
from tests.harness.emptying import Content, bring_back, content_of

KINDS = ("sqlite", "postgresql")


def open_engine(url: str, statement_timeout: int = STATEMENT_TIMEOUT) -> Engine:
    """An engine set up as the portal does it; a test may stay in a transaction, however slow the
    machine is."""
    engine = create_engine(url)
    configure_engine(engine, statement_timeout, idle_timeout=0)
    sync_nothing(engine)
    return engine


@contextmanager
def open_session(url: str) -> Iterator[Session]:
    """A session of an engine of its own, for as long as it is needed."""
    engine = open_engine(url)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def sync_nothing(engine: Engine) -> None:
    """Let SQLite leave to the system when it writes to the disk: each commit waits milliseconds for
    that, and what a test leaves is thrown away. Another process sees it all the same."""
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def set_pragma(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA synchronous=OFF")


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


class Database(Protocol):
    """One of a kind, made where it did not exist: migrated, or bare."""

    url: str

    def __init__(self, *, migrated: bool) -> None: ...

    def empty(self) -> bool:
        """Bring it back to what the migrations left; False where it has to be dropped."""

    def drop(self) -> None:
        """End it, whoever is connected."""


@contextmanager
def fresh_database(kind: str, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a database with all tables and no rows but those of the migrations (or with
    nothing), nobody else's until the end. It may be that of one which somebody had before."""
    # here, since it imports pandas, which tests without a database can do without
    from app.composition import compose_figures, compose_mails, compose_records

    compose_records()
    compose_figures()
    compose_mails()
    database = (_emptied(kind) if migrated else None) or _DATABASES[kind](migrated=migrated)
    try:
        yield database.url
    finally:
        if migrated:
            _left[kind].append(database)
        else:
            database.drop()


def _emptied(kind: str) -> Database | None:
    while _left[kind]:
        database = _left[kind].pop()
        if database.empty():
            return database
        database.drop()
    return None


class _Sqlite:
    def __init__(self, *, migrated: bool) -> None:
        self._home = run.folder() / f"db-{uuid.uuid4().hex}"
        self._file = self._home / "portal.db"
        self.url = f"sqlite:///{self._file}"
        self._home.mkdir()
        if migrated:
            shutil.copyfile(self._template(), self._file)

    def empty(self) -> bool:
        self.drop()  # whoever still has the old file open keeps it for himself
        self._home.mkdir()
        shutil.copyfile(self._template(), self._file)
        return True

    def drop(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def _template(self) -> Path:
        template = run.folder() / "template.db"
        if template.exists():
            return template
        with run.alone("sqlite-template"):
            making = template.with_suffix(".making")
            kept = between_runs.migrated("sqlite")
            if template.exists():
                pass  # another process was first
            elif kept is not None and kept.exists():
                shutil.copyfile(kept, making)
                making.rename(template)
            else:
                migrate(f"sqlite:///{making}")
                # One file: what the write-ahead log still holds goes into it.
                connection = sqlite3.connect(making)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.close()
                making.rename(template)
                if kept is not None:
                    between_runs.keep(template, kept)
        return template


class _Postgresql:
    _content: ClassVar[Content]
    """What the template holds."""

    def __init__(self, *, migrated: bool) -> None:
        self._home = postgres.ensure_started(prepare=_ensure_template)
        self._name = f"t_{uuid.uuid4().hex}"
        self.url = postgres.url(self._home, self._name)
        template = _ensure_template(self._home) if migrated else "template0"
        _sql(self._home, f"CREATE DATABASE {self._name} TEMPLATE {template}")
        if migrated and not hasattr(self, "_content"):  # nobody may be connected to a template
            type(self)._content = content_of(self._address)

    @property
    def _address(self) -> str:
        return self.url.replace("+psycopg", "", 1)

    def empty(self) -> bool:
        return bring_back(self._address, self._content)

    def drop(self) -> None:
        _sql(self._home, f"DROP DATABASE {self._name} WITH (FORCE)")


def _ensure_template(home: Path) -> str:
    """The name of the migrated database in this cluster, of which others are copies."""
    template = "template_portal"
    done = home / "data" / "template.done"
    with run.alone("postgresql-template"):
        if not done.exists():
            _sql(home, f"CREATE DATABASE {template}")
            migrate(postgres.url(home, template))
            done.touch()
    return template


_DATABASES: Mapping[str, type[Database]] = {"sqlite": _Sqlite, "postgresql": _Postgresql}
_left: Mapping[str, list[Database]] = {kind: [] for kind in KINDS}
"""What nobody has any more, the last one first to be taken again."""


def _sql(home: Path, statement: str) -> None:
    with psycopg.connect(
        host=str(home), user="portal", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(statement.encode())
