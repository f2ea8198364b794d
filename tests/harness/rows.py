"""The rows that a service has once written, written again without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.core.models.base import Base
from tests.harness.emptying import COUNTED, insertions


@dataclass(frozen=True)
class Rows:
    """The rows of all tables that have some, by their names and as the database's driver gives
    them (PostgreSQL: as COPY), and how far its sequences have counted."""

    of: Mapping[str, Any]
    counted: Sequence[tuple[str, int]] = ()

    def since(self, before: Rows) -> Rows:
        """Those of the tables that were empty before; the others must be as they were."""
        assert all(self.of[name] == rows for name, rows in before.of.items())
        new = {name: rows for name, rows in self.of.items() if name not in before.of}
        return Rows(new, self.counted)


def read_rows(session: Session) -> Rows:
    """The rows there are now."""
    raw = _raw(session)
    found: dict[str, Any] = {}
    if not _is_postgresql(session):
        for name in Base.metadata.tables:
            found[name] = raw.execute(f'SELECT * FROM "{name}"').fetchall()
        return Rows({name: rows for name, rows in found.items() if rows})
    for name in Base.metadata.tables:
        with raw.cursor().copy(f'COPY "{name}" TO STDOUT') as copy:
            found[name] = b"".join(bytes(part) for part in copy)
    counted = [(name, last) for name, _, last in raw.execute(COUNTED).fetchall()]
    return Rows({name: rows for name, rows in found.items() if rows}, counted)


def write_rows(session: Session, rows: Rows) -> None:
    """Write them into the same tables, which are empty, in a transaction that ends with them."""
    raw = _raw(session)
    if not _is_postgresql(session):
        raw.execute("PRAGMA defer_foreign_keys = ON")
        for name, values in rows.of.items():
            places = ", ".join("?" * len(values[0]))
            raw.executemany(f'INSERT INTO "{name}" VALUES ({places})', values)
        return
    statements = (
        "SET LOCAL session_replication_role = replica",  # no trigger: they have been
        *insertions({f'"{name}"': lines for name, lines in rows.of.items()}),
        *(f"SELECT setval('{name}', {last})" for name, last in rows.counted),
    )
    raw.execute("; ".join(statements), prepare=False)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _raw(session: Session) -> Any:
    return session.connection().connection.driver_connection
