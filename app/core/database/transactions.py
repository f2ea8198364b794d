"""How the databases are opened and how a write transaction begins and ends.

PostgreSQL: connections that died while nobody used them are left out; every wait for the server has
a limit; a statement has memory enough for the exact hits of a word in a million tickets.

SQLite: write-ahead log, full synchronous writes, foreign keys, a busy timeout, and write
transactions that begin immediate, so that a reader which turns into a writer never fails halfway.
"""

from __future__ import annotations

import select
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Engine, event, func
from sqlalchemy import select as sql_select
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.core.database.sqlite_write_lock import WRITE_LOCK_TIMEOUT, WriteLock, WriteLockTimeout
from app.core.rules.errors import OutcomeUnknown

BUSY_TIMEOUT_MS = int(WRITE_LOCK_TIMEOUT * 1000)
ASKED_WHEN_IDLE = 1.0
"""Seconds after which a connection to PostgreSQL is tested before it is used."""
MAY_WRITE = "portal_may_write"
"""Option of a connection whose next transaction writes."""
POSTGRESQL_SETTINGS = {"jit": "off", "max_parallel_workers_per_gather": "0"}
"""Of every connection. Its statements are short; for many of them the server expects more rows than
there are, and begins to compile them (30 ms) or to start processes (25 ms) for nothing."""
CONNECT_TIMEOUT = 5
"""Seconds that connecting to one host of PostgreSQL may take."""
TCP_USER_TIMEOUT = 20
"""Seconds after which a connection ends whose network takes nothing any more."""
LOCK_TIMEOUT = 10
"""Seconds that a statement waits for what another transaction holds."""
IDLE_TIMEOUT = 15
"""Seconds that a transaction may be left open without a statement: then the server ends it, and its
locks with it, for its process may be stopped for good."""
LONG_IDLE_TIMEOUT = 120
"""The same of a job in a process of its own, which computes for longer between two statements."""
STATEMENT_TIMEOUT = 30
"""Seconds of one statement of a request."""
LONG_STATEMENT_TIMEOUT = 3600
"""Seconds of one statement of a command, a worker or an import."""
_LATE = 2
"""Seconds that the server has to report that it ended a statement that took too long; then it
counts as gone. Only this ends the wait for a server that is silent and takes everything."""
WORK_MEMORY = "64MB"
"""Of one step of a statement on PostgreSQL, unless the server gives more. With its own 4 MB it
remembers only the pages of many hits, and makes the words of every ticket on them again: 4.4 s
instead of 0.4 s at a million tickets."""
_IDLE_SINCE = "portal_idle_since"
_COMMITTED = "portal_committed"
_COMPLETION_UNKNOWN = "40003"
"""SQLSTATE statement_completion_unknown."""
_LEFT_OPEN = "25P03"
"""SQLSTATE idle_in_transaction_session_timeout: this process did nothing for too long."""
_write_locks: WeakKeyDictionary[Engine, WriteLock] = WeakKeyDictionary()


class CommitFailed(Exception):
    """The transaction that held this change was rolled back: nothing was stored.

    ``__cause__`` is what the database said.
    """


def configure_engine(
    engine: Engine,
    statement_timeout: int = STATEMENT_TIMEOUT,
    idle_timeout: int = IDLE_TIMEOUT,
) -> None:
    """Set an engine up for the portal; call once after it was made.

    ``statement_timeout`` is that of its connections to PostgreSQL, in seconds; ``idle_timeout`` how
    long they may be in a transaction without a statement.
    """
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine)
    else:
        _configure_postgresql(engine, statement_timeout, idle_timeout)
        _leave_out_dead_connections(engine)


class _SqliteCompiler(SQLiteCompiler):
    """Writes the hints of a statement: ``INDEXED BY`` is part of SQLite's language."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """What is behind the table's name."""
        return text


def _configure_sqlite(engine: Engine) -> None:
    engine.dialect.statement_compiler = _SqliteCompiler
    if engine.url.database not in (None, "", ":memory:"):
        _write_locks[engine] = WriteLock.of(str(engine.url.database))

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


