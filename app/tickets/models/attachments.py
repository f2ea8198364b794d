"""Rows of attachments: what is known of a file, and apart from it its content."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.partners import Partner
from app.core.models.base import Base, UtcTime


class Attachment(Base):
    """A file at a ticket. Partners know it as ``ATT`` and its id."""

    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From a counter, so that ids become visible in their order."""
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    """The file's name, cleaned: no folder, no control characters."""
    size: Mapped[int]
    """Bytes of its content."""
    media_type: Mapped[str] = mapped_column(String(30))
    """What its content is, derived from the bytes; decides what may be shown."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of its content."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(255))
    """Who is shown: the person, or what the partner claims."""
    created_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partners.id"))
    """The partner whose account sent it."""
    removed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Its content was deleted then; the row says that it was there."""
    removed_by: Mapped[str] = mapped_column(String(255), default="")

    partner: Mapped[Partner | None] = relationship(lazy="joined")


class AttachmentContent(Base):
    """The bytes of an attachment, in a table of their own: lists never load them."""

    __tablename__ = "attachment_contents"

    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachments.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
