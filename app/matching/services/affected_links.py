"""The links (and sites) affected by changes of the log, for everything that is computed per link.

The result may contain more than necessary, never less: what a ticket documented before the change
is found in the stored results, and what it documents now by its links and sites.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import CompoundSelect, Select, and_, exists, or_, select, union
from sqlalchemy.orm import Session, aliased

from app.core.models.changes import Change, ChangedField
from app.core.services.changes import TICKET, of_kind
from app.events.models.events import Event
from app.events.services.events import EVENT
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket, HandMade
from app.matching.services.evidence import ticket_interval_columns
from app.matching.services.rules import MATCHING_RULE, rules_in_order
from app.registry.models.registry import Link, Site
from app.registry.services.registry import LINK, SITE
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.relations import BondKind, RelationRole

Target = tuple[str, int]
"""The unit of a full recomputation: ``link`` or ``site`` (for the events that name no link), and
its id."""
_OF_TICKET: Final = frozenset(
    {
        *("state", "category", "network", "links", "sites", "responsible_site"),
        *("event_start", "event_end", "window_start", "window_end"),
        *(RelationRole.DUPLICATE, RelationRole.DUPLICATE_OF),
    }
)
"""Fields of a ticket, as named in the change log, that decide what it documents."""
MAX_TICKETS: Final = 20
"""Changed tickets that are examined one by one by their intervals; if there are more, the links
that they name are recomputed completely."""
MAX_EVENTS: Final = 200
"""Detected events of one link that changed tickets touch, and that are computed separately."""
FARTHEST: Final = timedelta(hours=15)
"""The longest distance between an event and a ticket with a wrong time zone."""
_MOVES: Final = {
    EVENT: ("link", "site"),
    TICKET: ("links", "sites", RelationRole.DUPLICATE, RelationRole.DUPLICATE_OF),
}
"""Fields that decide to which links and sites an event or a ticket belongs."""


@dataclass(frozen=True)
class Span:
    """The changes after one position of the log up to another."""

    begins: int
    ends: int

    def of(self, *kinds: str) -> Any:
        """The condition that a change is one of them."""
        return and_(of_kind(*kinds), Change.id > self.begins, Change.id <= self.ends)


def affected_links(session: Session, span: Span, now: datetime) -> set[Target]:
    """The links and sites with events whose matching these changes may alter, except those of
    tickets (``affected_by_tickets``); and those with an event that time alone changed by
    ``now``."""
    # not distinct: SQLite would scan an index of all links for that
    ripe = select(DetectedEvent.link_id, DetectedEvent.site_id).where(
        DetectedEvent.changes_at.is_not(None), DetectedEvent.changes_at <= now
    )
    if span.begins == span.ends:
        return _pairs(session.execute(ripe))
    everything = select(Change.id).where(span.of(MATCHING_RULE)).limit(1)
    if session.scalar(everything) is not None:
        return all_targets(session)
    found = _pairs(session.execute(_of_events(span)))
    found |= _of_registry(session, span)
    found |= _pairs(session.execute(ripe))
    return with_events(session, found)


def has_moved(session: Session, span: Span) -> bool:
    """Whether these changes moved an event or a ticket to other links or sites.

    Only the stored results show where it was: a worker that recomputes that link may have read it
    there, and not have written it yet.
    """
    if span.begins == span.ends:
        return False
    moved = or_(
        *(and_(span.of(kind), ChangedField.field.in_(fields)) for kind, fields in _MOVES.items())
    )
    found = (
        select(Change.id)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(span.of(*_MOVES), Change.version > 1, moved)
        .limit(1)
    )
    return session.scalar(found) is not None


@dataclass(frozen=True)
class Touched:
    """Detected events of a link or site that changed tickets matched, or may match now."""

    events: frozenset[int]
    tickets: frozenset[int]
    """The changed tickets, with their masters and all duplicates of these."""


def affected_by_tickets(
    session: Session, span: Span, now: datetime, begun: Collection[Target]
) -> tuple[set[Target], Mapping[Target, Touched]]:
    """What the changed tickets documented at the last recomputation, people's decisions about them,
    and what they may document now, by their own intervals: links and sites to be recomputed
    completely, and detected events of others.

    ``begun`` are the links that were stale before: a worker that computes such a link may have read
    these tickets as they were, and not have written their events yet.
    """
    if span.begins == span.ends:
        return set(), {}
    numbers = [*session.scalars(select(_tickets(span).c.number).limit(MAX_TICKETS + 1))]
    if not numbers:
        return set(), {}
    if len(numbers) > MAX_TICKETS:
        return with_events(session, _of_tickets(session, span)), {}
    whole = _of_tickets(session, span) & {*begun} if begun else set()
    events: dict[Target, set[int]] = defaultdict(set)
    for target, event in _at(session.execute(_stored_with(numbers))):
        events[target].add(event)
    for group in _groups(session, numbers):
        targets, reach = _named_by(session, group), _reach_of(session, group, now)
        for target, event in _meeting(session, targets, reach):
            events[target].add(event)
    tickets = frozenset(numbers)
    whole |= {target for target, some in events.items() if len(some) > MAX_EVENTS}
    return whole, {
        target: Touched(frozenset(some), tickets)
        for target, some in events.items()
        if target not in whole
    }


def _at(rows: Iterable[Any]) -> Iterable[tuple[Target, int]]:
    """Detected events with their link or site, from rows of all three."""
    for link, site, event in rows:
        yield ("site", site) if link is None else ("link", link), event


def with_duplicates(session: Session, masters: Collection[int]) -> frozenset[int]:
    """These tickets and their duplicates, whose content counts for them."""
    lent = select(TicketRelation.ticket_number).where(
        TicketRelation.other_number.in_(masters), TicketRelation.kind == BondKind.DUPLICATE
    )
    return frozenset(masters) | frozenset(session.scalars(lent) if masters else ())


def _stored_with(numbers: Collection[int]) -> CompoundSelect[Any, Any, Any]:
    """The events for which these tickets are stored, and people's decisions about them."""
    at = select(DetectedEvent.link_id, DetectedEvent.site_id, DetectedEvent.id)
    return union(
        at.join(EventTicket, EventTicket.detected_id == DetectedEvent.id).where(
            EventTicket.ticket_number.in_(numbers)
        ),
        at.join(EventOfDetected, EventOfDetected.detected_id == DetectedEvent.id)
        .join(HandMade, HandMade.event_id == EventOfDetected.event_id)
        .where(HandMade.ticket_number.in_(numbers)),
    )


