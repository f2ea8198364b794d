"""Which followers of the change log fail now: each with since when and why, beside the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ScalarSelect, delete, func, select
from sqlalchemy.orm import Session

from app.jobs.models.work import FollowerTrouble


def note_failure(session: Session, name: str, now: datetime, reason: str) -> None:
    """It failed at ``now``; since when it does stays what it was."""
    found = session.get(FollowerTrouble, name, with_for_update=True)
    if found is None:
        session.add(FollowerTrouble(name=name, since=now, failed_at=now, reason=reason))
    else:
        found.failed_at, found.reason = now, reason
    session.flush()


def note_success(session: Session, name: str) -> None:
    """It works again."""
    session.execute(delete(FollowerTrouble).where(FollowerTrouble.name == name))


def forget_others(session: Session, names: Collection[str]) -> None:
    """Leave out followers that no longer exist."""
    session.execute(delete(FollowerTrouble).where(FollowerTrouble.name.not_in(names)))


def failing_followers(session: Session) -> Sequence[FollowerTrouble]:
    """Those whose newest call failed, the longest first."""
    return session.scalars(
        select(FollowerTrouble).order_by(FollowerTrouble.since, FollowerTrouble.name)
    ).all()


def count_failing() -> ScalarSelect[int]:
    """How many there are, as part of another statement."""
    return select(func.count()).select_from(FollowerTrouble).scalar_subquery()
