"""The states of any number of links, now or on a day, in one statement.

For now, it starts from the ongoing events and the open tickets (few, with indexes of their own),
whatever else ever was on the links; it also reads which sources ever reported a link and when they
were last heard. The rule (``app.topology.rules.link_states``) decides what they mean together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Date,
    Integer,
    Row,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from app.calendar.services.calendar import is_cancelled
from app.core.models.base import UtcTime
from app.events.models.events import Event, EventSource
from app.events.rules.hearing import (
    Hearing,
    Span,
    Watch,
    silence_in_words,
    silent_since,
    times_in_words,
    unwatched,
)
from app.events.services.hearing import HAND, silences
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.rules.matching import How
from app.registry.models.registry import Link
from app.registry.rules.registry import covers
from app.registry.services.record_lists import in_use_on
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import OPEN_STATES, Category, Impact, Layer
from app.topology.rules.link_states import (
    AHEAD,
    HEARD,
    NEVER,
    NOT_YET,
    LinkState,
    LinkStatus,
    Monitoring,
    OngoingEvent,
    OpenTickets,
    WindowPhase,
    flapping_in_words,
    state_of_link,
)

BEGUN: Final = func.coalesce(Ticket.event_start, Ticket.window_start, Ticket.created_at)
"""When the subject of a ticket started ..."""
OVER: Final = func.coalesce(Ticket.event_end, Ticket.window_end)
"""... and when it ended, as far as the ticket states it."""
_IS_INCIDENT: Final = Ticket.category == Category.INCIDENT
_SAYS_STATE: Final = or_(_IS_INCIDENT, Ticket.window_start.is_not(None))
"""Whether a ticket affects the state of its links."""


Moment = datetime | BindParameter[datetime]
"""A time (UTC), or its place in a statement."""
Keys = Collection[int] | Select[int] | BindParameter[Any]
"""The keys of links, a query for them, or their place in a statement."""


def link_states(
    session: Session, link_ids: Collection[int] | None, now: datetime
) -> Mapping[int, LinkStatus]:
    """Return the state of each of these links at ``now`` (UTC), by key.

    None: of the links in use; those without any information are omitted: they are unmonitored.
    """
    if link_ids is not None and not link_ids:
        return {}
    given = {
        "now": now,
        "ahead": now + AHEAD,
        **({"today": now.astimezone(UTC).date()} if link_ids is None else {"links": [*link_ids]}),
    }
    rows = session.execute(_states_now(all_in_use=link_ids is None), given)
    return _judged(rows, link_ids, until=now)


@cache  # SQLAlchemy takes as long to make it as the database to answer it
def _states_now(*, all_in_use: bool) -> CompoundSelect[*tuple[Any, ...]]:
    now, ahead = bindparam("now", type_=UtcTime()), bindparam("ahead", type_=UtcTime())
    links: Keys = bindparam("links", expanding=True)
    if all_in_use:
        in_use = in_use_on(Link, bindparam("today", type_=Date()))
        links = select(Link.id).where(in_use).correlate(None)
    happening = and_(Event.end.is_(None), Event.withdrawn_at.is_(None))
    running = and_(
        Ticket.window_start <= now, or_(Ticket.window_end.is_(None), Ticket.window_end > now)
    )
    planned = and_(Ticket.window_start > now, Ticket.window_start <= ahead)
    said = _open_tickets(_phase(running, planned))
    tickets = _counted(said.c, said.c.link_id.in_(links), said.c.is_of_state)
    return _every(links, happening, _of_ongoing(now, said), tickets, now)


def ongoing_event(session: Session, event_id: int, now: datetime) -> OngoingEvent:
    """An ongoing event of a link with its ticket, in the form used for the link's state."""
    said = _open_tickets(literal(WindowPhase.NONE.value))
    query = _events(Event.id == event_id, _of_ongoing(now, said))
    return _ongoing(session.execute(query).one(), now)


_TROUBLE: Final = frozenset(one for one in LinkState if one.endswith(("down", "degraded")))


@dataclass(frozen=True)
class StillReported:
    """A link that a source still reports as down or degraded; times are UTC."""

    link: str
    state: LinkState
    event: int
    since: datetime | None
    heard_at: datetime | None
    """When the event's source was last heard."""


