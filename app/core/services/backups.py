"""What the portal knows of its backups: when `flask backup` last created one, and whether `flask
verify-backup` could restore one.

Copies that are made in another way (of the disk, by the database's own tools) are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.models.changes import PortalFact

MADE_AT: Final = "backup_made_at"
"""The row of ``portal_facts`` with the time of the newest backup, ISO 8601 UTC."""
VERIFIED: Final = "backup_verified"
"""The row with two times: when the backup was made that was verified last, and when that was."""
FAILED: Final = "backup_verification_failed"
"""The row with the time and the reason of a verification that failed; none after a success."""
VERIFIED_WITHIN: Final = timedelta(days=3)
"""A verified backup that is older is reported as old; the alert rules have the same number."""
_MOST: Final = 255
"""Characters of a value."""


@dataclass(frozen=True)
class Verification:
    """What is known of backups that were restored and compared. A failure does not change when the
    last success was."""

    made_at: datetime | None
    """When the backup was made that was verified last; None = none ever was."""
    verified_at: datetime | None
    failed_at: datetime | None
    """When the newest verification failed; None = it succeeded, or none ever ran."""
    reason: str
    """Why it failed."""

    def is_old(self, now: datetime) -> bool:
        """Whether a backup was verified, but none of the last days."""
        return self.made_at is not None and now - self.made_at > VERIFIED_WITHIN


def note_backup(session: Session, now: datetime) -> None:
    """Keep that a backup was made, whole and on disk, of what was committed ``now`` (UTC)."""
    session.merge(PortalFact(name=MADE_AT, value=now.astimezone(UTC).isoformat()))


def last_backup(session: Session) -> datetime | None:
    """When the newest known backup was made (UTC); None = no backup is known. One statement."""
    stored = session.scalar(select(PortalFact.value).where(PortalFact.name == MADE_AT))
    return datetime.fromisoformat(stored) if stored else None


def note_verified(session: Session, made_at: datetime, now: datetime) -> None:
    """Keep that the backup of ``made_at`` was restored and compared ``now`` (both UTC)."""
    times = (made_at.astimezone(UTC).isoformat(), now.astimezone(UTC).isoformat())
    session.merge(PortalFact(name=VERIFIED, value=" ".join(times)))
    session.execute(delete(PortalFact).where(PortalFact.name == FAILED))


def note_not_verified(session: Session, reason: str, now: datetime) -> None:
    """Keep that a verification failed ``now`` (UTC), and why: one line, cut where it is long."""
    line = " ".join(reason.encode("utf-8", "replace").decode().split())
    value = f"{now.astimezone(UTC).isoformat()} {line}"[:_MOST]
    session.merge(PortalFact(name=FAILED, value=value))


def last_verification(session: Session) -> Verification:
    """What is known of verified backups. One statement."""
    stored = dict(
        session.execute(
            select(PortalFact.name, PortalFact.value).where(PortalFact.name.in_((VERIFIED, FAILED)))
        ).all()
    )
    made_at, _, verified_at = stored.get(VERIFIED, "").partition(" ")
    failed_at, _, reason = stored.get(FAILED, "").partition(" ")
    return Verification(_time(made_at), _time(verified_at), _time(failed_at), reason)


def _time(stored: str) -> datetime | None:
    return datetime.fromisoformat(stored) if stored else None
