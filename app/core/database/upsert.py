"""An INSERT that says what happens to a row whose key is there: one way on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql import Insert, insert


def upsert(table: Any) -> Insert:
    """An INSERT into a table or a model, to be ended by ``on_conflict_do_nothing`` or
    ``on_conflict_do_update``; ``excluded`` is the row that was to be inserted.

    SQLite has PostgreSQL's words for it, and SQLAlchemy compiles them alike for both.
    """
    return insert(table)
