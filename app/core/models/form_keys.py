"""Rows of the forms that were carried out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import COPY, OWN, Base, UtcTime


class FormKey(Base):
    """A form of a page that a person sent and that was carried out: a repeat is known by it."""

    __tablename__ = "form_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, info=OWN)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """HMAC-SHA-256 (hex) of the form's address and content under the form's key, which is random
    and stored nowhere: nobody can guess passwords against it."""
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    location: Mapped[str] = mapped_column(Text, info=COPY)
    """Where the answer led to; "" = to the page above the form's address."""