def still_reported(
    session: Session, links: Mapping[int, str], states: Mapping[int, LinkStatus]
) -> Sequence[StillReported]:
    """Those of these links (names by key) that have an ongoing event down or degraded, by name;
    also if the state comes from a ticket with a worse state, which may be a solved one."""
    troubled = [key for key in links if key in states and states[key].state in _TROUBLE]
    if not troubled:
        return []
    ongoing: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in session.execute(
        select(Event.link_id, Event.id, Event.state, Event.start, EventSource.last_heard_at)
        .join(EventSource, EventSource.id == Event.source_id)
        .where(
            *(Event.link_id.in_(troubled), Event.end.is_(None), Event.withdrawn_at.is_(None)),
            Event.state.in_((LinkState.DOWN, LinkState.DEGRADED)),
        )
        .order_by(Event.start, Event.id)
    ):
        ongoing[row.link_id].append(row)
    found = []
    for key, rows in ongoing.items():
        status = states[key]
        of_state = next((row for row in rows if row.id == status.event), None)
        if of_state is not None:
            row, state, since = of_state, status.state, status.since
        else:
            row = rows[0]
            state, since = LinkState(row.state), row.start
        found.append(StillReported(links[key], state, row.id, since, row.last_heard_at))
    return sorted(found, key=lambda one: one.link)


def still_reported_of(
    session: Session, tickets: Collection[int], now: datetime
) -> Mapping[int, Sequence[StillReported]]:
    """The links in use, by name, that are affected by each of these tickets (by number) and still
    reported as down or degraded.

    The number of statements does not depend on the number of tickets.
    """
    if not tickets:
        return {}
    today = now.astimezone(UTC).date()
    affected = session.execute(
        select(TicketLink.ticket_number, Link.id, Link.name, Link.valid_from, Link.valid_until)
        .join(Link, Link.id == TicketLink.link_id)
        .where(TicketLink.ticket_number.in_(tickets))
    )
    rows = [one for one in affected if covers((one.valid_from, one.valid_until), today)]
    names = {one.id: one.name for one in rows}
    reported = still_reported(session, names, link_states(session, names.keys(), now))
    numbers: dict[str, set[int]] = {}
    for one in rows:
        numbers.setdefault(one.name, set()).add(one.ticket_number)
    found: dict[int, list[StillReported]] = {}
    for trouble in reported:
        for number in numbers[trouble.link]:
            found.setdefault(number, []).append(trouble)
    return found


def link_states_on(
    session: Session, link_ids: Collection[int], day: date, now: datetime
) -> Mapping[int, LinkStatus]:
    """Return the state of each of these links on a day (UTC); ``now`` decides which day is today.

    For a past day, every event, incident and window counts that touches it; work abandoned before
    it started was planned until then. For a future day only windows are known.
    """
    today = now.astimezone(UTC).date()
    if not link_ids:
        return {}
    if day == today:
        return link_states(session, link_ids, now)
    begin, end = _bounds(day)
    is_past = day < today
    happening = and_(
        Event.withdrawn_at.is_(None),
        Event.start < end,
        or_(Event.end.is_(None), Event.end >= begin),
    )
    over = func.coalesce(OVER, Ticket.ended_at)
    running = and_(
        Ticket.window_start < end,
        or_(window_over().is_(None), window_over() >= begin),
        ~given_up(),
    )
    known = and_(Ticket.created_at < end, or_(Ticket.ended_at.is_(None), Ticket.ended_at >= begin))
    planned = and_(
        *(Ticket.window_start >= end, Ticket.window_start < _later(end, AHEAD), known),
        ~and_(given_up(), Ticket.ended_at < end),
    )
    # a late entry still belongs to its own time
    met = and_(end > BEGUN, or_(over.is_(None), over >= begin))
    counts = or_(and_(_IS_INCIDENT, met) if is_past else false(), running, planned)
    named = TicketLink.link_id.in_(link_ids)
    said = _said(_phase(running, planned)).where(named, _SAYS_STATE, counts)
    tickets = _counted(said.subquery().c)
    until = end if is_past else now
    every = _every(link_ids, happening if is_past else false(), _documents(until), tickets, until)
    silent = _OnDay(begin, end, silences(session, begin, end, now)) if is_past else None
    found = _judged(session.execute(every), link_ids, until=until, silent=silent)
    if is_past:
        return found
    calm = (LinkState.OK, LinkState.UNMONITORED)
    return {key: NOT_YET if one.state in calm else one for key, one in found.items()}


