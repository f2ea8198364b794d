"""Followers of the change log that fail now: each with the first failure and its reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ScalarSelect, delete, func, select
from sqlalchemy.orm import Session

from app.jobs.models.work import FollowerTrouble


def note_failure(session: Session, name: str, now: datetime, reason: str) -> None:
    """Record a failure at ``now``; the time of the first failure stays."""
    found = session.get(FollowerTrouble, name, with_for_update=True)
    if found is None:
        session.add(FollowerTrouble(name=name, since=now, failed_at=now, reason=reason))
    else:
        found.failed_at, found.reason = now, reason
    session.flush()


def note_success(session: Session, name: str) -> None:
    """Record that the follower works again."""
    session.execute(delete(FollowerTrouble).where(FollowerTrouble.name == name))


def forget_others(session: Session, names: Collection[str]) -> None:
    """Delete the rows of followers that no longer exist."""
    session.execute(delete(FollowerTrouble).where(FollowerTrouble.name.not_in(names)))


def failing_followers(session: Session) -> Sequence[FollowerTrouble]:
    """Return the followers whose last call failed, longest-failing first."""
    return session.scalars(
        select(FollowerTrouble).order_by(FollowerTrouble.since, FollowerTrouble.name)
    ).all()


def count_failing() -> ScalarSelect[int]:
    """A subquery that counts the failing followers, for use in another statement."""
    return select(func.count()).select_from(FollowerTrouble).scalar_subquery()
