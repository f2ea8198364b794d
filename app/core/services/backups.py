"""When a backup of the database was last made, as far as the portal knows: `flask backup` says so.

Copies that are made in another way (of the disk, by the database's own tools) are not known here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import PortalFact

MADE_AT: Final = "backup_made_at"
"""The row of ``portal_facts`` with the time of the newest backup, ISO 8601 UTC."""


def note_backup(session: Session, now: datetime) -> None:
    """Keep that a backup was made, whole and on disk, of what was committed ``now`` (UTC)."""
    session.merge(PortalFact(name=MADE_AT, value=now.astimezone(UTC).isoformat()))


def last_backup(session: Session) -> datetime | None:
    """When the newest known backup was made (UTC); None = no backup is known. One statement."""
    stored = session.scalar(select(PortalFact.value).where(PortalFact.name == MADE_AT))
    return datetime.fromisoformat(stored) if stored else None
