"""Rows of reminders of quarterly reports, and of who is not to be reminded."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.people import User
from app.core.models.base import NAME, OWN, Base, UtcTime
from app.mail.models.mails import MailMessage
from app.registry.models.registry import Site


class ReportReminder(Base):
    """One reminder of one report, as it was sent."""

    __tablename__ = "report_reminders"
    __table_args__ = (
        UniqueConstraint("site_id", "quarter", "step"),
        Index(None, "message_id"),
        {"sqlite_autoincrement": True},  # the audit names them by their keys
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    quarter: Mapped[str] = mapped_column(String(7))
    step: Mapped[str] = mapped_column(String(30))
    """Which of the reminders: see ``app.reports.rules.reminders``."""
    at: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    """Who sent it; ``portal`` = by itself."""
    message_id: Mapped[int] = mapped_column(ForeignKey("mail_messages.id"))

    site: Mapped[Site] = relationship(lazy="joined")
    message: Mapped[MailMessage] = relationship()


class ReportQuiet(Base):
    """A site, or a person, that is not reminded of reports."""

    __tablename__ = "report_quiet"
    __table_args__ = (
        CheckConstraint("(site_id IS NULL) <> (user_id IS NULL)", name="site_or_person"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), unique=True, info=OWN)
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(255), info=NAME)

    site: Mapped[Site | None] = relationship(lazy="joined")
    user: Mapped[User | None] = relationship(lazy="joined")
