"""Rows that bound the carbon copies of each account."""

from __future__ import annotations

from datetime import date

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base


class CopiesOfDay(Base):
    """How many outside addresses an account named for carbon copies on its newest day (UTC)."""

    __tablename__ = "copies_of_day"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    """person or partner: what ``account_id`` is a key of."""
    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date]
    addresses: Mapped[int]
