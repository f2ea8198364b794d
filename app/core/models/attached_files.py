"""What is known of an attached file, the same wherever it is attached."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import NAME, UtcTime


class AttachedFile:
    """Columns of a table of files. Their bytes are in another table, so that lists never load
    them."""

    name: Mapped[str] = mapped_column(String(255))
    """The file's name, cleaned: no folder, no control characters."""
    size: Mapped[int]
    """Bytes of its content."""
    media_type: Mapped[str] = mapped_column(String(30))
    """What its content is, derived from the bytes; decides what may be shown."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of its content."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    """Who is shown: the person, or what the partner claims."""
    removed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Its content was deleted then; the row says that it was there."""
    removed_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)

    def mark_removed(self, at: datetime, by: str) -> None:
        """Note the removal; the same transaction deletes the content."""
        self.removed_at, self.removed_by = at, by
