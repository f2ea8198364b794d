"""Rows of mails: what is told, to whom, what became of it; who watches tickets, who wants none."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, UtcTime


class MailLetter(Base):
    """What all that are told of one change are told; made once, when the mails were planned."""

    __tablename__ = "mail_letters"

    change_id: Mapped[int] = mapped_column(
        ForeignKey("changes.id"), primary_key=True, autoincrement=False
    )
    content: Mapped[str] = mapped_column(Text)
    """A ``Letter`` as JSON; nothing internal."""


class Mail(Base):
    """One mail to one address, or one line of its next digest."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("change_id", "address_key"),
        Index(None, "due_at", "id"),
        Index(None, "state", "id"),
        # to find again what an old link to stop mails stands for
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    change_id: Mapped[int | None] = mapped_column(ForeignKey("mail_letters.change_id"))
    """What is told; None for a digest."""
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"), index=True)
    """None for a digest."""
    address: Mapped[str] = mapped_column(String(254))
    address_key: Mapped[str] = mapped_column(String(254))
    """By which addresses are compared."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Whose address it is, if a person has it."""
    why: Mapped[str] = mapped_column(String(255))
    """Why this address is told, as it stands in the mail."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, sending, sent, failed; digest (waits for the next one), digested, dropped."""
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it is to be tried; while it is being sent, until when nobody else tries it."""
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="")
    """Why the last attempt was in vain, with the server's words."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("mails.id"), index=True)
    """The digest that told it."""

    letter: Mapped[MailLetter | None] = relationship(lazy="joined")


class MailStop(Base):
    """An address without an account that wants no mails."""

    __tablename__ = "mail_stops"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit names them by their keys

    id: Mapped[int] = mapped_column(primary_key=True)
    address_key: Mapped[str] = mapped_column(String(254), unique=True)
    since: Mapped[datetime] = mapped_column(UtcTime)


class TicketWatcher(Base):
    """A person who wants the mails of a ticket."""

    __tablename__ = "ticket_watchers"

    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    since: Mapped[datetime] = mapped_column(UtcTime)