def _every(
    link_ids: Keys,
    happening: ColumnElement[bool],
    documents: ColumnElement[Any],
    tickets: Select[*tuple[Any, ...]],
    until: Moment,
) -> CompoundSelect[*tuple[Any, ...]]:
    """All that is known of the links, for ``_judged``."""
    which = and_(happening, Event.link_id.in_(link_ids))
    return union_all(_events(which, documents), _watches(link_ids, until), tickets)


def _judged(
    rows: Iterable[Row[*tuple[Any, ...]]],
    link_ids: Collection[int] | None,
    *,
    until: datetime,
    silent: _Now | _OnDay | None = None,
) -> Mapping[int, LinkStatus]:
    events: dict[int, list[tuple[int, OngoingEvent]]] = defaultdict(list)
    said: dict[int, list[OpenTickets]] = defaultdict(list)
    watches: dict[int, dict[int, _Watch]] = defaultdict(dict)
    for row in rows:
        if row.kind == _EVENT:
            events[row.link_id].append((row.newest, _ongoing(row, until)))
        elif row.kind == _WATCH:
            expected = timedelta(minutes=row.first)
            hearing = Hearing(row.word, expected, row.at)
            watches[row.link_id][row.id] = _Watch(row.id, hearing, row.window_start)
        else:
            ends = row.window_end if row.ends == row.id else None
            is_near = row.phase != WindowPhase.NONE
            said[row.link_id].append(
                OpenTickets(
                    *(row.word, row.layer, row.impact, WindowPhase(row.phase)),
                    *(row.id, row.first, row.newest, row.at),
                    *((row.window_start, ends) if is_near else (None, None)),
                )
            )
    silent = silent or _Now(until)
    keys = {*watches, *events, *said} if link_ids is None else link_ids
    found = {}
    for key in keys:
        # an event that a person entered is not monitored
        of = watches.get(key, {})
        found[key] = state_of_link(
            [
                replace(one, silence=silent.source(of[source])) if source in of else one
                for source, one in events.get(key, ())
            ],
            said.get(key, ()),
            silent.link([*of.values()]) if of else NEVER,
        )
    return found


def _ongoing(row: Row[*tuple[Any, ...]], now: datetime) -> OngoingEvent:
    begun = row.window_start
    flapping = flapping_in_words(row.ends, now - begun) if row.ends and begun else ""
    return OngoingEvent(
        *(row.id, row.word, row.at, row.first),
        *(row.ticket_state or "", row.how or ""),
        flapping=flapping,
        flapping_since=begun if flapping else None,
    )


@dataclass(frozen=True)
class _Watch:
    """A source that watches a link."""

    source: int
    hearing: Hearing
    since: datetime
    """Start of the first event that it reported for the link."""


class _Now:
    """Which sources are silent at this moment."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def source(self, one: _Watch) -> str:
        """In words, that a source is silent; "" = it is heard."""
        return one.hearing.words(self._now) if one.hearing.is_silent(self._now) else ""

    def link(self, watches: Sequence[_Watch]) -> Monitoring:
        """Whether a link that these sources ever reported is watched."""
        every = [one.hearing for one in watches]
        if not all(one.is_silent(self._now) for one in every):
            return HEARD
        return Monitoring(
            is_reported=True,
            silence=silence_in_words(every, self._now),
            since=silent_since(every),
        )


class _OnDay:
    """Which sources were silent on a past day."""

    def __init__(
        self, begin: datetime, end: datetime, silences: Mapping[int, Sequence[Span]]
    ) -> None:
        self._begin, self._end, self._silences = begin, end, silences

    def source(self, _one: _Watch) -> str:
        """What a source reported of a day is known, whatever came later."""
        return ""

    def link(self, watches: Sequence[_Watch]) -> Monitoring:
        """Whether a link was watched all day."""
        found = unwatched([Watch(one.since, self._silences.get(one.source, ())) for one in watches])
        touching = [span for span in found if span[0] < self._end and span[1] > self._begin]
        if not touching:
            return HEARD
        names = sorted(one.hearing.name for one in watches)
        return Monitoring(
            is_reported=True,
            silence=times_in_words(names, touching[0]),
            since=touching[0][0],
        )


def window_over() -> ColumnElement[Any]:
    """The end of a ticket's window; if no end is stated, the end of the ticket."""
    return func.coalesce(Ticket.window_end, Ticket.ended_at)


