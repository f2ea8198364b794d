"""The facts of reported events for figures, and the times of each link that come of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, case, func, select
from sqlalchemy.orm import Session

from app.events.figures.facts import EventRow, Events, facts_of, joined, replaced, unpack
from app.events.models.events import Event
from app.events.services.events import EVENT
from app.statistics.figures.availability import LinkSpans, followed
from app.statistics.services.blocks import Current, FactKind, Packed, current_facts

_LAYOUT: Final = 1
_AT_ONCE: Final = 1_000


def read_event_facts(session: Session, numbers: Sequence[int]) -> Events:
    """The facts of these events as their rows are now; numbers ascend. What was withdrawn is of no
    link: it never was."""
    table = Event.__table__
    link = case((table.c.withdrawn_at.is_(None), table.c.link_id))
    more = [table.c[name] for name in ("source_id", "state", "start", "end")]
    query = select(table.c.id, link, *more)
    connection = session.connection()
    if isinstance(numbers, range):
        within = [table.c.id.between(numbers.start, numbers.stop - 1)]
    else:
        parts = range(0, len(numbers), _AT_ONCE)
        within = [table.c.id.in_(numbers[first : first + _AT_ONCE]) for first in parts]
    return joined(
        [
            facts_of(EventRow(*row) for row in connection.execute(query.where(part)))
            for part in within
        ]
    )


def _highest(session: Session) -> int:
    return session.scalar(select(func.max(Event.id))) or 0


def _pack(events: Events) -> Packed:
    return Packed(events.tobytes())


def _unpack(packed: Packed) -> Events:
    return unpack(packed.rows)


EVENT_FACTS: Final = FactKind(
    EVENT, _LAYOUT, _highest, read_event_facts, _pack, _unpack, joined, replaced
)
"""The facts of events, as they are kept."""


@dataclass
class _Known:
    """The times of all links, and the events of which they were made."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    events: Events | None = None
    spans: Mapping[int, LinkSpans] = field(default_factory=dict)


_known: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()


def link_spans(session: Session) -> tuple[Mapping[int, LinkSpans], Current[Events]]:
    """The times of each link (by its key), and how far the events go that they are made of."""
    current = current_facts(session, EVENT_FACTS)
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    known = _known.setdefault(engine, _Known())
    with known.lock:
        before = known.events if known.events is not None else joined([])
        if before is not current.facts:
            known.spans = followed(known.spans, before, current.facts)
            known.events = current.facts
        return known.spans, current
