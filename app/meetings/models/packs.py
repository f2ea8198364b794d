"""Rows of meeting packs: what was ordered, how far it is, and the files that result from it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import NAME, Base, UtcTime


class MeetingPack(Base):
    """Slides of a range of quarters. A pack never changes once it is made."""

    __tablename__ = "meeting_packs"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit names them by their keys

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    first_quarter: Mapped[str] = mapped_column(String(7))
    last_quarter: Mapped[str] = mapped_column(String(7))
    """``2013-Q2``; it is included."""
    slides: Mapped[str] = mapped_column(Text)
    """The kinds of slides in their order, separated by blanks."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, making, made or failed."""
    done: Mapped[int] = mapped_column(default=0)
    """Steps that are done, of the try that runs."""
    whole: Mapped[int] = mapped_column(default=0)
    """How many steps there are."""
    doing: Mapped[str] = mapped_column(String(255), default="")
    """The step that runs, in words."""
    trouble: Mapped[str] = mapped_column(Text, default="")
    """At which step the last try failed and why; "" = none did."""
    pages: Mapped[int] = mapped_column(default=0)
    """Slides that it became, the title's included."""
    computed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Of when its figures are (UTC)."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    """Who ordered it."""
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    made_at: Mapped[datetime | None] = mapped_column(UtcTime)


class MeetingPackFile(Base):
    """One file of a pack."""

    __tablename__ = "meeting_pack_files"

    pack_id: Mapped[int] = mapped_column(
        ForeignKey("meeting_packs.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(4), primary_key=True)
    """pptx or pdf."""
    size: Mapped[int]
    """Bytes."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
