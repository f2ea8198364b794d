"""The claim of rows that wait for a worker, on both databases: mails and webhooks.

A row waits if it has a ``due_at``. A worker claims it until a time, and works without an open
transaction. If the worker is killed, its claim ends at that time, and another worker claims the
row. The time is the fence, too: only the worker whose claim has not been replaced records a result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, case, func, or_, select, update
from sqlalchemy.orm import Session, lazyload

from app.jobs.models.claims import Claimable

Row = TypeVar("Row", bound=Claimable)


def due(session: Session, kind: type[Row], now: datetime, limit: int) -> Sequence[int]:
    """The ids of rows that can be claimed, at most ``limit``; the one that waits longest first."""
    return session.scalars(_due(select(kind.id), kind, now, limit)).all()


def claim(
    session: Session, kind: type[Row], now: datetime, until: datetime, limit: int
) -> Sequence[Row]:
    """Claim rows until a time, at most ``limit``; the one that waits longest first. Rows that
    another transaction has locked are skipped."""
    query = _due(select(kind).options(lazyload("*")), kind, now, limit)
    rows = session.scalars(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        row.claimed_until = until
    session.flush()
    return rows


def claimed(session: Session, kind: type[Row], row_id: int, until: datetime) -> Row | None:
    """The row, locked, if it has the claim that ends at ``until``; None = it was claimed again,
    released or deleted."""
    return session.scalars(
        select(kind)
        .where(kind.id == row_id, kind.claimed_until == until)
        .with_for_update(of=kind)
    ).first()  # fmt: skip


def release(session: Session, kind: type[Row], ids: Collection[int], until: datetime) -> None:
    """Let any worker claim those of the rows that have the claim that ends at ``until``."""
    session.execute(
        update(kind).where(kind.id.in_(ids), kind.claimed_until == until).values(claimed_until=None)
    )


def next_look(session: Session, kind: type[Row]) -> datetime | None:
    """When a row can be claimed next, perhaps in the past; None = nothing waits."""
    # a claimed row is looked at when its claim ends, unless its worker is done earlier
    at = case((kind.claimed_until > kind.due_at, kind.claimed_until), else_=kind.due_at)
    first: datetime | None = session.scalar(
        select(func.min(at, type_=kind.due_at.type)).where(kind.due_at.is_not(None))
    )
    return first


def _due(query: Select[Any], kind: type[Claimable], now: datetime, limit: int) -> Select[Any]:
    is_free = or_(kind.claimed_until.is_(None), kind.claimed_until <= now)
    return query.where(kind.due_at <= now, is_free).order_by(kind.due_at, kind.id).limit(limit)