def _configure_postgresql(engine: Engine, statement_timeout: int, idle_timeout: int) -> None:
    settings = POSTGRESQL_SETTINGS | {
        "statement_timeout": f"{statement_timeout}s",
        "lock_timeout": f"{LOCK_TIMEOUT}s",
        "idle_in_transaction_session_timeout": f"{idle_timeout}s",
        # the server, too, ends the transaction of a client that is gone, and its locks with it
        "tcp_user_timeout": f"{TCP_USER_TIMEOUT}s",
        "tcp_keepalives_idle": f"{TCP_USER_TIMEOUT}s",
    }
    set_all = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    values = [text for item in settings.items() for text in item]

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, given: list[Any], named: dict[str, Any]) -> Any:
        for name, value in CONNECTING.items():
            named.setdefault(name, value)
        connection = _connection_class().connect(*given, **named)
        connection.answers_within = statement_timeout + _LATE
        return connection

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.autocommit = True  # one round trip, and no COMMIT
        connection.execute(f"SELECT {set_all}", values)
        connection.execute(
            "SELECT set_config('work_mem', %s, false)"
            " WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes(%s)",
            (WORK_MEMORY, WORK_MEMORY),
        )
        connection.autocommit = False

    @event.listens_for(engine, "checkin")
    def restore(connection: Any, _record: object) -> None:
        if connection is not None:
            connection.answers_within = statement_timeout + _LATE


CONNECTING: Final = {
    "connect_timeout": CONNECT_TIMEOUT,
    "tcp_user_timeout": TCP_USER_TIMEOUT * 1000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""libpq's parameters, where DATABASE_URL has no others."""


@cache
def _connection_class() -> Any:
    """psycopg's connection, whose server has to answer within a time (``answers_within``, seconds).
    Not imported where the database is SQLite."""
    import psycopg
    from psycopg.pq import TransactionStatus

    class LimitedConnection(psycopg.Connection[Any]):
        answers_within: float = STATEMENT_TIMEOUT + _LATE

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, timeout or self.answers_within)
            except psycopg.OperationalError as error:
                if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                    raise
                # what came later would be taken for the answer to another statement
                self.pgconn.finish()
                raise psycopg.OperationalError("the database server does not answer") from error

    return LimitedConnection


def allow_long_statements(session: Session) -> None:
    """Let the statements of this write transaction take as long as those of a command."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{LONG_STATEMENT_TIMEOUT}s'")
    raw: Any = connection.connection.dbapi_connection
    raw.answers_within = LONG_STATEMENT_TIMEOUT + _LATE


def _leave_out_dead_connections(engine: Engine) -> None:
    """A server that was restarted costs no caller an error, and a call no round trip.

    A connection whose server ended can be read from (its farewell and the end). Only such a one,
    and one that was idle for so long that the network may have dropped it, is asked; if it does not
    answer, all are opened again. ``pool_pre_ping`` would ask each time.
    """

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info[_IDLE_SINCE] = monotonic()

    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, _proxy: object) -> None:
        idle = monotonic() - record.info.get(_IDLE_SINCE, monotonic())
        try:
            if idle >= ASKED_WHEN_IDLE or _can_be_read(connection):
                usual, connection.answers_within = connection.answers_within, CONNECT_TIMEOUT
                engine.dialect.do_ping(connection)
                connection.answers_within = usual
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
    assert not is_writing(session), "this session writes already"
    pending = [*session.new, *session.dirty, *session.deleted]
    assert not pending, "written before begin_write"
    session.rollback()


def _may_write(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(MAY_WRITE, False))


def is_writing(session: Session) -> bool:
    """Whether the session's transaction is one that may write."""
    return session.in_transaction() and _may_write(session.connection())


def begin_read(session: Session) -> None:
    """Read without a transaction around it where that is no difference but in time.

    On PostgreSQL each statement sees what was committed when it began, in a transaction or not;
    leaving it out spares two of the five or so round trips of a call. ``begin_write`` ends this. On
    SQLite a transaction is one snapshot, and stays.
    """
    bind = session.get_bind()
    if not session.in_transaction() and (options := _reading_options(bind.dialect)):
        session.connection(execution_options=options)


