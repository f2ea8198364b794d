"""Rows of the LHC's calendar: runs, seasons, stops and shutdowns, with the basis of each date."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, UtcTime


class LhcPeriod(Base):
    """A period of the LHC. Times are UTC; their sources use CERN's local time."""

    __tablename__ = "lhc_periods"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(String(10))
    """run, physics, ions, stop or shutdown."""
    begins_at: Mapped[datetime] = mapped_column(UtcTime)
    begin_precision: Mapped[str] = mapped_column(String(10))
    """minute, day or month: how exactly the source states it."""
    begin_standing: Mapped[str] = mapped_column(String(10))
    """attested, planned or sample."""
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """The first moment that is no longer in it; None = ongoing."""
    end_precision: Mapped[str] = mapped_column(String(10))
    end_standing: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    """What the dates mean, where sources state more than one."""
    version: Mapped[int] = mapped_column(default=1)
    """As of a site."""
