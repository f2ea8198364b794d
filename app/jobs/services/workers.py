"""Which workers are alive: each records a heartbeat at intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ScalarSelect, delete, func, select, update
from sqlalchemy.orm import Session

from app.jobs.models.work import Job, TimedWork, Worker

FRESH: Final = timedelta(minutes=2)
"""A worker seen within this time counts as alive; it sends a heartbeat every ten seconds."""
RETENTION: Final = timedelta(days=1)
"""How long the row of a killed worker stays."""


@dataclass(frozen=True)
class WorkerState:
    """What operators see: how many workers are alive and, if none is, since when."""

    living: int
    last_seen: datetime | None
    """When any worker was last seen; None = never."""
    silent_minutes: int | None
    """Whole minutes since then if no worker is alive; None if one is, or none was ever seen."""


def greet_worker(session: Session, worker: str, host: str, pid: int, now: datetime) -> None:
    """Record that a worker has started."""
    session.add(Worker(id=worker, host=host[:255], pid=pid, begun_at=now, seen_at=now))
    session.flush()


def note_worker_lives(session: Session, worker: str, now: datetime, lease: timedelta) -> None:
    """Record a heartbeat: the worker's claims are extended by the lease."""
    session.execute(update(Worker).where(Worker.id == worker).values(seen_at=now))
    for claimed in (Job, TimedWork):
        mine = update(claimed).where(claimed.claimed_by == worker)
        session.execute(mine.values(claimed_until=now + lease))


def dismiss_worker(session: Session, worker: str, now: datetime) -> None:
    """Record an orderly end. The row of the newest one stays, to show since when no worker is
    alive."""
    session.execute(
        delete(Worker).where(Worker.id != worker, Worker.seen_at < now - RETENTION)
    )  # fmt: skip
    session.execute(
        update(Worker).where(Worker.id == worker).values(seen_at=now, ended_at=now)
    )  # fmt: skip


def workers_of(session: Session, now: datetime) -> Sequence[Worker]:
    """List the workers that are alive."""
    return session.scalars(
        select(Worker)
        .where(Worker.seen_at >= now - FRESH, Worker.ended_at.is_(None))
        .order_by(Worker.begun_at)
    ).all()


def worker_state(session: Session, now: datetime) -> WorkerState:
    """Return whether any worker is alive at ``now``."""
    return worker_state_and(session, now)[0]


def worker_state_and(
    session: Session, now: datetime, *more: ScalarSelect[Any]
) -> tuple[WorkerState, Sequence[Any]]:
    """Return the same with the values of ``more``, read in one statement."""
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
