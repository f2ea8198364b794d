"""What happened on each link in a period: events, tickets, planned windows, LHC periods.

The same rows as in the lists, read for a timeline. Only reads; times are UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.calendar.services.calendar import (
    CATEGORIES,
    MAX_LENGTH,
    Agenda,
    CalendarFilter,
    agenda,
)
from app.core.rules.access import Actor
from app.duties.services.listed_events import Detected, EventFilter
from app.matching.models.matching import DetectedEvent
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.services.concern.concerned_sites import concerns_sites
from app.tickets.services.lists.query import readable

MAX_EVENTS: Final = 2_000
"""Most detected events of one timeline, the newest; the list shows more."""
MAX_TICKETS: Final = 500


@dataclass(frozen=True)
class LaneEvent:
    """A detected event on a link (its id), or on a site if no link is known."""

    id: int
    link: str
    site: str
    state: str
    start: datetime
    end: datetime | None
    """None = ongoing."""
    is_documented: bool


@dataclass(frozen=True)
class LaneTicket:
    """A ticket on one of its links: from its event, else its creation, to its end."""

    link: str
    number: int
    title: str
    state: str
    start: datetime
    end: datetime | None
    """None = not ended."""


@dataclass(frozen=True)
class Lanes:
    """The content of a timeline."""

    events: Sequence[LaneEvent]
    tickets: Sequence[LaneTicket]
    planned: Agenda
    is_cut: bool
    """Whether there is more than is shown."""


def lanes_between(
    session: Session,
    actor: Actor,
    first: datetime,
    last: datetime,
    now: datetime,
    *,
    site: Site | None = None,
    network: str = "",
) -> Lanes:
    """Read what touches the time from ``first`` until before ``last``, on all links, or those of a
    network or a site. Tickets created more than ``MAX_LENGTH`` before are omitted."""
    wanted = EventFilter(
        begins=first,
        ends=last,
        lasting=True,
        sites=(site.key,) if site is not None else (),
        networks=(network,) if network else (),
    )
    found = session.execute(
        Detected()
        .query(session, wanted, now)
        .order_by(DetectedEvent.start.desc(), DetectedEvent.id.desc())
        .limit(MAX_EVENTS + 1)
    ).all()
    events = [
        LaneEvent(
            row.id,
            row.link or "",
            row.site or "",
            row.state,
            row.start,
            row.end,
            row.is_documented,
        )
        for row in found[:MAX_EVENTS]
    ]
    tickets = _tickets(session, actor, first, last, site, network)
    planned = agenda(session, actor, first, last, CalendarFilter(site=site, network=network))
    is_cut = len(found) > MAX_EVENTS or len(tickets) > MAX_TICKETS or planned.more
    return Lanes(events[::-1], tickets[:MAX_TICKETS][::-1], planned, is_cut)


def _tickets(
    session: Session,
    actor: Actor,
    first: datetime,
    last: datetime,
    site: Site | None,
    network: str,
) -> Sequence[LaneTicket]:
    start = func.coalesce(Ticket.event_start, Ticket.created_at)
    query = (
        select(
            Link.name,
            Ticket.number,
            Ticket.title,
            Ticket.state,
            Ticket.event_start,
            Ticket.event_end,
            Ticket.created_at,
            Ticket.ended_at,
        )
        .join(TicketLink, TicketLink.ticket_number == Ticket.number)
        .join(Link, Link.id == TicketLink.link_id)
        .where(
            Ticket.created_at >= first - MAX_LENGTH,
            or_(
                Ticket.ended_at.is_(None), func.coalesce(Ticket.event_end, Ticket.ended_at) > first
            ),
            start < last,
            # planned work is shown as its window
            or_(Ticket.category.not_in(CATEGORIES), Ticket.window_start.is_(None)),
            readable(actor),
        )
        .order_by(Ticket.created_at.desc(), Ticket.number.desc(), TicketLink.position)
        .limit(MAX_TICKETS + 1)
    )
    if site is not None:
        query = query.where(concerns_sites((site.id,)))
    if network:
        query = query.where(Link.network == network)
    return [
        LaneTicket(
            row.name,
            row.number,
            row.title,
            row.state,
            row.event_start or row.created_at,
            (row.event_end or row.ended_at) if row.ended_at else None,
        )
        for row in session.execute(query)
    ]
