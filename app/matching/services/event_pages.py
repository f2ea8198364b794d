"""The page of one event except its matching: the event, its history, and matching tickets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.errors import NotFound
from app.core.services.changes import changes_of
from app.events.models.events import Event, EventSource
from app.events.services.events import EVENT
from app.matching.models.matching import EventTicket
from app.matching.rules.matching import TicketTimes, ticket_interval
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket

MAX_TICKETS = 12
"""Tickets in the chart."""


@dataclass(frozen=True)
class EventFacts:
    """An event with the names of its link and site."""

    event: Event
    source: str
    link: Link | None
    site: Site | None

    @property
    def title(self) -> str:
        """Its link or site and its state, in one line."""
        where = self.link.name if self.link else self.event.link_text
        return where or (self.site.key if self.site else self.event.site_text)

    @property
    def site_ids(self) -> Collection[int]:
        """The site and the ends of the link, as far as the registry knows them."""
        ends = (self.link.end_a_id, self.link.end_b_id) if self.link else ()
        return {*ends, *([self.site.id] if self.site else [])}

    @property
    def is_unresolved(self) -> bool:
        """Whether its link or site is unknown."""
        return bool(
            (self.event.link_text and self.link is None)
            or (self.event.site_text and self.site is None)
        )


def event_facts(session: Session, event_id: int) -> EventFacts:
    """Return an event. Raises ``NotFound``. All people may read all events."""
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound
    source = session.get_one(EventSource, event.source_id)
    link = session.get(Link, event.link_id) if event.link_id is not None else None
    site = session.get(Site, event.site_id) if event.site_id is not None else None
    return EventFacts(event, source.name, link, site)


def history_of_event(session: Session, event_id: int) -> Sequence[Change]:
    """Its changes, oldest first: the report, corrections, decisions by hand."""
    return changes_of(session, EVENT, event_id)


@dataclass(frozen=True)
class Beside:
    """A ticket that matches a detected event, with the matching interval."""

    number: int
    start: datetime
    end: datetime | None
    documents: bool


def tickets_beside(session: Session, detected_id: int) -> Sequence[Beside]:
    """The tickets stored for a detected event, those that document it first."""
    rows = session.execute(
        select(
            EventTicket.ticket_number,
            EventTicket.documents,
            *(Ticket.state, Ticket.created_at, Ticket.event_start, Ticket.event_end),
            *(Ticket.window_start, Ticket.window_end, Ticket.ended_at),
        )
        .join(Ticket, Ticket.number == EventTicket.ticket_number)
        .where(EventTicket.detected_id == detected_id)
        .order_by(EventTicket.documents.desc(), EventTicket.ticket_number)
        .limit(MAX_TICKETS)
    )
    return [Beside(row[0], *ticket_interval(TicketTimes(*row[2:])), row[1]) for row in rows]