def _groups(session: Session, numbers: Collection[int]) -> Iterable[Sequence[int]]:
    """The masters with their duplicates; all of them exist."""
    bonds = select(TicketRelation.ticket_number, TicketRelation.other_number).where(
        TicketRelation.ticket_number.in_(numbers), TicketRelation.kind == BondKind.DUPLICATE
    )
    heads = {row.ticket_number: row.other_number for row in session.execute(bonds)}
    groups: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        groups[heads.get(number, number)].append(number)
    return groups.values()


def _named_by(session: Session, group: Collection[int]) -> set[Target]:
    """The links that these name, else the sites with the links of those that are or were T1."""
    links = session.scalars(
        select(TicketLink.link_id).where(TicketLink.ticket_number.in_(group)).distinct()
    ).all()
    if links:
        return _links(links)
    sites = select(TicketSite.site_id).where(
        TicketSite.ticket_number.in_(group), TicketSite.site_id.is_not(None)
    )
    return _at_sites(session, session.scalars(sites.distinct()))


@dataclass(frozen=True)
class _Reach:
    """Events that end from ``low`` on, or start from ``begin`` on, and start until ``high``; None =
    no upper limit, or condition not used."""

    low: datetime
    begin: datetime | None
    high: datetime | None


def _reach_of(session: Session, group: Collection[int], now: datetime) -> _Reach:
    """The events for which a master may be evidence, by its interval and those of its duplicates;
    and those that it may change as time passes."""
    tolerance = max(one.tolerance for one in rules_in_order(session))
    begun, ended = ticket_interval_columns()
    rows = session.execute(select(begun, ended).where(Ticket.number.in_(group))).all()
    starts = [start for start, _ in rows]
    ends = [None if end is None else max(start, end) for start, end in rows]
    first, last = min(starts), max(starts)
    known = [end for end in ends if end is not None]
    # an ended one may have a wrong time zone; one that has not started changes nearby events then
    is_near = bool(known) or last > now
    return _Reach(
        _earlier(first, tolerance),
        _earlier(first, FARTHEST) if is_near else None,
        max(_later(max(known), tolerance), _later(last, FARTHEST))
        if len(known) == len(ends)
        else None,
    )


