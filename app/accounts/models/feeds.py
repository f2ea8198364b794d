"""Rows of what people subscribe to by a private address."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.people import User
from app.core.models.base import OWN, Base, UtcTime


class CalendarFeed(Base):
    """The private address of a person's calendar; a person has one or none."""

    __tablename__ = "calendar_feeds"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, info=OWN)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the secret in the address, which is stored nowhere."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Last reading, to an hour."""

    user: Mapped[User] = relationship(lazy="joined")
