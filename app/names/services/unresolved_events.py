"""Reported events that name a link or site which the registry does not know: which names, how
often, by which sources. What is made of names is decided for tickets and events together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.events.models.events import Event, EventSource


def borne_name(kind: str) -> InstrumentedAttribute[str] | None:
    """The column of names of this kind (link or site); None where events have none."""
    return {"link": Event.link_text, "site": Event.site_text}.get(kind)


def is_unsettled(kind: str) -> ColumnElement[bool]:
    """That an event has a name of this kind which is not known, and is one."""
    column, known = {
        "link": (Event.link_text, Event.link_id),
        "site": (Event.site_text, Event.site_id),
    }[kind]
    return (column != "") & known.is_(None) & Event.withdrawn_at.is_(None)


def event_counts(
    session: Session, kind: str, name: str | None = None
) -> Mapping[str, tuple[int, int]]:
    """Name to the number of events that have it and the id of the newest: of all, or of one."""
    column = borne_name(kind)
    if column is None:
        return {}
    query = select(column, func.count(), func.max(Event.id)).where(is_unsettled(kind))
    if name is not None:
        query = query.where(column == name)
    return {row[0]: (row[1], row[2]) for row in session.execute(query.group_by(column))}


def reporting_sources(
    session: Session, kind: str, names: Sequence[str]
) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Which sources reported the events that have each name, with how many."""
    column = borne_name(kind)
    if column is None:
        return {}
    query: Any = (
        select(column, EventSource.name, func.count())
        .join(EventSource, EventSource.id == Event.source_id)
        .where(is_unsettled(kind), column.in_(names))
        .group_by(column, EventSource.name)
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for name, source, count in session.execute(query):
        found.setdefault(name, []).append((source, count))
    return found
