"""The ledger of a connection, compared by the worker each night: what is missing is known before
anybody asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.rules.access import SYSTEM
from app.exchange.models.connections import Connection
from app.exchange.services.ledgers import compare, keep_comparison
from app.jobs.tasks.context import Context


def compare_ledger(context: Context, arguments: Mapping[str, Any]) -> None:
    """Compare the ledger of one connection (a job); who writes waits for its last step alone."""
    key = int(arguments["connection"])
    with context.reading() as session:
        found = compare(session, SYSTEM, session.get_one(Connection, key))
    with context.transaction() as session:
        keep_comparison(session.get_one(Connection, key), found, context.now())
