"""Tables of imports of event files: each import with its result, and the file until it is
written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import NAME, Base, UtcTime


class EventImport(Base):
    """A file of events from a person or a command."""

    __tablename__ = "event_imports"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    """The name of the file."""
    size: Mapped[int]
    """Bytes."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the file, which identifies repeated imports."""
    source: Mapped[str] = mapped_column(String(50), default="")
    """The source of events whose line names none."""
    encoding: Mapped[str] = mapped_column(String(20), default="")
    """The encoding that the person chose; "" = UTF."""
    zone: Mapped[str] = mapped_column(String(50), default="")
    """The time zone of times without one; "" = such times are errors."""
    only_good: Mapped[bool] = mapped_column(default=False)
    """Wrong lines are skipped; otherwise one of them rejects the whole file."""
    keeps_unknown: Mapped[bool] = mapped_column(default=False)
    """Events with unknown links and sites are stored as unresolved; otherwise their lines are
    wrong."""
    state: Mapped[str] = mapped_column(String(10))
    """reading, read, writing, done, stopped (a line was wrong by then and all lines were required,
    or an older version of the portal was interrupted), broken (not an event file), dropped (by
    the person, before anything was written), failed (it could not be completed, and nothing was
    written) or withdrawn."""
    begun_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a worker started on the step in ``state``; None = not started."""
    new: Mapped[int] = mapped_column(default=0)
    """Lines; these four count everything that was read, and from done on everything that was
    written."""
    corrected: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    """Already stored with the same content."""
    wrong: Mapped[int] = mapped_column(default=0)
    unresolved: Mapped[int] = mapped_column(default=0)
    """New events and corrections that name an unknown link or site."""
    shown: Mapped[str] = mapped_column(Text, default="")
    """What the person should look at, as JSON: lines, and unknown names."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """The person who submitted it; None = a command."""
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """The compressed file (zlib), from a page; None after the import has ended."""

    @property
    def lines(self) -> int:
        """Lines of the file, once it was read."""
        return self.new + self.corrected + self.same + self.wrong


class EventsOfImport(Base):
    """A run of events created by an import: their ids are consecutive. There are several if an
    older version of the portal wrote it in parts."""

    __tablename__ = "events_of_imports"
    __table_args__ = (Index(None, "first_id"),)

    import_id: Mapped[int] = mapped_column(
        ForeignKey("event_imports.id", ondelete="CASCADE"), primary_key=True
    )
    first_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_id: Mapped[int]
