"""Detected events as they are kept: how many there are, and to which one a raw event belongs.

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
    """What is wanted of the detected events, all of it together; None = everything."""

    begin: datetime | None = None
    """They begin at this moment or later ..."""
    end: datetime | None = None
    """... and before this one (UTC)."""
    counted: bool | None = None
    documented: bool | None = None


def count_detected(session: Session, wanted: DetectedFilter) -> int:
    """How many there are, of all networks."""
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
    """``app.matching.rules.matching.fulfils_obligation`` of a detected event and a ticket beside
    it: the ticket documents it, and fulfils its obligations."""
    return and_(EventTicket.documents, or_(~DetectedEvent.is_open, EventTicket.how != How.SITE))


def detected_of(session: Session, event_id: int) -> DetectedEvent | None:
    """The detected event to which a raw one belongs; None where it belongs to none."""
    return session.scalars(
        select(DetectedEvent)
        .join(EventOfDetected, EventOfDetected.detected_id == DetectedEvent.id)
        .where(EventOfDetected.event_id == event_id)
    ).one_or_none()
