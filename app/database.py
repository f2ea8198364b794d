"""How the databases are opened and how a write transaction begins and ends.

SQLite: write-ahead log, full synchronous writes, foreign keys, a busy timeout, and write
transactions that begin immediate, so that a reader which turns into a writer never fails halfway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session

BUSY_TIMEOUT_MS = 20_000
_IMMEDIATE = "portal_begin_immediate"


def configure_engine(engine: Engine) -> None:
    """Set an engine up for the portal; call once after it was made. Does nothing on PostgreSQL."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def begin_write(session: Session) -> None:
    """Make the session's transaction one that may write, before anything was read in it.

    A reading transaction that is open is given up (its objects load again when used). On
    PostgreSQL there is no difference between the two kinds. Asserts that nothing is pending.
    """
    if session.in_transaction():
        if session.connection().get_execution_options().get(_IMMEDIATE, False):
            return
        pending = [*session.new, *session.dirty, *session.deleted]
        assert not pending, "written before begin_write"
        session.rollback()
    session.connection(execution_options={_IMMEDIATE: True})


def begin_read(session: Session) -> None:
    """Read without a transaction around it where that is no difference but in time.

    On PostgreSQL each statement sees what was committed when it began, in a transaction or not;
    leaving it out spares two of the five or so round trips of a call. ``begin_write`` ends this. On
    SQLite a transaction is one snapshot, and stays.
    """
    if session.get_bind().dialect.name == "postgresql" and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})


@contextmanager
def writing(session: Session) -> Iterator[None]:
    """One write transaction: begins, and commits at the end; any error rolls it back."""
    begin_write(session)
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
