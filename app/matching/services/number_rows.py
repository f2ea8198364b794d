"""Rows in the form that figures need: as columns, times in microseconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import Column, Select, select
from sqlalchemy.orm import Session

from app.core.database.expressions import fast_time
from app.core.figures.frames import Times, moment_of
from app.core.models.base import UtcTime

AT_ONCE: Final = 500
"""Keys in one statement."""
UNSET: Final = 2**62
"""An unset time: after everything."""


def times_of(values: Sequence[Any], otherwise: int = UNSET) -> Times:
    """Such values as numbers; ``otherwise`` for unset ones."""
    if str in set(map(type, values)):
        known = np.array([one or "NaT" for one in values], "datetime64[us]")
        found = np.where(np.isnat(known), np.int64(otherwise), known.astype(np.int64))
        return found.astype(np.int64)
    return np.array([otherwise if one is None else one for one in values], np.int64)


def rows_of(session: Session, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """The rows of a query of columns, bypassing the session's objects: half of the time."""
    return session.connection().execute(query).all()


def columns_of(rows: Sequence[Any], count: int) -> list[Sequence[Any]]:
    """The ``count`` columns of rows, also if there are no rows."""
    return [*zip(*rows, strict=True)] if rows else [()] * count


def parts_of(keys: Sequence[Any], size: int = AT_ONCE) -> Iterable[Sequence[Any]]:
    """Keys in parts, each for one statement."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def stored_rows(
    session: Session, columns: Iterable[Column[Any]], which: Any
) -> Sequence[tuple[Any, ...]]:
    """The rows of a table that satisfy the condition; times as numbers, None for unset ones."""
    columns = [*columns]
    times = [place for place, one in enumerate(columns) if isinstance(one.type, UtcTime)]
    wanted = [fast_time(one) if isinstance(one.type, UtcTime) else one for one in columns]
    values = columns_of(rows_of(session, select(*wanted).where(which)), len(columns))
    for place in times:
        values[place] = [None if one == UNSET else one for one in times_of(values[place]).tolist()]
    return [*zip(*values, strict=True)]


def with_moments(
    columns: Iterable[Column[Any]], rows: Iterable[Sequence[Any]]
) -> Sequence[Sequence[Any]]:
    """Such rows of these columns with their times as moments."""
    times = {place for place, one in enumerate(columns) if isinstance(one.type, UtcTime)}
    return [
        [
            moment_of(value) if place in times and value is not None else value
            for place, value in enumerate(row)
        ]
        for row in rows
    ]
