"""Rows of files of events: each import with the result, and the file until it is written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, UtcTime


class EventImport(Base):
    """One file of events that a person or command gave."""

    __tablename__ = "event_imports"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    """What the file is called."""
    size: Mapped[int]
    """Bytes."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the file, by which the same one is known again."""
    source: Mapped[str] = mapped_column(String(50), default="")
    """The source of events whose line names none."""
    encoding: Mapped[str] = mapped_column(String(20), default="")
    """What a person said that it is written in; "" = UTF."""
    zone: Mapped[str] = mapped_column(String(50), default="")
    """The zone of times without one; "" = they are wrong."""
    only_good: Mapped[bool] = mapped_column(default=False)
    """Wrong lines are left out; else one of them keeps out all."""
    keeps_unknown: Mapped[bool] = mapped_column(default=False)
    """Events of unknown links and sites are stored as unresolved; else their lines are wrong."""
    state: Mapped[str] = mapped_column(String(10))
    """reading, read, writing, done, stopped (a line was wrong by then and all was requested, or an
    older portal broke it off in the middle), broken (no such file), dropped (by the
    person, before anything was written), failed (nobody could work on it to its end, and nothing
    was written) or withdrawn."""
    begun_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a worker began with what ``state`` names; None = nobody has."""
    new: Mapped[int] = mapped_column(default=0)
    """Lines; these four hold all that was read, and from done on all that was written."""
    corrected: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    """Known as they are there."""
    wrong: Mapped[int] = mapped_column(default=0)
    unresolved: Mapped[int] = mapped_column(default=0)
    """New ones and corrections that name a link or site that is not known."""
    shown: Mapped[str] = mapped_column(Text, default="")
    """What a person is to look at, as JSON: lines, and names that are not known."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """The person who gave it; None = a command."""
    author: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """The file, packed (zlib), from a page; None when the import has ended."""

    @property
    def lines(self) -> int:
        """Lines of the file, once it was read through."""
        return self.new + self.corrected + self.same + self.wrong


class EventsOfImport(Base):
    """A run of events that an import made: their ids follow one another. There are several where an
    older portal wrote it in parts."""

    __tablename__ = "events_of_imports"
    __table_args__ = (Index(None, "first_id"),)

    import_id: Mapped[int] = mapped_column(
        ForeignKey("event_imports.id", ondelete="CASCADE"), primary_key=True
    )
    first_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_id: Mapped[int]
