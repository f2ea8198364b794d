"""The detected events that match a ticket, as its page lists them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.matching.models.matching import DetectedEvent, EventTicket
from app.registry.models.registry import Link, Site

MAX_EVENTS: Final = 10
"""Events that the page of a ticket lists."""


class EventOfTicket(NamedTuple):
    """A detected event that matches a ticket; times are UTC."""

    id: int
    where: str
    """Its link's id, else its site's name."""
    state: str
    start: datetime
    end: datetime | None
    documents: bool
    """Whether the ticket documents it; otherwise it only matches."""
    total: int
    """The number of all events that match the ticket."""


_EVENTS: Final = (
    select(
        DetectedEvent.id,
        func.coalesce(Link.name, Site.key, ""),
        DetectedEvent.state,
        DetectedEvent.start,
        DetectedEvent.end,
        EventTicket.documents,
        func.count().over(),
    )
    .join(EventTicket, EventTicket.detected_id == DetectedEvent.id)
    .outerjoin(Link, Link.id == DetectedEvent.link_id)
    .outerjoin(Site, Site.id == DetectedEvent.site_id)
    .where(EventTicket.ticket_number == bindparam("number"))
    .order_by(EventTicket.documents.desc(), DetectedEvent.start.desc(), DetectedEvent.id)
    .limit(MAX_EVENTS)
)


def events_of_ticket(session: Session, number: int) -> Sequence[EventOfTicket]:
    """Those that it documents first, then the newest ones; one statement."""
    return [EventOfTicket(*row) for row in session.execute(_EVENTS, {"number": number})]
