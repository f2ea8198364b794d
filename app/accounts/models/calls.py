"""Rows of what partners' accounts called: single calls for a set time, and sums per day."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, UtcTime


class PartnerCall(Base):
    """One call of an account; never its body, never a secret."""

    __tablename__ = "partner_calls"
    __table_args__ = (Index(None, "account_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("partner_accounts.id"))
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    service: Mapped[str] = mapped_column(String(20))
    operation: Mapped[str] = mapped_column(String(40))
    fault: Mapped[int | None]
    """The number of the fault that was answered; None = carried out."""
    microseconds: Mapped[int]
    """How long the portal worked on it."""
    request_bytes: Mapped[int]
    answer_bytes: Mapped[int]


class AccountDay(Base):
    """How often an account called on one day (UTC), and how many of the calls were faults."""

    __tablename__ = "account_days"

    account_id: Mapped[int] = mapped_column(ForeignKey("partner_accounts.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    calls: Mapped[int]
    faults: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcTime)