def begin_snapshot(session: Session) -> None:
    """Begin a transaction in which everything that is read is as of one moment. On SQLite each
    transaction is so."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def lock_until_commit(session: Session, key: int, *, waits: bool = True) -> bool:
    """Let nobody else take the lock ``key`` until the transaction ends (PostgreSQL's advisory
    lock); without ``waits`` False where another one holds it. On SQLite one transaction writes at a
    time anyway."""
    if session.get_bind().dialect.name == "sqlite":
        return True
    if waits:
        session.execute(sql_select(func.pg_advisory_xact_lock(key)))
        return True
    return bool(session.scalar(sql_select(func.pg_try_advisory_xact_lock(key))))


def read_connection(engine: Engine) -> Connection:
    """The same without a session, for the few reads of nearly every call."""
    return engine.connect().execution_options(**_reading_options(engine.dialect))


def _reading_options(dialect: Dialect) -> dict[str, Any]:
    return {"isolation_level": "AUTOCOMMIT"} if dialect.name == "postgresql" else {}


@contextmanager
def transaction(session: Session, *, beside: bool = False) -> Iterator[None]:
    """One write transaction: begins, and commits at the end; any error rolls it back.

    Never inside another one of the same database, which would wait for itself. ``beside``: what is
    written is not what the caller requested (the last use of a login). Raises ``OutcomeUnknown``
    when the database did not confirm the commit; every other error means that nothing is stored.
    """
    with _write_transaction(session):
        yield
        _commit(session, beside=beside)


def _commit(session: Session, *, beside: bool = False) -> None:
    session.flush()
    if _is_given_up(session.connection()):
        raise CommitFailed("the database gave up the transaction")
    try:
        session.commit()
    except DBAPIError as error:
        if beside or _is_rolled_back(error):  # nobody asked for what is beside: it does not matter
            raise
        raise OutcomeUnknown from error
    if not beside:
        session.info[_COMMITTED] = True


def _is_rolled_back(error: DBAPIError) -> bool:
    """Whether a failed COMMIT is one of which nothing is stored.

    PostgreSQL: an error that came over a connection that still lives. SQLite: every one but those
    of reading and writing the files: what a failed sync left in the log may be found there after a
    crash.
    """
    if error.connection_invalidated:
        return False
    if isinstance(error.orig, sqlite3.Error):
        code: int = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_IOERR)
        return code & 0xFF != sqlite3.SQLITE_IOERR
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and state != _COMPLETION_UNKNOWN


def _is_given_up(connection: Connection) -> bool:
    """Whether SQLite rolled the transaction back by itself, as it does when the disk is full: a
    COMMIT would store nothing, and not fail."""
    raw: Any = connection.connection.dbapi_connection
    return connection.dialect.name == "sqlite" and not raw.in_transaction


def has_committed(session: Session) -> bool:
    """Whether something was stored in this session: of an error after that nobody may say that
    nothing was."""
    return _COMMITTED in session.info


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the database cannot do its work now (away, full, locked, too slow, no connection
    free), so that trying again later may help. A wrong statement or a refused row is no such
    error."""
    if isinstance(error, CommitFailed):
        return error.__cause__ is None or is_unavailable(error.__cause__)
    if isinstance(error, (WriteLockTimeout, PoolTimeout)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if getattr(getattr(error, "orig", None), "sqlstate", None) == _LEFT_OPEN:
        return True
    if not isinstance(error, OperationalError):
        return False
    # SQLite calls unknown tables and columns operational, too
    return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


class ShortTransactions:
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
    def transaction(self) -> Iterator[Session]:
        """The session in one write transaction, committed at its end."""
        with transaction(self._session):
            yield self._session


@contextmanager
def transaction_if_free(session: Session, *, is_trial: bool = False) -> Iterator[bool]:
    """One write transaction, or none at all (False) where SQLite is being written: for work that
    others do later if it is not done now. PostgreSQL is always free. Of a trial nothing stays."""
    lock = _write_locks.get(session.get_bind().engine)
    _end_reading(session)
    if lock is not None and not lock.try_enter():
        yield False
        return
    try:
        begin_write(session)
        yield True
        if is_trial:
            session.rollback()
        else:
            _commit(session)
    except BaseException:
        session.rollback()
        raise
    finally:
        if lock is not None:
            lock.leave()


@contextmanager
def dry_run(session: Session) -> Iterator[None]:
    """One write transaction of which nothing stays: to see what a verb would do, or refuse."""
    with _write_transaction(session):
        yield
        session.rollback()


@contextmanager
def _write_transaction(session: Session) -> Iterator[None]:
    """Begin one behind the write lock; any error rolls it back."""
    # who waits holds no connection: whoever is in may need one that is free
    _end_reading(session)
    with write_lock_of(session.get_bind().engine):
        begin_write(session)
        try:
            yield
        except BaseException:
            session.rollback()
            raise


def write_lock_of(engine: Engine) -> AbstractContextManager[None]:
    """Through which writers of this database come one after another; open on PostgreSQL."""
    return _write_locks.get(engine) or nullcontext()
