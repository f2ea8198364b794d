"""The past of links: what was reported of them, and their state on each day. One statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Integer,
    Select,
    String,
    and_,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
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
    every = union_all(*_reports(link_ids, begin, until), _tickets(link_ids, begin, until))
    for row in session.execute(every):
        if row.kind == _HEARD:
            heard[row.link_id] = row.begun
            continue
        if row.kind == _EVENT:
            events[row.link_id].append(PastEvent(row.number, row.word, row.begun, row.over))
            continue
        windowed = row.window_start is not None and row.window_start < until and not row.given_up
        tickets[row.link_id].append(
            PastTicket(
                *(row.number, row.word, row.layer, row.impact),
                *(row.begun, row.over),
                row.window_start if windowed else None,
                row.window_over if windowed else None,
            )
        )
    # not by the statement: SQLite would walk all events in that order
    for found in tickets.values():
        found.sort(key=lambda one: one.number)
    return {key: LinkPast(heard.get(key), events[key], tickets[key]) for key in link_ids}


_HEARD, _EVENT, _TICKET = "heard", "event", "ticket"
_OF_TICKETS: Final = (
    *(literal(None, String()).label("layer"), literal(None, String()).label("impact")),
    *(
        literal(None, UtcTime()).label("window_start"),
        literal(None, UtcTime()).label("window_over"),
    ),
    cast(null(), Boolean()).label("given_up"),
)
"""What only tickets say."""


def _reports(
    link_ids: Collection[int], begin: datetime, until: datetime
) -> tuple[Select[*tuple[Any, ...]], ...]:
    """Events, and for each link when it was first heard of."""
    first = (
        select(Event.start)
        .where(Event.link_id == Link.id, Event.withdrawn_at.is_(None), Event.start < until)
        .order_by(Event.start)
        .limit(1)
        .correlate(Link)
        .scalar_subquery()
    )
    reported = select(
        literal(_EVENT).label("kind"),
        *(Event.link_id, Event.id.label("number"), Event.state.label("word")),
        *(Event.start.label("begun"), Event.end.label("over"), *_OF_TICKETS),
    ).where(Event.link_id.in_(link_ids), Event.withdrawn_at.is_(None), Event.start < until)
    return (
        # apart from each other, so that SQLite takes both from the index of ends
        reported.where(Event.end.is_(None)),
        reported.where(Event.end >= begin),
        select(
            *(literal(_HEARD), Link.id, literal(None, Integer()), literal(None, String())),
            *(first, literal(None, UtcTime()), *_OF_TICKETS),
        ).where(Link.id.in_(link_ids)),
    )


def _tickets(
    link_ids: Collection[int], begin: datetime, until: datetime
) -> Select[*tuple[Any, ...]]:
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
            *(literal(_TICKET), TicketLink.link_id, Ticket.number, Ticket.category),
            *(BEGUN, over, Ticket.layer, Ticket.impact, Ticket.window_start),
            *(window_over(), given_up()),
        )
        .join(Ticket, Ticket.number == TicketLink.ticket_number)
        .where(
            TicketLink.link_id.in_(link_ids),
            Ticket.category != Category.TEST,
            or_(is_incident, running),
        )
    )
