"""Tables of incoming mails, and what happened to each."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import SENTENCE, Base, UtcTime


class IncomingMail(Base):
    """An incoming mail."""

    __tablename__ = "incoming_mails"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "ticket_number", "holder", "received_at"),
        {"sqlite_autoincrement": True},  # the change log refers to them by key
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """A digest of its Message-ID, or of the whole mail if it has none; if an earlier one has the
    same Message-ID, of that and the mail's content."""
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    recipient: Mapped[str] = mapped_column(String(254), default="")
    """The address to which the mail server delivered it, if known."""
    sender: Mapped[str] = mapped_column(String(254), default="")
    """The address in the mail itself."""
    subject: Mapped[str] = mapped_column(String(255), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    """Its whole text, plain; for an unreadable mail, its raw beginning."""
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """The mail as it arrived; empty if ``is_whole`` is false."""
    is_whole: Mapped[bool] = mapped_column(default=True)
    """Whether ``content`` is stored: it is deleted earlier than the text."""
    size: Mapped[int] = mapped_column(default=0)
    """Bytes of the mail as it arrived."""
    files: Mapped[str | None] = mapped_column(Text)
    """Name and size of each of its files, JSON; None = it was read before this was recorded."""
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(500), default="", info=SENTENCE)
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"))
    """The ticket that it is about, if known."""
    holder: Mapped[str] = mapped_column(String(20), default="")
    """The recipient for which the portal issued the reply address; "" = nobody."""
    added_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it became a comment."""


class IncomingMailDay(Base):
    """Mails that arrived on one day (UTC) from the senders with one limit, and mails that were
    refused."""

    __tablename__ = "incoming_mail_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    room: Mapped[str] = mapped_column(String(20), primary_key=True)
    """The recipient of the reply address, as in ``holder``; "" = all senders without one."""
    kept: Mapped[int] = mapped_column(default=0)
    kept_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(default=0)
    refused_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    unreviewed: Mapped[int] = mapped_column(default=0)
    """Mails that were deleted on this day without review."""
