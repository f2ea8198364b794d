"""Which links (and sites) the changes of the log concern, for everything that is reckoned per link.

More may be named than need be, never less: what a ticket documented before the change is found by
the kept results, and what it documents now by its links and sites.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import CompoundSelect, Select, and_, exists, or_, select, union
from sqlalchemy.orm import Session, aliased

from app.core.models.changes import Change, ChangedField
from app.core.services.changes import TICKET, of_kind
from app.events.models.events import Event
from app.events.services.events import EVENT
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket, HandMade
from app.matching.services.rules import MATCHING_RULE
from app.registry.models.registry import Link, Site
from app.registry.services.registry import LINK, SITE
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import TicketLink, TicketSite
from app.tickets.rules.relations import BondKind, RelationRole

MOST_TICKETS: Final = 50
"""Changed tickets of which only their own matches are reckoned, and not their links whole."""
Thing = tuple[str, int]
"""link or site, and its id."""
_OF_TICKET: Final = frozenset(
    {
        *("state", "category", "network", "links", "sites", "responsible_site"),
        *("event_start", "event_end", "window_start", "window_end"),
        *(RelationRole.DUPLICATE, RelationRole.DUPLICATE_OF),
    }
)
"""Fields of a ticket, as the change log names them, that say what it documents."""


@dataclass(frozen=True)
class Span:
    """The changes behind one place of the log up to another."""

    begins: int
    ends: int

    def of(self, *kinds: str) -> Any:
        """The condition that a change is one of them."""
        return and_(of_kind(*kinds), Change.id > self.begins, Change.id <= self.ends)


@dataclass(frozen=True)
class Touched:
    """What some changes concern."""

    things: set[Thing] = field(default_factory=set)
    """Links and sites that are to be reckoned whole."""
    tickets: frozenset[int] = frozenset()
    """Tickets, with their masters and duplicates, where only these few changed ..."""
    of_tickets: set[Thing] = field(default_factory=set)
    """... and the links and sites of which only their matches are to be reckoned."""


def touched_things(session: Session, span: Span, now: datetime) -> Touched:
    """The links and sites, among those that have events, whose matching these changes may alter;
    and those of which an open event begins to count at ``now`` or did before."""
    # not distinct: SQLite would walk through an index of all links for that
    ripe = select(DetectedEvent.link_id).where(
        DetectedEvent.counts_at.is_not(None), DetectedEvent.counts_at <= now
    )
    if span.begins == span.ends:
        return Touched(_links(session.scalars(ripe)))
    everything = select(Change.id).where(span.of(MATCHING_RULE)).limit(1)
    if session.scalar(everything) is not None:
        return Touched(all_things(session))
    found: set[Thing] = set()
    found |= _pairs(session.execute(_of_events(span)))
    found |= _of_registry(session, span)
    found |= _links(session.scalars(ripe))
    tickets = _changed_tickets(session, span)
    if tickets is None:
        return Touched(_with_events(session, found | _of_many_tickets(session, span)))
    group = group_of(session, tickets)
    things = _with_events(session, found)
    of_group = _with_events(session, _of_group(session, group)) if group else set()
    return Touched(things, group, of_group - things)


def _of_many_tickets(session: Session, span: Span) -> set[Thing]:
    found = _pairs(session.execute(_kept(_tickets(span))))
    found |= _links(session.scalars(_named_links(span)))
    tickets = _tickets(span)
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


def _changed_tickets(session: Session, span: Span) -> Collection[int] | None:
    """The tickets of which something changed that says what they document; None = many."""
    found = session.scalars(
        select(Change.thing_id).where(_says(span)).distinct().limit(MOST_TICKETS + 1)
    ).all()
    return None if len(found) > MOST_TICKETS else found


def group_of(session: Session, tickets: Collection[int]) -> frozenset[int]:
    """These tickets with their masters and all duplicates of them."""
    if not tickets:
        return frozenset()
    duplicate = TicketRelation.kind == BondKind.DUPLICATE
    masters = set(tickets) | set(
        session.scalars(
            select(TicketRelation.other_number).where(
                duplicate, TicketRelation.ticket_number.in_(tickets)
            )
        )
    )
    return frozenset(masters) | frozenset(
        session.scalars(
            select(TicketRelation.ticket_number).where(
                duplicate, TicketRelation.other_number.in_(masters)
            )
        )
    )


def _of_group(session: Session, group: Collection[int]) -> set[Thing]:
    """What these tickets documented when it was last reckoned, and what they may document now."""
    found = _pairs(
        session.execute(
            select(DetectedEvent.link_id, DetectedEvent.site_id)
            .join(EventTicket, EventTicket.detected_id == DetectedEvent.id)
            .where(EventTicket.ticket_number.in_(group))
            .distinct()
        )
    )
    # a decision of people holds on whatever link its event lies now
    found |= _pairs(
        session.execute(
            select(DetectedEvent.link_id, DetectedEvent.site_id)
            .join(EventOfDetected, EventOfDetected.detected_id == DetectedEvent.id)
            .join(HandMade, HandMade.event_id == EventOfDetected.event_id)
            .where(HandMade.ticket_number.in_(group))
            .distinct()
        )
    )
    named = select(TicketLink.link_id).where(TicketLink.ticket_number.in_(group)).distinct()
    found |= _links(session.scalars(named))
    sites = session.scalars(
        select(TicketSite.site_id)
        .where(
            TicketSite.ticket_number.in_(group),
            TicketSite.site_id.is_not(None),
            ~exists().where(TicketLink.ticket_number == TicketSite.ticket_number),
        )
        .distinct()
    )
    return found | _at_sites(session, sites)


def _at_sites(session: Session, found: Iterable[int | None]) -> set[Thing]:
    """Sites, and the links of those that are or were T1."""
    sites = {one for one in found if one is not None}
    if not sites:
        return set()
    t1s = session.scalars(select(Site.id).where(Site.id.in_(sites), Site.tier == 1)).all()
    return {("site", one) for one in sites} | _links(session.scalars(_ending_at(t1s)))


def all_things(session: Session) -> set[Thing]:
    """All links and sites that have events of their own, or had some when it was last reckoned."""
    had = exists().where(DetectedEvent.link_id == Link.id)
    links = select(Link.id).where(or_(exists().where(Event.link_id == Link.id), had))
    had = exists().where(DetectedEvent.site_id == Site.id)
    sites = select(Site.id).where(or_(_own_events(), had))
    return {("link", one) for one in session.scalars(links)} | {
        ("site", one) for one in session.scalars(sites)
    }


def things_between(session: Session, begin: datetime | None, end: datetime | None) -> set[Thing]:
    """Those with events that begin from ``begin`` until before ``end``."""
    query = select(Event.link_id, Event.site_id).distinct()
    if begin is not None:
        query = query.where(Event.start >= begin)
    if end is not None:
        query = query.where(Event.start < end)
    return _pairs(session.execute(query))


def _own_events() -> Any:
    return exists().where(Event.site_id == Site.id, Event.link_id.is_(None))


def _pairs(rows: Iterable[Any]) -> set[Thing]:
    found: set[Thing] = set()
    for link, site in rows:
        if link is not None:
            found.add(("link", link))
        elif site is not None:
            found.add(("site", site))
    return found


def _links(ids: Iterable[int | None]) -> set[Thing]:
    return {("link", one) for one in ids if one is not None}


def _of_events(span: Span) -> CompoundSelect[Any, Any]:
    """Where the events are now, and where they were when it was last reckoned."""
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
    """Numbers of the tickets of which something changed that says what they document, of their
    masters and of their duplicates."""
    changed = select(Change.thing_id.label("number")).where(_says(span)).cte("changed")
    up, own_up, down = aliased(TicketRelation), aliased(TicketRelation), aliased(TicketRelation)
    duplicate = BondKind.DUPLICATE
    return union(
        select(changed.c.number),
        select(up.other_number)
        .join(changed, changed.c.number == up.ticket_number)
        .where(up.kind == duplicate),
        # the other duplicates of a changed one's master, and of a changed master
        select(down.ticket_number)
        .join(own_up, own_up.other_number == down.other_number)
        .join(changed, changed.c.number == own_up.ticket_number)
        .where(down.kind == duplicate, own_up.kind == duplicate),
        select(down.ticket_number)
        .join(changed, changed.c.number == down.other_number)
        .where(down.kind == duplicate),
    ).cte("tickets")


def _kept(tickets: Any) -> Select[int | None, int | None]:
    return (
        select(DetectedEvent.link_id, DetectedEvent.site_id)
        .join(EventTicket, EventTicket.detected_id == DetectedEvent.id)
        .join(tickets, tickets.c.number == EventTicket.ticket_number)
        .distinct()
    )


def _named_links(span: Span) -> Select[int]:
    tickets = _tickets(span)
    return (
        select(TicketLink.link_id)
        .join(tickets, tickets.c.number == TicketLink.ticket_number)
        .distinct()
    )


def _ending_at(sites: Iterable[int]) -> Select[int]:
    wanted = [*sites]
    return select(Link.id).where(or_(Link.end_a_id.in_(wanted), Link.end_b_id.in_(wanted)))


def _of_registry(session: Session, span: Span) -> set[Thing]:
    """Changed links, changed sites, and the links of changed sites: ends, days, tier, zone."""
    links = set(session.scalars(select(Change.thing_id).where(span.of(LINK)).distinct()))
    sites = set(session.scalars(select(Change.thing_id).where(span.of(SITE)).distinct()))
    found = _links(links) | {("site", one) for one in sites}
    if sites:
        found |= _links(session.scalars(_ending_at(sites)))
    return found


def _with_events(session: Session, things: set[Thing]) -> set[Thing]:
    """Those that have events, or had some when it was last reckoned."""
    links = {one for kind, one in things if kind == "link"}
    sites = {one for kind, one in things if kind == "site"}
    if not things:
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
