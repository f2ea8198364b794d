"""Connections that died while nobody used them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests.harness.databases import open_engine

_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


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
