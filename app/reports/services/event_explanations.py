"""What happened to the events that a report has words about, and where those words belong now.

An event is named by the raw event with which it begins; that changes when an earlier one comes in,
and its words go with it. Only reads; who moves words is ``app.reports.services.reports``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.rules.language import _
from app.events.models.events import Event
from app.matching.models.matching import DetectedEvent, EventOfDetected
from app.registry.models.registry import Link
from app.reports.rules.event_explanations import ExplanationState, OtherWords
from app.reports.rules.form import EVENT
from app.reports.rules.numbers import ReportNumbers


@dataclass(frozen=True)
class _Vanished:
    """An event that is no detected one under this id any more."""

    link: str
    event: Event
    part_of: int | None


def other_words(
    session: Session, fields: Mapping[str, str], numbers: ReportNumbers
) -> Sequence[OtherWords]:
    """The words about events that these numbers do not list, by the events' starts."""
    written = _written(fields)
    for listed in numbers.undocumented:
        written.pop(listed.id, None)
    if not written:
        return []
    found = {}
    for row, link in session.execute(
        select(DetectedEvent, Link.name)
        .join(Link, Link.id == DetectedEvent.link_id, isouter=True)
        .where(DetectedEvent.id.in_(written))
    ):
        counts = row.is_counted and row.quarter == numbers.quarter
        found[row.id] = OtherWords(
            row.id,
            link or "",
            row.state,
            row.start,
            row.end,
            written[row.id],
            ExplanationState.DOCUMENTED if counts else ExplanationState.COUNTS_NO_MORE,
        )
    for key, gone in _vanished(session, written.keys() - found.keys()).items():
        one = gone.event
        fate = ExplanationState.GONE if gone.part_of is None else ExplanationState.PART
        found[key] = OtherWords(
            key, gone.link, one.state, one.start, one.end, written[key], fate, gone.part_of
        )
    for key in written.keys() - found.keys():
        found[key] = OtherWords(
            key, _("Event %(key)s", key=key), "", None, None, written[key], ExplanationState.GONE
        )
    return sorted(found.values(), key=lambda one: (one.start is None, one.start or one.id, one.id))


def moved_words(session: Session, fields: Mapping[str, str]) -> Mapping[str, str]:
    """By the name of a field with words about an event that no longer counts: the name of the field
    of the event that covers its time now."""
    written = _written(fields)
    if not written:
        return {}
    known = session.scalars(select(DetectedEvent.id).where(DetectedEvent.id.in_(written)))
    gone = _vanished(session, written.keys() - set(known))
    return {
        f"{EVENT}{key}": f"{EVENT}{one.part_of}"
        for key, one in sorted(gone.items(), key=lambda each: (each[1].event.start, each[0]))
        if one.part_of is not None
    }


def _written(fields: Mapping[str, str]) -> dict[int, str]:
    return {
        int(name.removeprefix(EVENT)): words
        for name, words in fields.items()
        if name.startswith(EVENT) and words.strip()
    }


def _vanished(session: Session, keys: Collection[int]) -> Mapping[int, _Vanished]:
    """Of these raw events: the detected one to which each belongs, else, as it was withdrawn or
    corrected, the first one that overlaps it on its link."""
    if not keys:
        return {}
    rows = session.execute(
        select(Event, Link.name, EventOfDetected.detected_id)
        .join(Link, Link.id == Event.link_id)
        .join(EventOfDetected, EventOfDetected.event_id == Event.id, isouter=True)
        .where(Event.id.in_(keys))
    )
    return {
        event.id: _Vanished(link, event, covering or _overlapping(session, event))
        for event, link, covering in rows.all()
    }


def _overlapping(session: Session, event: Event) -> int | None:
    query = select(DetectedEvent.id).where(
        DetectedEvent.link_id == event.link_id,
        or_(DetectedEvent.end.is_(None), DetectedEvent.end >= event.start),
    )
    if event.end is not None:
        query = query.where(DetectedEvent.start <= event.end)
    return session.scalar(query.order_by(DetectedEvent.start, DetectedEvent.id).limit(1))
