"""Inserts many rows at once by the driver itself: a quarter of the time of doing it by statements,
and everybody who writes waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Table
from sqlalchemy.orm import Session

from app.core.models.base import Base, UtcTime

Value = int | str | bool | datetime | None


def insert_rows(
    session: Session, kind: type[Base], columns: Sequence[str], rows: Sequence[Sequence[Value]]
) -> None:
    """Insert rows of these columns. Times are aware, and stored as ``UtcTime`` does."""
    if not rows:
        return
    table = kind.__table__
    assert isinstance(table, Table)
    connection = session.connection()
    names = ", ".join([f'"{name}"' for name in columns])
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        times = [
            place for place, name in enumerate(columns) if isinstance(table.c[name].type, UtcTime)
        ]
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608  # names of ours
            [_for_sqlite(row, times) for row in rows],
        )
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _for_sqlite(row: Sequence[Value], times: Sequence[int]) -> tuple[Value, ...]:
    values = list(row)
    for place in times:
        value = values[place]
        if isinstance(value, datetime):
            values[place] = (
                value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
            )
    return tuple(values)
