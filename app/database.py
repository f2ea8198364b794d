"""How the databases are opened and how a write transaction begins and ends.

PostgreSQL: connections that died while nobody used them are left out; a statement has memory enough
for the exact hits of a word in a million tickets.

SQLite: write-ahead log, full synchronous writes, foreign keys, a busy timeout, and write
transactions that begin immediate, so that a reader which turns into a writer never fails halfway.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session

from app.write_gate import PATIENCE, WriteGate

BUSY_TIMEOUT_MS = int(PATIENCE * 1000)
ASKED_WHEN_IDLE = 1.0
"""Seconds after which a connection to PostgreSQL is asked whether it lives before it is used."""
MAY_WRITE = "portal_may_write"
"""Option of a connection whose next transaction writes."""
POSTGRESQL_SETTINGS = {"jit": "off", "max_parallel_workers_per_gather": "0"}
"""Of every connection. Its statements are short; for many of them the server expects more rows than
there are, and begins to compile them (30 ms) or to start processes (25 ms) for nothing."""
WORK_MEMORY = "64MB"
"""Of one step of a statement on PostgreSQL, unless the server gives more. With its own 4 MB it
remembers only the pages of many hits, and makes the words of every ticket on them anew: 4.4 s
instead of 0.4 s at a million tickets."""
_IDLE_SINCE = "portal_idle_since"
_gates: WeakKeyDictionary[Engine, WriteGate] = WeakKeyDictionary()


def configure_engine(engine: Engine) -> None:
    """Set an engine up for the portal; call once after it was made."""
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine)
    else:
        _configure_postgresql(engine)
        _leave_out_dead_connections(engine)


class _SqliteCompiler(SQLiteCompiler):
    """Writes the hints of a statement: ``INDEXED BY`` is part of SQLite's language."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """What stands behind the table's name."""
        return text


def _configure_sqlite(engine: Engine) -> None:
    engine.dialect.statement_compiler = _SqliteCompiler
    if engine.url.database not in (None, "", ":memory:"):
        _gates[engine] = WriteGate.of(str(engine.url.database))

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
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _may_write(connection) else "BEGIN")


def _configure_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        for name, value in POSTGRESQL_SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.execute(
            "SELECT set_config('work_mem', %s, false)"
            " WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes(%s)",
            (WORK_MEMORY, WORK_MEMORY),
        )
        connection.commit()


def _leave_out_dead_connections(engine: Engine) -> None:
    """A server that was restarted costs no caller an error, and a call no round trip.

    A connection whose server ended can be read from (its farewell and the end). Only such a one,
    and one that was idle for so long that the network may have dropped it, is asked; if it does not
    answer, all are opened anew. ``pool_pre_ping`` would ask each time.
    """

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info[_IDLE_SINCE] = monotonic()

    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, _proxy: object) -> None:
        idle = monotonic() - record.info.get(_IDLE_SINCE, monotonic())
        try:
            if idle >= ASKED_WHEN_IDLE or _can_be_read(connection):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _can_be_read(connection: Any) -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def begin_write(session: Session) -> None:
    """Make the session's transaction one that may write, before anything was read in it.

    A reading transaction that is open is given up (its objects load again when used). On
    PostgreSQL there is no difference between the two kinds. Asserts that nothing is pending.
    """
    if session.in_transaction():
        if _may_write(session.connection()):
            return
        _end_reading(session)
    session.connection(execution_options={MAY_WRITE: True})


def _end_reading(session: Session) -> None:
    writes = session.in_transaction() and _may_write(session.connection())
    assert not writes, "this session writes already"
    pending = [*session.new, *session.dirty, *session.deleted]
    assert not pending, "written before begin_write"
    session.rollback()


def _may_write(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(MAY_WRITE, False))


def begin_read(session: Session) -> None:
    """Read without a transaction around it where that is no difference but in time.

    On PostgreSQL each statement sees what was committed when it began, in a transaction or not;
    leaving it out spares two of the five or so round trips of a call. ``begin_write`` ends this. On
    SQLite a transaction is one snapshot, and stays.
    """
    bind = session.get_bind()
    if not session.in_transaction() and (options := _reading_options(bind.dialect)):
        session.connection(execution_options=options)


def read_connection(engine: Engine) -> Connection:
    """The same without a session, for the few reads of nearly every call."""
    return engine.connect().execution_options(**_reading_options(engine.dialect))


def _reading_options(dialect: Dialect) -> dict[str, Any]:
    return {"isolation_level": "AUTOCOMMIT"} if dialect.name == "postgresql" else {}


@contextmanager
def writing(session: Session) -> Iterator[None]:
    """One write transaction: begins, and commits at the end; any error rolls it back.

    Never inside another one of the same database, which would wait for itself.
    """
    with _write_transaction(session):
        yield
        session.commit()


class InTurn:
    """One session for work in many short transactions, one after another."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """The session, to read with."""
        try:
            yield self._session
        finally:
            self._session.rollback()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """The session in one write transaction, committed at its end."""
        with writing(self._session):
            yield self._session


@contextmanager
def writing_if_free(session: Session) -> Iterator[bool]:
    """One write transaction as ``writing``, or none at all (False) where SQLite is being written:
    for work that others do later if it is not done now. PostgreSQL is always free."""
    bind = session.get_bind()
    gate = None if isinstance(bind, Connection) else _gates.get(bind)
    _end_reading(session)
    if gate is not None and not gate.try_enter():
        yield False
        return
    try:
        begin_write(session)
        yield True
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        if gate is not None:
            gate.leave()


@contextmanager
def trying(session: Session) -> Iterator[None]:
    """One write transaction of which nothing stays: to see what a verb would do, or refuse."""
    with _write_transaction(session):
        yield
        session.rollback()


@contextmanager
def _write_transaction(session: Session) -> Iterator[None]:
    """Begin one in its turn; any error rolls it back."""
    bind = session.get_bind()
    gate: AbstractContextManager[None] = nullcontext()
    if not isinstance(bind, Connection):
        gate = gate_of(bind)
        # who waits holds no connection: whoever is in may need one that is free
        _end_reading(session)
    with gate:
        begin_write(session)
        try:
            yield
        except BaseException:
            session.rollback()
            raise


def gate_of(engine: Engine) -> AbstractContextManager[None]:
    """Through which writers of this database come one after another; open on PostgreSQL."""
    return _gates.get(engine) or nullcontext()
