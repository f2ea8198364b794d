"""Rows of mails: what is told, to whom, what happened to it; who watches tickets, who wants
none."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import Base, UtcTime


class MailNotification(Base):
    """What all that are notified of one change are told; made once, when the mails were planned."""

    __tablename__ = "mail_letters"

    change_id: Mapped[int] = mapped_column(
        ForeignKey("changes.id"), primary_key=True, autoincrement=False
    )
    content: Mapped[str] = mapped_column(Text)
    """A ``Letter`` as JSON; nothing internal."""


class MailMessage(Base):
    """A mail that is written at once, not from the log of tickets: reminders, invitations."""

    __tablename__ = "mail_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    """What it is for; each is queued once, however many want to."""
    subject: Mapped[str] = mapped_column(String(255))
    text: Mapped[str] = mapped_column(Text)
    """Plain text; paragraphs are separated by an empty line."""
    url: Mapped[str] = mapped_column(String(500))
    """The page that it is about, from the portal's root: ``/reports/DE-KIT/2013-Q1``."""
    calendar: Mapped[str] = mapped_column(Text, default="")
    """An iCalendar object that goes with it; "" = none."""
    calendar_method: Mapped[str] = mapped_column(String(20), default="")
    """Its METHOD (RFC 5546): REQUEST, CANCEL, PUBLISH."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Mail(Base):
    """One mail to one address, or one line of its next digest."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("change_id", "address_key"),
        UniqueConstraint("message_id", "address_key"),
        Index(None, "due_at", "id"),
        Index(None, "state", "id"),
        # to find again what an old link to stop mails stands for
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    change_id: Mapped[int | None] = mapped_column(ForeignKey("mail_letters.change_id"))
    """What is told of a ticket; None for a digest and for a message."""
    message_id: Mapped[int | None] = mapped_column(ForeignKey("mail_messages.id"))
    """What was written at once; None for a digest and for what tells of a ticket."""
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"), index=True)
    """None for a digest, and for a message that is not about one ticket's work."""
    address: Mapped[str] = mapped_column(String(254))
    address_key: Mapped[str] = mapped_column(String(254))
    """By which addresses are compared."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Whose address it is, if a person has it."""
    why: Mapped[str] = mapped_column(String(255))
    """Why this address is told, as it is in the mail."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, sending, sent, failed; digest (waits for the next one), digested, dropped."""
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it is to be tried; while it is being sent, until when nobody else tries it."""
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="")
    """Why the last attempt failed, with the server's words."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    taker: Mapped[str | None] = mapped_column(String(255))
    """The mail server that accepted it, as host:port; "" = no server is set, and it is a file; None
    = not sent, or sent before that was recorded."""
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("mails.id"), index=True)
    """The digest that told it."""

    notification: Mapped[MailNotification | None] = relationship(lazy="joined")
    message: Mapped[MailMessage | None] = relationship(lazy="joined")


class MailStop(Base):
    """An address without an account that wants no mails."""

    __tablename__ = "mail_stops"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit names them by their keys

    id: Mapped[int] = mapped_column(primary_key=True)
    address_key: Mapped[str] = mapped_column(String(254), unique=True)
    since: Mapped[datetime] = mapped_column(UtcTime)
