"""Rows of mails that came in, and what happened to each."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, UtcTime


class IncomingMail(Base):
    """A mail that came in."""

    __tablename__ = "incoming_mails"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "ticket_number", "holder", "received_at"),
        {"sqlite_autoincrement": True},  # the change log names them by their keys
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """A digest of its Message-ID, or of the whole where it has none; of the Message-ID and what the
    mail holds where an earlier one has the same."""
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    recipient: Mapped[str] = mapped_column(String(254), default="")
    """To whom the mail server delivered it, if it said so."""
    sender: Mapped[str] = mapped_column(String(254), default="")
    """The address that the mail itself names."""
    subject: Mapped[str] = mapped_column(String(255), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    """Its whole text, plain; of a mail that could not be read its beginning as it came."""
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """The mail as it came; empty where ``is_whole`` is false."""
    is_whole: Mapped[bool] = mapped_column(default=True)
    """Whether ``content`` is stored: it is deleted earlier than the text."""
    size: Mapped[int] = mapped_column(default=0)
    """Bytes of the mail as it came."""
    files: Mapped[str | None] = mapped_column(Text)
    """Name and size of each of its files, JSON; None = it was read before this was recorded."""
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(500), default="")
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"))
    """The ticket that it is about, as far as that is known."""
    holder: Mapped[str] = mapped_column(String(20), default="")
    """To whom the portal gave the address that was answered; "" = to nobody."""
    added_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it became a comment."""


class IncomingMailDay(Base):
    """What came in on one day (UTC) from the senders of one room, and what was refused."""

    __tablename__ = "incoming_mail_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    room: Mapped[str] = mapped_column(String(20), primary_key=True)
    """To whom the portal gave the address that was answered; "" = all senders who answer none."""
    kept: Mapped[int] = mapped_column(default=0)
    kept_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(default=0)
    refused_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    unreviewed: Mapped[int] = mapped_column(default=0)
    """Mails that were deleted on this day and that nobody had reviewed."""
