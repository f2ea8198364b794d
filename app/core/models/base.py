"""The base of all rows: naming convention of constraints, and the UTC time type."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator


class Base(DeclarativeBase):
    """Base class of every row."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


NAME: Final[dict[Any, Any]] = {"person": "name"}
"""``info`` of a column with the name of who did something, if that may be a person."""
SENTENCE: Final[dict[Any, Any]] = {"person": "sentence"}
"""``info`` of a column with a sentence of the portal about who did something."""
ADDRESS: Final[dict[Any, Any]] = {"person": "address"}
"""``info`` of a column with one mail address, if it may be a person's."""
ADDRESSES: Final[dict[Any, Any]] = {"person": "addresses"}
"""``info`` of a column with several of them."""
COPY: Final[dict[Any, Any]] = {"person": "copy"}
"""``info`` of a column with a copy (text or JSON) of what is recorded, shown or sent elsewhere."""
OWN: Final[dict[Any, Any]] = {"person": "own"}
"""``info`` of a column with the key of the person who alone needs the row."""
IS_SEALED: Final[dict[Any, Any]] = {"sealed": True}
"""``info`` of a column whose values are encrypted with the portal's secret key: ``flask reseal``
has to know it."""


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time. Refuses naive times; SQLite keeps it without zone, always in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times are stored with their zone; this one has none")
        return value.astimezone(UTC)  # of which SQLite's text omits the zone

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time back as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
