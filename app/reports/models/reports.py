"""Rows of quarterly reports: the form's versions, a site's report with its fields, what was signed.

A report's fields are rows of their own, each with a version: two people of one site write different
ones at the same time, and see where they wrote the same.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.attached_files import AttachedFile
from app.core.models.base import NAME, Base, UtcTime
from app.registry.models.registry import Site


class ReportForm(Base):
    """A version of the questions. Once it is in use it never changes: reports refer to it."""

    __tablename__ = "report_forms"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Counted from 1."""
    content: Mapped[str] = mapped_column(Text)
    """The questions as JSON: see ``app.reports.rules.form``."""
    first_quarter: Mapped[str | None] = mapped_column(String(7))
    """Reports of this quarter and later ones that are started from now on use it; None = a
    draft."""
    note: Mapped[str] = mapped_column(Text, default="")
    """Why it was made."""
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it came into use; None = a draft, which may change."""
    version: Mapped[int] = mapped_column(default=1)
    """Raised by one with each change of a draft."""


class Report(Base):
    """The report of one site about one quarter. None is stored until somebody writes in it."""

    __tablename__ = "reports"
    __table_args__ = (
        UniqueConstraint("quarter", "site_id"),
        Index(None, "site_id"),
        {"sqlite_autoincrement": True},  # the audit names them by their keys
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    quarter: Mapped[str] = mapped_column(String(7))
    """``2013-Q1``."""
    state: Mapped[str] = mapped_column(String(10))
    """draft, submitted, accepted or reopened (decisions, section 10)."""
    form_number: Mapped[int] = mapped_column(ForeignKey("report_forms.number"))
    version: Mapped[int] = mapped_column(default=1)
    """Raised by one with each move and each saved field."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(String(255), info=NAME)
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_by: Mapped[str] = mapped_column(String(255), info=NAME)
    first_submitted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """This one decides whether it was late: a reopened report is late only if it was."""
    submitted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the newest version was signed."""
    submitted_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    accepted_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)

    site: Mapped[Site] = relationship(lazy="joined")
    form: Mapped[ReportForm] = relationship()
    fields: Mapped[list[ReportField]] = relationship(
        order_by="ReportField.name", cascade="all, delete-orphan"
    )
    versions: Mapped[list[ReportVersion]] = relationship(
        order_by="ReportVersion.number", cascade="all, delete-orphan"
    )
    comments: Mapped[list[ReportComment]] = relationship(
        order_by="ReportComment.id", cascade="all, delete-orphan"
    )


class ReportField(Base):
    """What is in one field of a report as it is written now."""

    __tablename__ = "report_fields"

    report_id: Mapped[int] = mapped_column(
        ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    """``answer.KEY`` of a question, ``event.ID`` (why no ticket documents this detected event),
    ``number.KEY`` (the site counts another number than the portal) or ``reason.KEY`` (why)."""
    value: Mapped[str] = mapped_column(Text)
    """"" = emptied; the row stays, so that its version keeps counting."""
    version: Mapped[int] = mapped_column(default=1)
    """Raised by one each time it is saved."""
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_by: Mapped[str] = mapped_column(String(255), info=NAME)


class ReportVersion(Base):
    """A report as it was signed: frozen with the numbers of that moment."""

    __tablename__ = "report_versions"

    report_id: Mapped[int] = mapped_column(
        ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Counted from 1 within its report."""
    form_number: Mapped[int] = mapped_column(ForeignKey("report_forms.number"))
    numbers: Mapped[str] = mapped_column(Text)
    """What the portal counted then, as JSON: see ``app.reports.rules.numbers``."""
    fields: Mapped[str] = mapped_column(Text)
    """The fields as they were, a JSON object of name and value."""
    submitted_at: Mapped[datetime] = mapped_column(UtcTime)
    submitted_by: Mapped[str] = mapped_column(String(255), info=NAME)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    accepted_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    reopened_at: Mapped[datetime | None] = mapped_column(UtcTime)
    reopened_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    reopen_reason: Mapped[str] = mapped_column(Text, default="")


class ReportComment(Base):
    """What the site and the chair say to each other about a report."""

    __tablename__ = "report_comments"
    __table_args__ = (Index(None, "report_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class ReportAttachment(AttachedFile, Base):
    """A file of a report: its facts."""

    __tablename__ = "report_attachments"

    report_id: Mapped[int] = mapped_column(
        ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Counted from 1 within its report; that of a removed one is not given again."""
    first_version: Mapped[int]
    """The first signed version that holds it, or will: what was signed before does not."""


class ReportAttachmentContent(Base):
    """The bytes of a report's attachment, in a table of their own: lists never load them."""

    __tablename__ = "report_attachment_contents"
    __table_args__ = (
        ForeignKeyConstraint(
            ["report_id", "number"],
            ["report_attachments.report_id", "report_attachments.number"],
            ondelete="CASCADE",
        ),
    )

    report_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