def given_up() -> ColumnElement[bool]:
    """Whether the work of a window did not take place, according to the calendar, or its ticket
    ended before it; never while the ticket is open."""
    return and_(
        Ticket.ended_at.is_not(None),
        or_(Ticket.ended_at <= Ticket.window_start, is_cancelled()),
    )


_EVENT, _WATCH, _TICKETS = "event", "watch", "tickets"
_NUMBER, _WORD, _TIME = (literal(None, one) for one in (Integer(), String(), UtcTime()))


_of_event = aliased(Ticket)
_pair = aliased(EventTicket)


def _events(which: ColumnElement[bool], documents: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Events of links, each with a ticket that documents it; for an ongoing event also the state of
    that ticket, and why it documents the event."""
    is_ongoing = Event.end.is_(None)
    return (
        select(
            literal(_EVENT).label("kind"),
            Event.link_id,
            *(Event.id, _of_event.number.label("first"), Event.source_id.label("newest")),
            case((is_ongoing, DetectedEvent.beginnings)).label("ends"),
            *(Event.state.label("word"), _WORD.label("layer"), _WORD.label("impact")),
            *(_WORD.label("phase"), Event.start.label("at")),
            *(DetectedEvent.start.label("window_start"), _TIME.label("window_end")),
            case((is_ongoing, _of_event.state)).label("ticket_state"),
            case((is_ongoing, _pair.how)).label("how"),
        )
        .outerjoin(EventOfDetected, EventOfDetected.event_id == Event.id)
        .outerjoin(DetectedEvent, DetectedEvent.id == EventOfDetected.detected_id)
        .outerjoin(_of_event, _of_event.number == documents)
        .outerjoin(
            _pair,
            and_(
                _pair.detected_id == EventOfDetected.detected_id,
                _pair.ticket_number == _of_event.number,
            ),
        )
        .where(which)
    )


def _watches(link_ids: Keys, until: Moment) -> Select[*tuple[Any, ...]]:
    """The sources that had reported something for a link by then, and when they were last heard. A
    person who enters events does not watch a link."""
    first = first_report(until)
    return (
        select(
            *(literal(_WATCH), Link.id, EventSource.id, EventSource.expected_minutes),
            *(_NUMBER, _NUMBER, EventSource.name, *(_WORD,) * 3),
            *(EventSource.last_heard_at, first, _TIME, _WORD, _WORD),
        )
        .join(EventSource, and_(EventSource.kind != HAND, first.is_not(None)))
        .where(Link.id.in_(link_ids))
    )


def first_report(until: Moment) -> ScalarSelect[datetime]:
    """Start of the first event that a source had reported for a link by then; NULL = none."""
    return (
        select(Event.start)
        .where(
            *(Event.link_id == Link.id, Event.source_id == EventSource.id),
            *(Event.start <= until, Event.withdrawn_at.is_(None)),
        )
        .order_by(Event.start)
        .limit(1)
        .correlate(Link, EventSource)
        .scalar_subquery()
    )


def _of_ongoing(now: Moment, said: CTE) -> ColumnElement[Any]:
    """The most conclusive ticket of an ongoing event: an open one of the link or linked by a
    person, then an ended one, then one of the site."""
    attends = and_(Ticket.state.in_(OPEN_STATES), EventTicket.how != How.SITE)
    return func.coalesce(_documents(now, attends), _open_on_link(now, said), _documents(now))


def _documents(now: Moment, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """A ticket that matching has stored as documenting the event's detected event: one of the link
    or linked by a person first, and of these an open one.

    Work that was moved into the future, and is not recomputed yet, documents nothing that is
    happening now, unless a person linked it.
    """
    return (
        select(EventTicket.ticket_number)
        .join(Ticket, Ticket.number == EventTicket.ticket_number)
        .where(
            EventTicket.detected_id == EventOfDetected.detected_id,
            EventTicket.documents,
            or_(now >= BEGUN, EventTicket.how == How.HAND),
            *conditions,
        )
        .order_by(
            EventTicket.how == How.SITE,
            Ticket.state.not_in(OPEN_STATES),
            EventTicket.ticket_number.desc(),
        )
        .limit(1)
        .correlate(EventOfDetected)
        .scalar_subquery()
    )


def _open_on_link(now: Moment, said: CTE) -> ScalarSelect[int]:
    """The newest open ticket of the link whose interval overlaps the event's: matching will give
    the same result as soon as it is recomputed, unless a person unlinked the ticket."""
    taken_off = (
        exists()
        .where(
            EventTicket.detected_id == EventOfDetected.detected_id,
            EventTicket.ticket_number == said.c.number,
            ~EventTicket.documents,
        )
        .correlate(EventOfDetected, said)
    )
    return (
        select(func.max(said.c.number))
        .where(
            said.c.link_id == Event.link_id,
            now >= said.c.begun,
            or_(said.c.over.is_(None), Event.start <= said.c.over),
            ~taken_off,
        )
        .correlate(Event, EventOfDetected)
        .scalar_subquery()
    )


def _open_tickets(phase: ColumnElement[str]) -> CTE:
    """The open tickets of any link: few are open, while a link may have very many tickets."""
    return (
        _said(phase)
        .add_columns(_SAYS_STATE.label("is_of_state"))
        .where(Ticket.state.in_(OPEN_STATES))
        # SQLite does not know how many rows are in which state
        .with_hint(Ticket, "INDEXED BY ix_tickets_state", "sqlite")
        .with_hint(TicketLink, "INDEXED BY ix_ticket_links_ticket_number", "sqlite")
        .cte("open_tickets")
        .prefix_with("MATERIALIZED")
    )


def _said(phase: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
    """One row for each link that a ticket names, with what it says of the link; no test tickets."""
    # columns that the rule does not need are constant
    layer = case((Ticket.layer == Layer.PERFORMANCE, Layer.PERFORMANCE.value), else_="")
    impacts = (Impact.OUTAGE, Impact.DEGRADED, Impact.UNKNOWN)
    impact = case(*((Ticket.impact == one, one.value) for one in impacts), else_="")
    return (
        select(
            TicketLink.link_id,
            Ticket.category,
            layer.label("layer"),
            impact.label("impact"),
            phase.label("phase"),
            *(Ticket.number, Ticket.window_start, Ticket.window_end),
            *(BEGUN.label("begun"), OVER.label("over")),
        )
        .join(Ticket, Ticket.number == TicketLink.ticket_number)
        .where(Ticket.category != Category.TEST)
    )


def _counted(one: Any, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """What tickets say, counted by the database: for a past day there may be thousands."""
    return (
        select(
            *(literal(_TICKETS), one.link_id),
            *(func.count(), func.min(one.number), func.max(one.number)),
            func.count(one.window_end),
            *(one.category, one.layer, one.impact, one.phase, func.min(one.begun)),
            *(func.min(one.window_start), func.max(one.window_end), _WORD, _WORD),
        )
        .where(*conditions)
        .group_by(one.link_id, one.category, one.layer, one.impact, one.phase)
    )


def _phase(running: ColumnElement[bool], planned: ColumnElement[bool]) -> ColumnElement[str]:
    phases = ((running, WindowPhase.RUNNING.value), (planned, WindowPhase.PLANNED.value))
    return case(*phases, else_=WindowPhase.NONE.value)


def _bounds(day: date) -> tuple[datetime, datetime]:
    begin = datetime.combine(day, time(), UTC)
    return begin, _later(begin, timedelta(days=1))


def _later(moment: datetime, length: timedelta) -> datetime:
    last = datetime.max.replace(tzinfo=UTC)
    return moment + length if moment < last - length else last
