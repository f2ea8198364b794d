"""The facts of reported events for figures, and the times of each link that result from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.events.figures.facts import EventRow, Events, facts_of, joined
from app.events.models.events import Event
from app.events.services.events import EVENT
from app.statistics.figures.availability import followed
from app.statistics.services.cache import FactKind


def read_events(session: Session, numbers: Sequence[int]) -> Events:
    """The facts of these events as their rows are now; numbers ascend. What was withdrawn is of no
    link: it never was."""
    table = Event.__table__
    link = case((table.c.withdrawn_at.is_(None), table.c.link_id))
    more = [table.c[name] for name in ("state", "start", "end", "source_id")]
    within = (
        table.c.id.between(numbers.start, numbers.stop - 1)
        if isinstance(numbers, range)
        else table.c.id.in_(numbers)
    )
    rows = session.connection().execute(select(table.c.id, link, *more).where(within))
    return facts_of(EventRow(*row) for row in rows)


def _highest(session: Session) -> int:
    return session.scalar(select(func.max(Event.id))) or 0


EVENT_FACTS: Final = FactKind(EVENT, _highest, read_events, joined, followed)
"""The facts of events, as they are cached: with the times of each link."""
