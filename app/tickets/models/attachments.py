"""Rows of attachments: what is known of a file, and apart from it its content."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.partners import Partner
from app.core.models.attached_files import AttachedFile
from app.core.models.base import Base


class Attachment(AttachedFile, Base):
    """A file at a ticket. Partners know it as ``ATT`` and its id."""

    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From a counter, so that ids become visible in their order."""
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), index=True)
    created_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partners.id"))
    """The partner whose account sent it."""

    partner: Mapped[Partner | None] = relationship(lazy="joined")


class AttachmentContent(Base):
    """The bytes of an attachment, in a table of their own: lists never load them."""

    __tablename__ = "attachment_contents"

    attachment_id: Mapped[int] = mapped_column(ForeignKey("attachments.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
