"""Settings of connections, and connections that died while nobody used them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.database.transactions import (
    IDLE_TIMEOUT,
    begin_write,
    configure_engine,
    is_unavailable,
    transaction,
)
from tests.harness.databases import open_engine

_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_writes_each_commit_to_the_disk(database: str) -> None:
    """2 is FULL. Engines of other tests sync nothing, so that only this one sees the setting."""
    engine = create_engine(database)
    configure_engine(engine)
    with engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys")
        ]
    engine.dispose()
    assert found == [2, "wal", 1]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_ended_connections_cost_no_caller_an_error(database: str) -> None:
    """As after a restart of PostgreSQL: every connection that waits in the pool is dead."""
    engine, other = open_engine(database), create_engine(database)
    at_once = threading.Barrier(3)

    def call() -> object:
        with Session(engine) as session:
            answer = session.scalar(text("SELECT 1"))
            at_once.wait(60)
        return answer

    with ThreadPoolExecutor(3) as callers:
        assert [one.result() for one in [callers.submit(call) for _ in range(3)]] == [1, 1, 1]
        with other.connect() as connection:
            assert connection.scalars(_END_OTHERS).all() == [True] * 3
        assert [one.result() for one in [callers.submit(call) for _ in range(3)]] == [1, 1, 1]
    engine.dispose()
    other.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_transaction_that_is_left_open_is_ended_and_its_lock_with_it(database: str) -> None:
    """As by a process that is stopped. The limit is a setting of each connection."""
    engine, other = create_engine(database), create_engine(database)
    configure_engine(engine, idle_timeout=1)
    configure_engine(other)
    take = text("UPDATE counters SET value = value + 1 WHERE name = 'left open'")
    with Session(other) as session, transaction(session):
        session.execute(text("INSERT INTO counters (name, value) VALUES ('left open', 0)"))
    with Session(engine) as stopped:
        begin_write(stopped)
        stopped.execute(take)
        with Session(other) as session, transaction(session):
            session.execute(take)  # waits until the server has ended the other one
        with pytest.raises(DBAPIError) as ended:
            stopped.scalar(text("SELECT 1"))
        assert is_unavailable(ended.value)
        stopped.rollback()
    with Session(other) as session:
        assert session.scalar(text("SELECT value FROM counters WHERE name = 'left open'")) == 1
        told = session.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert told == f"{IDLE_TIMEOUT}s"
    engine.dispose()
    other.dispose()
