"""Databases and servers to measure: durable, filled with sample tickets, gone afterwards."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import func, make_url, select
from sqlalchemy.orm import Session

from app import demo
from app.accounts.services.partners import create_partner_account
from app.core.database.transactions import LONG_STATEMENT_TIMEOUT, transaction
from app.core.folders import PROJECT
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.settings import process_environment
from app.demo import bulk
from app.tickets.models.tickets import Ticket
from tests.harness import postgres, run
from tests.harness.databases import alembic_config, migrate, open_engine
from tests.harness.server import end_group, free_port, live, test_settings

LOGIN = "bench"
PASSWORD = "a password to measure with"
KINDS = ("sqlite", "postgresql")
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Place:
    """A filled database, and the numbers of its bulk tickets."""

    kind: str
    url: str
    first: int
    last: int


@contextmanager
def filled(kind: str, tickets: int, name: str = "bench") -> Iterator[Place]:
    """A durable database with the demo, ``tickets`` bulk tickets and an account that may all."""
    url = another(kind, name)
    yield fill(url, tickets)


def fill(url: str, tickets: int, still_open: int | None = None) -> Place:
    """Write all that into an empty database; ``still_open`` of the bulk tickets are open, else a
    third."""
    migrate(url)
    engine = open_engine(url)
    now = datetime.now(UTC)
    with Session(engine) as session:
        with transaction(session):
            demo.seed_demo(session, now)
            actors = demo.demo_actors(session)
            made = bulk.write_patterns(session, actors, now, tickets, still_open=still_open)
            create_partner_account(
                session, Writer(SYSTEM, Door.COMMAND, now), "BENCH", LOGIN, PASSWORD, access="all"
            )
        written = len(made.numbers)
        while written < tickets:
            count = min(bulk.AT_ONCE, tickets - written)
            with transaction(session):
                bulk.write_copies(session, made, written, count)
            written += count
        last = session.scalar(select(func.max(Ticket.number))) or 0
        session.rollback()
    kind = engine.dialect.name
    engine.dispose()
    vacuum(url)
    return Place(kind, url, last - tickets + 1, last)


def bring_to_schema_of(url: str, checkout: Path) -> None:
    """Migrate a database up or down to the newest migration of a checkout.

    This checkout's migrations do it, since an older one cannot undo what it does not know. Raises
    SystemExit where this checkout lacks that migration.
    """
    engine = open_engine(url, LONG_STATEMENT_TIMEOUT)
    config = alembic_config(engine)
    newest = ScriptDirectory(str(checkout / "migrations")).get_current_head() or "base"
    try:
        ScriptDirectory.from_config(config).get_revision(newest)
    except CommandError:
        raise SystemExit(
            f"bench: {checkout} has migration {newest}, which is not here: start the bench there,"
            " against this checkout"
        ) from None
    try:
        command.upgrade(config, "head")
        command.downgrade(config, newest)
    finally:
        engine.dispose()


def vacuum(url: str) -> None:
    """Let PostgreSQL take the figures of its tables, as long as it takes; else nothing."""
    address = make_url(url)
    if address.get_backend_name() != "postgresql":
        return
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    # not the portal's engine, which limits how long a statement may take
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@contextmanager
def portal(place: Place) -> Iterator[str]:
    """The address of GGUS at the real server, with two processes."""
    with live(test_settings(place.url)) as server:
        yield f"{server.url}/soap/GGUS"


@contextmanager
def bare(place: Place, more: Mapping[str, str]) -> Iterator[str]:
    """The address of the bare Spyne service on the same server, with two processes."""
    port = free_port()
    command = [
        *(sys.executable, "-W", "ignore", "-m", "granian", "--interface=asgi", "--factory"),
        *("--http=1", "--no-ws", "--workers=2", "--log-level=error", "--workers-kill-timeout=5"),
        *("--host=127.0.0.1", f"--port={port}", "bench.bare:build_server"),
    ]
    environ = process_environment(test_settings(place.url)) | dict(more)
    with running(command, port, environ):
        yield f"http://127.0.0.1:{port}/soap/GGUS"


@contextmanager
def running(command: list[str], port: int, environ: Mapping[str, str]) -> Iterator[None]:
    """A process group while it serves on ``port``."""
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = monotonic() + 30
        while not _answers(port):
            assert process.poll() is None, f"{command} ended"
            assert monotonic() < deadline, f"{command} did not answer"
            sleep(0.1)
        yield
    finally:
        end_group(process)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def another(kind: str, name: str) -> str:
    """The URL of an empty durable database of this name."""
    return _sqlite(name) if kind == "sqlite" else _postgresql(name)


def _sqlite(name: str) -> str:
    return f"sqlite:///{run.folder() / f'{name}.db'}"


def _postgresql(name: str) -> str:
    home = postgres.ensure_started(durable=True)
    with psycopg.connect(
        host=str(home), user="portal", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgres.url(home, name)


def server_of(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to PostgreSQL beside this database, each statement committed by itself."""
    other = make_url(url).set(drivername="postgresql", database="postgres")
    return psycopg.connect(other.render_as_string(hide_password=False), autocommit=True)


@contextmanager
def copied(url: str, name: str) -> Iterator[str]:
    """The URL of a copy of the database as it is, gone afterwards."""
    given = make_url(url)
    if given.get_backend_name() == "sqlite":
        file = run.folder() / f"{name}.db"
        with sqlite3.connect(str(given.database)) as source, sqlite3.connect(file) as copy:
            source.backup(copy)
        yield f"sqlite:///{file}"
        for one in file.parent.glob(f"{file.name}*"):
            one.unlink()
        return
    beside = given.set(database=f"{given.database}_{name}")
    with server_of(url) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {beside.database}".encode())
        connection.execute(f"CREATE DATABASE {beside.database} TEMPLATE {given.database}".encode())
        yield beside.render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {beside.database} WITH (FORCE)".encode())
