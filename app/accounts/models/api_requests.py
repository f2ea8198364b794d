"""Rows of the writes that programs sent with a key of their own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import COPY, Base, UtcTime


class ApiRequest(Base):
    """A write over REST that was carried out under an Idempotency-Key, and what it was answered."""

    __tablename__ = "api_requests"

    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 (hex) of method, address, type and body."""
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    status: Mapped[int]
    headers: Mapped[str] = mapped_column(Text, info=COPY)
    """JSON object."""
    body: Mapped[str] = mapped_column(Text, info=COPY)
