"""Detects commits to the database with one cheap query instead of many polls."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.database.transactions import read_connection

_COUNTERS: Final = {
    "sqlite": "PRAGMA data_version",
    "postgresql": "SELECT pg_current_snapshot()::text",
}
"""Values that differ if others committed between two reads on one connection. On PostgreSQL: the
transactions that write and run or ran, in all databases of the server."""


_LOOKS: Final = {"sqlite": 1, "postgresql": 2}


class Commits:
    """Detects commits, for one thread. Holds one connection of the engine until it is closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._last: object = None
        self.looks = _LOOKS[engine.dialect.name]
        """How many of a worker's polls pass between two queries: on PostgreSQL each is a
        transaction, also at night."""

    def came(self) -> bool:
        """Return whether others may have committed since the last call; True if that is unknown."""
        try:
            if self._connection is None:
                self._connection, self._last = read_connection(self._engine), None
            statement = _COUNTERS[self._engine.dialect.name]
            counter = self._connection.exec_driver_sql(statement).scalar()
            self._connection.rollback()  # leave no transaction open in between
        except SQLAlchemyError:  # it is away: the caller's own query waits for it
            self.close()
            return True
        before, self._last = self._last, counter
        return counter != before

    def close(self) -> None:
        """Return the connection to the pool."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None
