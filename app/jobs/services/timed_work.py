"""Timed work that is due: claimed by one worker at a time, on any number of machines.

Each function is short and uses its own write transaction. What a killed worker had claimed is due
again when the lease expires, so timed work must be safe to repeat.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.rules.errors import NotFound
from app.jobs.models.work import TimedWork
from app.jobs.rules.jobs import retry_pause
from app.jobs.rules.work import EVERY_WORK, WORK_NAMED

_ORDER: Final = {work.name: place for place, work in enumerate(EVERY_WORK)}


def know_timed_work(session: Session, names: Collection[str], now: datetime) -> None:
    """Insert a row for each new kind, first due according to its rhythm."""
    known = set(session.scalars(select(TimedWork.name)))
    for name in sorted(set(names) - known):
        session.add(TimedWork(name=name, due=WORK_NAMED[name].rhythm.first(now), failures=0))
    session.flush()


def due_work(session: Session, names: Collection[str], worker: str, now: datetime) -> Sequence[str]:
    """Return the kinds among ``names`` that are due and unclaimed; only reads.

    ``worker`` is the caller and does none now: a claim of its own is a run whose end it could not
    record.
    """
    found = session.scalars(
        select(TimedWork.name).where(TimedWork.name.in_(names), _is_free(worker, now))
    ).all()
    return sorted(found, key=lambda name: _ORDER.get(name, len(_ORDER)))


def next_due(session: Session, names: Collection[str], worker: str) -> datetime | None:
    """Return when the first of them is due for ``worker``; None = no such kind."""
    due = TimedWork.due
    until = func.coalesce(TimedWork.claimed_until, due)
    held = case((TimedWork.claimed_by == worker, due), (until > due, until), else_=due)
    first: datetime | None = session.scalar(
        select(func.min(held, type_=due.type)).where(TimedWork.name.in_(names))
    )
    return first


def claim_work(session: Session, name: str, worker: str, now: datetime, until: datetime) -> bool:
    """Claim one kind until that time; return False if it is no longer due or is claimed by another
    worker."""
    claimed = session.scalar(
        update(TimedWork)
        .where(TimedWork.name == name, _is_free(worker, now))
        .values(claimed_by=worker, claimed_until=until, begun_at=now)
        .returning(TimedWork.name)
    )
    return claimed is not None


def _is_free(worker: str, now: datetime) -> ColumnElement[bool]:
    free = or_(
        TimedWork.claimed_until.is_(None),
        TimedWork.claimed_until < now,
        TimedWork.claimed_by == worker,
    )
    return (TimedWork.due <= now) & free


def end_work(
    session: Session,
    name: str,
    worker: str,
    now: datetime,
    *,
    took: timedelta,
    outcome: str = "",
    failure: str = "",
    jitter: float = 0,
) -> None:
    """Record the end of a run: success with ``outcome`` in words, or a ``failure``, after which it
    is retried soon. Does nothing if this worker's lease expired and another worker has the
    claim."""
    row = session.scalar(
        select(TimedWork)
        .where(TimedWork.name == name, TimedWork.claimed_by == worker)
        .with_for_update()
    )
    if row is None:
        return
    regular = WORK_NAMED[name].rhythm.next(now)
    row.claimed_by = row.claimed_until = None
    row.ended_at = now
    row.milliseconds = round(took.total_seconds() * 1000)
    row.failure = failure
    if failure:
        row.failures += 1
        row.due = min(regular, now + retry_pause(row.failures + 3, jitter))
    else:
        row.failures = 0
        row.outcome = outcome
        row.due = regular
    session.flush()


def run_soon(session: Session, name: str, now: datetime) -> None:
    """Make one kind due at once. Raises ``NotFound`` for a kind that no worker ever registered."""
    found = session.scalar(
        update(TimedWork)
        .where(TimedWork.name == name)
        .values(due=now)
        .returning(TimedWork.name)
    )  # fmt: skip
    if found is None:
        raise NotFound


def timed_work(session: Session) -> Sequence[TimedWork]:
    """Return every registered kind with its state."""
    rows = session.scalars(select(TimedWork)).all()
    return sorted(
        (row for row in rows if row.name in WORK_NAMED), key=lambda row: _ORDER[row.name]
    )  # fmt: skip
