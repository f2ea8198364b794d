"""Detected events by what figures count them by: every number of a figure is a list of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.models import DetectedEvent, Event, EventOfDetected, Link


@dataclass(frozen=True)
class DetectedFilter:
    """What is wanted of the detected events, all of it together; None and "" = everything."""

    begin: datetime | None = None
    """They begin at this moment or later ..."""
    end: datetime | None = None
    """... and before this one (UTC)."""
    site_id: int | None = None
    """At an end of the link, or the site that an event names."""
    t1_id: int | None = None
    """It was the T1 end, or one of two, when the event began: a row of the table per T1."""
    no_t1: bool = False
    """Neither end was a T1 then: the T0's own row."""
    link_id: int | None = None
    network: str = ""
    state: str = ""
    source_id: int | None = None
    """A source that reported one of its periods."""
    documented: bool | None = None
    counted: bool | None = None
    maintenance: bool | None = None


def conditions(wanted: DetectedFilter) -> Sequence[ColumnElement[bool]]:
    """The same as conditions on ``DetectedEvent``."""
    found: list[ColumnElement[bool]] = []
    if wanted.begin is not None:
        found.append(DetectedEvent.start >= wanted.begin)
    if wanted.end is not None:
        found.append(DetectedEvent.start < wanted.end)
    if wanted.site_id is not None:
        ends = select(Link.id).where(
            or_(Link.end_a_id == wanted.site_id, Link.end_b_id == wanted.site_id)
        )
        found.append(or_(DetectedEvent.link_id.in_(ends), DetectedEvent.site_id == wanted.site_id))
    if wanted.t1_id is not None:
        found.append(
            or_(DetectedEvent.t1_id == wanted.t1_id, DetectedEvent.other_t1_id == wanted.t1_id)
        )
    if wanted.no_t1:
        found.append(and_(DetectedEvent.t1_id.is_(None), DetectedEvent.link_id.is_not(None)))
    if wanted.link_id is not None:
        found.append(DetectedEvent.link_id == wanted.link_id)
    for column, text in (
        (DetectedEvent.network, wanted.network),
        (DetectedEvent.state, wanted.state),
    ):
        if text:
            found.append(column == text)
    for flag, value in (
        (DetectedEvent.is_documented, wanted.documented),
        (DetectedEvent.is_counted, wanted.counted),
        (DetectedEvent.is_maintenance, wanted.maintenance),
    ):
        if value is not None:
            found.append(flag.is_(value))
    if wanted.source_id is not None:
        found.append(
            exists().where(
                EventOfDetected.detected_id == DetectedEvent.id,
                Event.id == EventOfDetected.event_id,
                Event.source_id == wanted.source_id,
            )
        )
    return found


def count_detected(session: Session, wanted: DetectedFilter) -> int:
    """How many there are."""
    counted = select(func.count()).select_from(DetectedEvent).where(*conditions(wanted))
    return session.scalar(counted) or 0


def detected_page(
    session: Session,
    wanted: DetectedFilter,
    limit: int,
    *,
    before: tuple[datetime, int] | None = None,
) -> Sequence[DetectedEvent]:
    """The newest first; up to ``limit`` that begin before the place of a row (start, id)."""
    query = select(DetectedEvent).where(*conditions(wanted))
    if before is not None:
        start, number = before
        query = query.where(
            or_(
                DetectedEvent.start < start,
                and_(DetectedEvent.start == start, DetectedEvent.id < number),
            )
        )
    newest = (DetectedEvent.start.desc(), DetectedEvent.id.desc())
    return session.scalars(query.order_by(*newest).limit(limit)).all()


def detected_of(session: Session, event_id: int) -> DetectedEvent | None:
    """The detected event to which a raw one belongs; None where it belongs to none."""
    return session.scalars(
        select(DetectedEvent)
        .join(EventOfDetected, EventOfDetected.detected_id == DetectedEvent.id)
        .where(EventOfDetected.event_id == event_id)
    ).one_or_none()
