"""Which modules decide by the kind of database."""

from __future__ import annotations

import re
from typing import Final

from app.core.folders import PROJECT

ALLOWED: Final = {
    "app/backups/backups.py": "a backup of SQLite is a file, one of PostgreSQL its rows",
    "app/core/services/changes.py": "PostgreSQL writes a change in one round trip: writers wait",
    "app/jobs/services/queue.py": "procrastinate on PostgreSQL, a table of ours on SQLite",
    "app/tickets/services/creation/bulk_insert.py": "the same of a new ticket",
    "app/tickets/services/search/search.py": "each database has a full-text index of its own",
}
"""Modules outside ``app/core/database`` that may ask, and why."""
_ASKS: Final = re.compile(r"dialect\.name|sqlalchemy\.dialects|@compiles|get_dialect|with_variant")


def test_five_modules_outside_the_database_ask_for_its_kind() -> None:
    asking = {
        str(file.relative_to(PROJECT))
        for room in ("app", "soap_service")
        for file in (PROJECT / room).rglob("*.py")
        if not file.is_relative_to(PROJECT / "app/core/database")
        and _ASKS.search(file.read_text("utf-8"))
    }
    assert asking == set(ALLOWED)
