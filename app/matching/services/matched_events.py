"""Stored detected events: their number, and the one to which a raw event belongs.

The list with all its filters is ``app.duties.services.listed_events``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.rules.matching import How


@dataclass(frozen=True)
class DetectedFilter:
    """Which detected events to count, all conditions together; None = any."""

    begin: datetime | None = None
    """They start at this moment or later ..."""
    end: datetime | None = None
    """... and before this one (UTC)."""
    counted: bool | None = None
    documented: bool | None = None


def count_detected(session: Session, wanted: DetectedFilter) -> int:
    """Count them, in all networks."""
    query = select(func.count()).select_from(DetectedEvent)
    if wanted.begin is not None:
        query = query.where(DetectedEvent.start >= wanted.begin)
    if wanted.end is not None:
        query = query.where(DetectedEvent.start < wanted.end)
    for flag, value in (
        (DetectedEvent.is_counted, wanted.counted),
        (DetectedEvent.is_documented, wanted.documented),
    ):
        if value is not None:
            query = query.where(flag.is_(value))
    return session.scalar(query) or 0


def fulfils_condition() -> ColumnElement[bool]:
    """``app.matching.rules.matching.fulfils_obligation`` as a condition on a detected event and a
    matching ticket: the ticket documents it, and fulfils its obligations."""
    return and_(EventTicket.documents, or_(~DetectedEvent.is_open, EventTicket.how != How.SITE))


def detected_of(session: Session, event_id: int) -> DetectedEvent | None:
    """The detected event to which a raw one belongs, or None."""
    return session.scalars(
        select(DetectedEvent)
        .join(EventOfDetected, EventOfDetected.detected_id == DetectedEvent.id)
        .where(EventOfDetected.event_id == event_id)
    ).one_or_none()
