"""The past of links: what was reported, and their state on each day. One statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import (
    Boolean,
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
from app.events.models.events import Event, EventSource, SourceSilence
from app.events.rules.hearing import Span, Watch, ongoing_silence, unwatched
from app.events.services.hearing import HAND
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import Category
from app.topology.rules.link_days import PastEvent, PastTicket, states_of_days
from app.topology.rules.link_states import LinkState
from app.topology.services.link_states import BEGUN, OVER, first_report, given_up, window_over


@dataclass(frozen=True)
class LinkPast:
    """What is known of one link in a period."""

    first_heard: datetime | None
    """Start of the first event that any source ever reported for it, UTC; None = none did."""
    events: Sequence[PastEvent]
    """Events that touch the period, without withdrawn ones."""
    tickets: Sequence[PastTicket]
    unwatched: Sequence[Span] = ()
    """When every source that watched it was silent, ascending; from the first event on."""

    def states(self, first: date, count: int) -> Sequence[LinkState]:
        """The state on each of these days, which must be within the period."""
        return states_of_days(
            self.events, self.tickets, self.first_heard, first, count, self.unwatched
        )


def past_of_links(
    session: Session, link_ids: Collection[int], first: date, until: datetime, now: datetime
) -> Mapping[int, LinkPast]:
    """What happened on each of these links from a day until a moment (UTC), not after ``now``. One
    statement."""
    if not link_ids:
        return {}
    begin = datetime.combine(first, time(), UTC)
    silent: dict[int, list[Span]] = defaultdict(list)
    watches: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    events: dict[int, list[PastEvent]] = defaultdict(list)
    tickets: dict[int, list[PastTicket]] = defaultdict(list)
    sources: dict[int, Any] = {}
    every = union_all(*_reports(link_ids, begin, until), _tickets(link_ids, begin, until))
    for row in session.execute(every):
        if row.kind == _HEARD:
            watches[row.link_id].append((row.begun, row.number))
            continue
        if row.kind == _SOURCE:
            sources[row.number] = row
            continue
        if row.kind == _SILENCE:
            silent[row.number].append((row.begun, row.over))
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
    # not in the statement: SQLite would scan all events in that order
    for found in tickets.values():
        found.sort(key=lambda one: one.number)
    for key, source in sources.items():
        silent[key].sort()
        expected = timedelta(minutes=int(source.word))
        ongoing = ongoing_silence(source.begun, expected, source.window_start, now)
        if ongoing is not None and ongoing[0] < until:
            silent[key].append(ongoing)
    return {
        key: LinkPast(
            min((since for since, _source in watches[key]), default=None),
            *(events[key], tickets[key]),
            unwatched([Watch(since, silent[source]) for since, source in watches[key]]),
        )
        for key in link_ids
    }


_HEARD, _EVENT, _TICKET = "heard", "event", "ticket"
_SOURCE, _SILENCE = "source", "silence"
_OF_TICKETS: Final = (
    *(literal(None, String()).label("layer"), literal(None, String()).label("impact")),
    *(
        literal(None, UtcTime()).label("window_start"),
        literal(None, UtcTime()).label("window_over"),
    ),
    cast(null(), Boolean()).label("given_up"),
)
"""Columns that only tickets have."""


def _reports(
    link_ids: Collection[int], begin: datetime, until: datetime
) -> tuple[Select[*tuple[Any, ...]], ...]:
    """Events, and for each link which sources watch it since when, and when these were silent."""
    first = first_report(until)
    reported = select(
        literal(_EVENT).label("kind"),
        *(Event.link_id, Event.id.label("number"), Event.state.label("word")),
        *(Event.start.label("begun"), Event.end.label("over"), *_OF_TICKETS),
    ).where(Event.link_id.in_(link_ids), Event.withdrawn_at.is_(None), Event.start < until)
    return (
        # separate, so that SQLite uses the index of ends for both
        reported.where(Event.end.is_(None)),
        reported.where(Event.end >= begin),
        select(
            *(literal(_HEARD), Link.id, EventSource.id, literal(None, String())),
            *(first, literal(None, UtcTime()), *_OF_TICKETS),
        )
        .join(EventSource, and_(EventSource.kind != HAND, first.is_not(None)))
        .where(Link.id.in_(link_ids)),
        select(
            *(literal(_SOURCE), literal(0), EventSource.id),
            cast(EventSource.expected_minutes, String()),
            *(EventSource.last_heard_at, literal(None, UtcTime()), *_OF_TICKETS[:2]),
            *(EventSource.silence_from, *_OF_TICKETS[3:]),
        ),
        select(
            *(literal(_SILENCE), literal(0), SourceSilence.source_id, literal(None, String())),
            *(SourceSilence.start, SourceSilence.end, *_OF_TICKETS),
        ).where(SourceSilence.end > begin, SourceSilence.start < until),
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