def _meeting(
    session: Session, targets: Collection[Target], reach: _Reach
) -> Iterable[tuple[Target, int]]:
    links = [key for kind, key in targets if kind == "link"]
    sites = [key for kind, key in targets if kind == "site"]
    ends = [Event.end >= reach.low, Event.end.is_(None)]
    if reach.begin is not None:
        ends.append(Event.start >= reach.begin)
    for kind, where in (
        ("link", Event.link_id.in_(links)),
        ("site", and_(Event.site_id.in_(sites), Event.link_id.is_(None))),
    ):
        if not (links if kind == "link" else sites):
            continue
        # each with an index of its own
        members = union(*(select(Event.id).where(where, one) for one in ends)).subquery()
        found = (
            select(DetectedEvent.link_id, DetectedEvent.site_id, DetectedEvent.id)
            .join(EventOfDetected, EventOfDetected.detected_id == DetectedEvent.id)
            .join(members, members.c.id == EventOfDetected.event_id)
            .distinct()
        )
        if reach.high is not None:
            found = found.where(DetectedEvent.start <= reach.high)
        yield from _at(session.execute(found))


def _of_tickets(session: Session, span: Span) -> set[Target]:
    """The links and sites that the changed tickets name, and those with stored events or people's
    decisions about them."""
    tickets = _tickets(span)
    at = select(DetectedEvent.link_id, DetectedEvent.site_id).distinct()
    found = _pairs(
        session.execute(
            at.join(EventTicket, EventTicket.detected_id == DetectedEvent.id).join(
                tickets, tickets.c.number == EventTicket.ticket_number
            )
        )
    )
    # a person's decision applies to whatever link its event is on now
    found |= _pairs(
        session.execute(
            select(Event.link_id, Event.site_id)
            .distinct()
            .join(HandMade, HandMade.event_id == Event.id)
            .join(tickets, tickets.c.number == HandMade.ticket_number)
        )
    )
    found |= _links(
        session.scalars(
            select(TicketLink.link_id)
            .join(tickets, tickets.c.number == TicketLink.ticket_number)
            .distinct()
        )
    )
    sites = session.scalars(
        select(TicketSite.site_id)
        .join(tickets, tickets.c.number == TicketSite.ticket_number)
        .where(
            TicketSite.site_id.is_not(None),
            ~exists().where(TicketLink.ticket_number == tickets.c.number),
        )
        .distinct()
    )
    return found | _at_sites(session, sites)


def _at_sites(session: Session, found: Iterable[int | None]) -> set[Target]:
    """Sites, and the links of those that are or were T1."""
    sites = {one for one in found if one is not None}
    if not sites:
        return set()
    t1s = session.scalars(select(Site.id).where(Site.id.in_(sites), Site.tier == 1)).all()
    return {("site", one) for one in sites} | _links(session.scalars(_ending_at(t1s)))


def _earlier(moment: datetime, length: timedelta) -> datetime:
    """The time that much earlier, within the range of the calendar."""
    first = datetime.min.replace(tzinfo=UTC)
    return moment - length if moment > first + length else first


def _later(moment: datetime, length: timedelta) -> datetime:
    """The time that much later, within the range of the calendar."""
    last = datetime.max.replace(tzinfo=UTC)
    return moment + length if moment < last - length else last


def all_targets(session: Session) -> set[Target]:
    """All links and sites that have events of their own, or had some at the last recomputation."""
    had = exists().where(DetectedEvent.link_id == Link.id)
    links = select(Link.id).where(or_(exists().where(Event.link_id == Link.id), had))
    had = exists().where(DetectedEvent.site_id == Site.id)
    sites = select(Site.id).where(or_(_own_events(), had))
    return {("link", one) for one in session.scalars(links)} | {
        ("site", one) for one in session.scalars(sites)
    }


