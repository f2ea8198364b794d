"""Teleconferences as lists: coming, requested, over; and those that are in calendars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, selectinload

from app.meetings.models.teleconferences import Teleconference
from app.meetings.rules.teleconferences import MAX_LENGTH, TcState

PAGE: Final = 50
_SHOWN = (
    selectinload(Teleconference.times),
    selectinload(Teleconference.tickets),
    selectinload(Teleconference.people),
)
_MAX_OPEN: Final = 200


def is_over(row: Teleconference, now: datetime) -> bool:
    """Whether its time has passed."""
    return row.starts_at is not None and row.starts_at + timedelta(minutes=row.length) <= now


def coming(session: Session, now: datetime) -> Sequence[Teleconference]:
    """Those that are set and not over, the next one first."""
    rows = session.scalars(
        select(Teleconference)
        .where(
            Teleconference.state == TcState.SET,
            Teleconference.starts_at > now - timedelta(minutes=MAX_LENGTH),
        )
        .order_by(Teleconference.starts_at, Teleconference.id)
        .options(*_SHOWN)
        .limit(_MAX_OPEN)
    )
    return [row for row in rows if not is_over(row, now)]


def without_minutes(session: Session, now: datetime) -> Sequence[Teleconference]:
    """Those that are over and not marked as held yet, the newest first."""
    rows = session.scalars(
        select(Teleconference)
        .where(Teleconference.state == TcState.SET, Teleconference.starts_at <= now)
        .order_by(Teleconference.starts_at.desc(), Teleconference.id.desc())
        .options(*_SHOWN)
        .limit(_MAX_OPEN)
    )
    return [row for row in rows if is_over(row, now)]


def asked_for(session: Session, *, whole: bool = True) -> Sequence[Teleconference]:
    """Those that wait for the chair, the oldest first; ``whole``: with their people, times and
    tickets."""
    return session.scalars(
        select(Teleconference)
        .where(Teleconference.state == TcState.ASKED)
        .order_by(Teleconference.id)
        .options(*_SHOWN if whole else ())
        .limit(_MAX_OPEN)
    ).all()


def ended(
    session: Session, *, was_held: bool, before: int | None = None
) -> tuple[Sequence[Teleconference], int | None]:
    """Those that were held, or that were declined or cancelled, the newest first, before a number;
    and the number before which the next page begins, or None."""
    states = (TcState.HELD,) if was_held else (TcState.DECLINED, TcState.CANCELLED)
    query = (
        select(Teleconference)
        .where(Teleconference.state.in_(states))
        .order_by(Teleconference.id.desc())
        .options(*_SHOWN)
        .limit(PAGE + 1)
    )
    if before is not None:
        query = query.where(Teleconference.id < before)
    rows = session.scalars(query).all()
    return rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None


def in_calendars(session: Session, first: datetime) -> Sequence[Teleconference]:
    """Those with a time from ``first`` (UTC) on, cancelled ones included, by time."""
    return session.scalars(
        select(Teleconference)
        .where(
            Teleconference.starts_at >= first,
            or_(
                Teleconference.state.in_((TcState.SET, TcState.HELD)),
                and_(Teleconference.state == TcState.CANCELLED, Teleconference.sequence > 0),
            ),
        )
        .order_by(Teleconference.starts_at, Teleconference.id)
        .options(selectinload(Teleconference.tickets))
        .limit(_MAX_OPEN)
    ).all()
