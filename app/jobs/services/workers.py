"""Which workers live: each notes now and then that it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ScalarSelect, delete, func, select, update
from sqlalchemy.orm import Session

from app.jobs.models.work import Job, TimedWork, Worker

FRESH: Final = timedelta(minutes=2)
"""A worker that was seen within this time counts as living; it says so every ten seconds."""
KEPT: Final = timedelta(days=1)
"""How long the row of a worker that was killed is kept."""


@dataclass(frozen=True)
class WorkerState:
    """What operators are told: how many workers live, and since when none does."""

    living: int
    last_seen: datetime | None
    """When any worker was seen last; None = never."""
    silent_minutes: int | None
    """Whole minutes since then where none lives; None if one does, or none was ever seen."""


def greet_worker(session: Session, worker: str, host: str, pid: int, now: datetime) -> None:
    """A worker has started."""
    session.add(Worker(id=worker, host=host[:255], pid=pid, begun_at=now, seen_at=now))
    session.flush()


def note_worker_lives(session: Session, worker: str, now: datetime, lease: timedelta) -> None:
    """It lives: what it has claimed stays its own for that time."""
    session.execute(update(Worker).where(Worker.id == worker).values(seen_at=now))
    for claimed in (Job, TimedWork):
        mine = update(claimed).where(claimed.claimed_by == worker)
        session.execute(mine.values(claimed_until=now + lease))


def dismiss_worker(session: Session, worker: str, now: datetime) -> None:
    """It ends in order. The newest that ended is kept, so that one knows since when none lives."""
    session.execute(
        delete(Worker).where(Worker.id != worker, Worker.seen_at < now - KEPT)
    )  # fmt: skip
    session.execute(
        update(Worker).where(Worker.id == worker).values(seen_at=now, ended_at=now)
    )  # fmt: skip


def workers_of(session: Session, now: datetime) -> Sequence[Worker]:
    """The workers that live."""
    return session.scalars(
        select(Worker)
        .where(Worker.seen_at >= now - FRESH, Worker.ended_at.is_(None))
        .order_by(Worker.begun_at)
    ).all()


def worker_state(session: Session, now: datetime) -> WorkerState:
    """Whether any worker lives at ``now``."""
    return worker_state_and(session, now)[0]


def worker_state_and(
    session: Session, now: datetime, *more: ScalarSelect[Any]
) -> tuple[WorkerState, Sequence[Any]]:
    """The same, with the values of ``more`` by the same statement."""
    living, last_seen, *others = session.execute(
        select(
            func.count().filter(Worker.seen_at >= now - FRESH, Worker.ended_at.is_(None)),
            func.max(Worker.seen_at, type_=Worker.seen_at.type),
            *more,
        )
    ).one()
    silent = None
    if not living and last_seen is not None:
        silent = max(0, int((now - last_seen).total_seconds() // 60))
    return WorkerState(living, last_seen, silent), others
