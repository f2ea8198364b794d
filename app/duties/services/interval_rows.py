"""Times and rows as figures take them: numbers side by side, read as plain values.

A time is microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import BigInteger, String, extract, type_coerce
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from app.duties.figures.outages import NEVER, NO_TIMES, Times

AT_ONCE: Final = 500
"""Keys in one statement."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Rows = Sequence[Any]


def in_microseconds(session: Session, column: Any) -> Any:
    """A time as the database gives it out fastest: SQLite's own text, else microseconds."""
    if session.get_bind().dialect.name == "sqlite":
        return type_coerce(column, String)
    return sql_cast(extract("epoch", column) * 1_000_000, BigInteger)


def times_of(values: Sequence[Any], otherwise: int = int(NEVER)) -> Times:
    """Such values as numbers; ``otherwise`` for what is not set."""
    if not values:
        return NO_TIMES
    if any(isinstance(one, str) for one in values):
        known = np.array([one or "NaT" for one in values], "datetime64[us]")
        found = np.where(np.isnat(known), np.int64(otherwise), known.astype(np.int64))
        return found.astype(np.int64)
    return np.array([otherwise if one is None else one for one in values], np.int64)


def number_of(value: Any, otherwise: Any = 0) -> Any:
    """One such value as a number; ``otherwise`` where it is not set."""
    if value is None:
        return otherwise
    return int(times_of((value,))[0])


def moment_of(value: int | None) -> datetime | None:
    """Microseconds as a moment, UTC."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def columns_of(rows: _Rows, count: int) -> tuple[tuple[Any, ...], ...]:
    """The ``count`` columns of rows, also where there is no row."""
    return tuple(zip(*rows, strict=True)) if rows else ((),) * count


def parts_of(keys: Sequence[int], size: int = AT_ONCE) -> Iterable[Sequence[int]]:
    """Keys in parts, each for one statement."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
