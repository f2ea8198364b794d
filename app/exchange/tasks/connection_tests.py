"""The worker's part of a connection test: each step is recorded as soon as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.exchange.models.connections import Connection
from app.exchange.services.connections.connection_tests import (
    begin_test,
    end_test,
    note_check,
    wait_for_search,
)
from app.exchange.tasks.systems import try_connection
from app.jobs.tasks.context import Context


def test_connection(context: Context, arguments: Mapping[str, Any]) -> None:
    """Test one connection (a job, one at a time for a connection)."""
    key = int(arguments["connection"])
    with context.transaction() as session:
        ticket = begin_test(session.get_one(Connection, key), context.now())
    for check in try_connection(context, key, ticket):
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            if wait_for_search(session, connection, check, context.now()):
                return
            note_check(connection, check)
    with context.transaction() as session:
        end_test(session.get_one(Connection, key), context.now())
