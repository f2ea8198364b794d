"""Tables of mails: content, recipient and delivery state, who watches tickets, and who wants no
mails."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import COPY, Base, UtcTime
from app.jobs.models.claims import Claimable


class MailNotification(Base):
    """The content of all notifications of one change; created once, when the mails are planned."""

    __tablename__ = "mail_letters"

    change_id: Mapped[int] = mapped_column(
        ForeignKey("changes.id"), primary_key=True, autoincrement=False
    )
    content: Mapped[str] = mapped_column(Text)
    """A ``Letter`` as JSON; nothing internal."""


class MailMessage(Base):
    """A mail that is written at once, not planned from the change log: reminders, invitations."""

    __tablename__ = "mail_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    """Identifies the message: it is queued once, however many callers try."""
    subject: Mapped[str] = mapped_column(String(255), info=COPY)
    text: Mapped[str] = mapped_column(Text, info=COPY)
    """Plain text; paragraphs are separated by an empty line."""
    url: Mapped[str] = mapped_column(String(500), info=COPY)
    """The page it refers to, relative to the portal's root: ``/reports/DE-KIT/2013-Q1``."""
    calendar: Mapped[str] = mapped_column(Text, default="", info=COPY)
    """An attached iCalendar object; "" = none."""
    calendar_method: Mapped[str] = mapped_column(String(20), default="")
    """Its METHOD (RFC 5546): REQUEST, CANCEL, PUBLISH."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Mail(Claimable, Base):
    """A mail to one address, or one line of that address's next digest."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("change_id", "address_key"),
        UniqueConstraint("message_id", "address_key"),
        Index(None, "due_at", "id"),
        Index(None, "state", "id"),
        # to find the recipient of an old unsubscribe link
        {"sqlite_autoincrement": True},
    )

    change_id: Mapped[int | None] = mapped_column(ForeignKey("mail_letters.change_id"))
    """The ticket's change it reports; None for a digest and for a message."""
    message_id: Mapped[int | None] = mapped_column(ForeignKey("mail_messages.id"))
    """The message; None for a digest and for a notification of a ticket."""
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"), index=True)
    """None for a digest, and for a message that is not about work on one ticket."""
    address: Mapped[str] = mapped_column(String(254))
    address_key: Mapped[str] = mapped_column(String(254))
    """The form in which addresses are compared."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """The person with this address, if there is one."""
    why: Mapped[str] = mapped_column(String(255))
    """Why this address is notified, as the mail says it."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, sent, failed; digest (waits for the next one), digested, dropped. A waiting mail is
    being sent while it is claimed."""
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="")
    """Why the last attempt failed, in the server's words."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    taker: Mapped[str | None] = mapped_column(String(255))
    """The mail server that accepted it, as host:port; "" = no server is configured, and it is a
    file; None = not sent, or sent before this was recorded."""
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("mails.id"), index=True)
    """The digest that contained it."""

    notification: Mapped[MailNotification | None] = relationship(lazy="joined")
    message: Mapped[MailMessage | None] = relationship(lazy="joined")


class MailStop(Base):
    """An address without an account that wants no mails."""

    __tablename__ = "mail_stops"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit refers to them by key

    id: Mapped[int] = mapped_column(primary_key=True)
    address_key: Mapped[str] = mapped_column(String(254), unique=True)
    since: Mapped[datetime] = mapped_column(UtcTime)
