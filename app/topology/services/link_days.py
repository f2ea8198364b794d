"""The past of links: what was reported of them, and their state on each day. Two statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Integer, String, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from app.core.models.base import UtcTime
from app.events.models.events import Event
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import Category
from app.topology.rules.link_days import PastEvent, PastTicket, states_of_days
from app.topology.rules.link_states import LinkState
from app.topology.services.link_states import BEGUN, OVER, given_up, window_over


@dataclass(frozen=True)
class LinkPast:
    """What is known of one link in a time."""

    first_heard: datetime | None
    """When the first event began that any source ever reported of it, UTC; None = none did."""
    events: Sequence[PastEvent]
    """Those that touch the time, withdrawn ones left out."""
    tickets: Sequence[PastTicket]

    def states(self, first: date, count: int) -> Sequence[LinkState]:
        """The state on each of these days, which lie in that time."""
        return states_of_days(self.events, self.tickets, self.first_heard, first, count)


def past_of_links(
    session: Session, link_ids: Collection[int], first: date, until: datetime
) -> Mapping[int, LinkPast]:
    """What happened on each of these links from a day on until a moment (UTC), not after now."""
    if not link_ids:
        return {}
    begin = datetime.combine(first, time(), UTC)
    heard: dict[int, datetime | None] = {}
    events: dict[int, list[PastEvent]] = defaultdict(list)
    tickets: dict[int, list[PastTicket]] = defaultdict(list)
    for row in session.execute(_reports(link_ids, begin, until)):
        if row.id is None:
            heard[row.link_id] = row.start
        else:
            events[row.link_id].append(PastEvent(row.id, row.state, row.start, row.end))
    for row in session.execute(_tickets(link_ids, begin, until)):
        windowed = row.window_start is not None and row.window_start < until and not row.given_up
        tickets[row.link_id].append(
            PastTicket(
                *(row.number, row.category, row.layer, row.impact),
                *(row.begun, row.over),
                row.window_start if windowed else None,
                row.window_over if windowed else None,
            )
        )
    return {key: LinkPast(heard.get(key), events[key], tickets[key]) for key in link_ids}


def _reports(link_ids: Collection[int], begin: datetime, until: datetime) -> Any:
    """Events, and for each link a row without id: when it was first heard of."""
    first = (
        select(Event.start)
        .where(Event.link_id == Link.id, Event.withdrawn_at.is_(None), Event.start < until)
        .order_by(Event.start)
        .limit(1)
        .correlate(Link)
        .scalar_subquery()
    )
    reported = select(Event.link_id, Event.id, Event.state, Event.start, Event.end).where(
        Event.link_id.in_(link_ids), Event.withdrawn_at.is_(None), Event.start < until
    )
    return union_all(
        # apart from each other, so that SQLite takes both from the index of ends
        reported.where(Event.end.is_(None)),
        reported.where(Event.end >= begin),
        select(
            *(Link.id, literal(None, Integer()), literal(None, String())),
            *(first, literal(None, UtcTime())),
        ).where(Link.id.in_(link_ids)),
    )


def _tickets(link_ids: Collection[int], begin: datetime, until: datetime) -> Any:
    over = func.coalesce(OVER, Ticket.ended_at)
    is_incident = and_(
        Ticket.category == Category.INCIDENT, until > BEGUN, or_(over.is_(None), over >= begin)
    )
    running = and_(
        Ticket.window_start < until,
        or_(window_over().is_(None), window_over() >= begin),
        ~given_up(),
    )
    return (
        select(
            *(TicketLink.link_id, Ticket.number, Ticket.category, Ticket.layer, Ticket.impact),
            *(BEGUN.label("begun"), over.label("over"), Ticket.window_start),
            *(window_over().label("window_over"), given_up().label("given_up")),
        )
        .join(Ticket, Ticket.number == TicketLink.ticket_number)
        .where(
            TicketLink.link_id.in_(link_ids),
            Ticket.category != Category.TEST,
            or_(is_incident, running),
        )
        .order_by(Ticket.number)
    )