def targets_between(session: Session, begin: datetime | None, end: datetime | None) -> set[Target]:
    """Those with events that start from ``begin`` until before ``end``."""
    query = select(Event.link_id, Event.site_id).distinct()
    if begin is not None:
        query = query.where(Event.start >= begin)
    if end is not None:
        query = query.where(Event.start < end)
    return _pairs(session.execute(query))


def _own_events() -> Any:
    return exists().where(Event.site_id == Site.id, Event.link_id.is_(None))


def _pairs(rows: Iterable[Any]) -> set[Target]:
    found: set[Target] = set()
    for link, site in rows:
        if link is not None:
            found.add(("link", link))
        elif site is not None:
            found.add(("site", site))
    return found


def _links(ids: Iterable[int | None]) -> set[Target]:
    return {("link", one) for one in ids if one is not None}


def _of_events(span: Span) -> CompoundSelect[Any, Any]:
    """Where the events are now, and where they were at the last recomputation."""
    now = (
        select(Event.link_id, Event.site_id)
        .join(Change, Change.thing_id == Event.id)
        .where(span.of(EVENT))
    )
    before = (
        select(DetectedEvent.link_id, DetectedEvent.site_id)
        .join(EventOfDetected, EventOfDetected.detected_id == DetectedEvent.id)
        .join(Change, Change.thing_id == EventOfDetected.event_id)
        .where(span.of(EVENT))
    )
    return union(now, before)


def _says(span: Span) -> Any:
    """The condition that a change alters what a ticket documents."""
    said = exists().where(ChangedField.change_id == Change.id, ChangedField.field.in_(_OF_TICKET))
    return and_(span.of(TICKET), or_(Change.version == 1, said))


def _tickets(span: Span) -> Any:
    """Numbers of the tickets with changes to what they document, of their masters and of their
    duplicates."""
    changed = select(Change.thing_id.label("number")).where(_says(span)).cte("changed")
    up, own_up, down = aliased(TicketRelation), aliased(TicketRelation), aliased(TicketRelation)
    duplicate = BondKind.DUPLICATE
    return union(
        select(changed.c.number),
        select(up.other_number)
        .join(changed, changed.c.number == up.ticket_number)
        .where(up.kind == duplicate),
        # the other duplicates of a changed ticket's master, and of a changed master
        select(down.ticket_number)
        .join(own_up, own_up.other_number == down.other_number)
        .join(changed, changed.c.number == own_up.ticket_number)
        .where(down.kind == duplicate, own_up.kind == duplicate),
        select(down.ticket_number)
        .join(changed, changed.c.number == down.other_number)
        .where(down.kind == duplicate),
    ).cte("tickets")


def _ending_at(sites: Iterable[int]) -> Select[int]:
    wanted = [*sites]
    return select(Link.id).where(or_(Link.end_a_id.in_(wanted), Link.end_b_id.in_(wanted)))


def _of_registry(session: Session, span: Span) -> set[Target]:
    """Changed links, changed sites, and the links of changed sites: ends, days, tier, zone."""
    links = set(session.scalars(select(Change.thing_id).where(span.of(LINK)).distinct()))
    sites = set(session.scalars(select(Change.thing_id).where(span.of(SITE)).distinct()))
    found = _links(links) | {("site", one) for one in sites}
    if sites:
        found |= _links(session.scalars(_ending_at(sites)))
    return found


def with_events(session: Session, targets: set[Target]) -> set[Target]:
    """Those that have events, or had some at the last recomputation."""
    links = {one for kind, one in targets if kind == "link"}
    sites = {one for kind, one in targets if kind == "site"}
    if not targets:
        return set()
    had = exists().where(DetectedEvent.link_id == Link.id)
    found = session.scalars(
        select(Link.id).where(
            Link.id.in_(links), or_(exists().where(Event.link_id == Link.id), had)
        )
    )
    had = exists().where(DetectedEvent.site_id == Site.id)
    own = session.scalars(select(Site.id).where(Site.id.in_(sites), or_(_own_events(), had)))
    return {("link", one) for one in found} | {("site", one) for one in own}
