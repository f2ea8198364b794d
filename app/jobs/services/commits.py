"""Whether anything was committed to the database: one cheap question in place of many looks."""

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
"""Values that differ when others committed between two reads on one connection. On PostgreSQL it is
which transactions that write run or ran, of all databases of its server."""


_LOOKS: Final = {"sqlite": 1, "postgresql": 2}


class Commits:
    """For one thread. It keeps a connection of the engine until it is closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._last: object = None
        self.looks = _LOOKS[engine.dialect.name]
        """Of a worker's pace between two questions: on PostgreSQL each is a transaction, also at
        night."""

    def came(self) -> bool:
        """Whether there may be some since the last call; True where nobody can tell."""
        try:
            if self._connection is None:
                self._connection, self._last = read_connection(self._engine), None
            statement = _COUNTERS[self._engine.dialect.name]
            counter = self._connection.exec_driver_sql(statement).scalar()
            self._connection.rollback()  # nothing of it stays open in between
        except SQLAlchemyError:  # it is away: whoever looks finds out, and waits for it
            self.close()
            return True
        before, self._last = self._last, counter
        return counter != before

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None
