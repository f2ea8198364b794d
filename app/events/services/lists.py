"""Reported events for programs: by filter, in the order of their ids.

A lower id never becomes visible after a higher one, so reading from the last id on misses no event.
Does not depend on matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, false, or_, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.core.services.changes import changes_of
from app.events.models.events import Event, EventSource
from app.events.services.events import EVENT
from app.registry.models.registry import Link, LinkName, Site
from app.registry.services.registry import find_site

_MAX_SIZE = 2**31 - 1


@dataclass(frozen=True)
class WantedEvents:
    """Which events; "" and None = any. Times are UTC."""

    limit: int
    after: int = 0
    """Only ids above this one."""
    source: str = ""
    source_id: str = ""
    link: str = ""
    """A link's id."""
    site: str = ""
    """Any name of a site: events that name it, or a link that ends there."""
    state: str = ""
    begins: datetime | None = None
    """Only events that touch the time from here ..."""
    ends: datetime | None = None
    """... to here, which is excluded."""
    is_open: bool | None = None
    """Only ongoing ones, or only ended ones."""
    changed_from: datetime | None = None
    """Only those reported or corrected at this time or later."""


@dataclass(frozen=True)
class ListedEvent:
    """An event with the names of its link and site."""

    row: Event
    source: str
    link: str
    """The link's id; as it was sent if the registry does not know it; "" = no link."""
    site: str
    """The site's LHCOPN name; likewise."""
    is_unresolved: bool
    """Whether one of the two is unknown."""


def events_wanted(session: Session, wanted: WantedEvents) -> list[ListedEvent]:
    """One page of events by id."""
    query = _events().where(Event.id > min(wanted.after, _MAX_SIZE))
    query = query.order_by(Event.id).limit(wanted.limit)
    if wanted.source:
        query = query.where(EventSource.name == wanted.source)
    if wanted.source_id:
        query = query.where(Event.source_key == wanted.source_id)
    if wanted.link:
        aliased = select(LinkName.link_id).where(
            LinkName.name.in_([wanted.link, wanted.link.upper()])
        )
        query = query.where(
            or_(
                Link.name == wanted.link,
                Event.link_id.in_(aliased),
                (Event.link_text == wanted.link) & Event.link_id.is_(None),
            )
        )
    if wanted.site:
        site = find_site(session, wanted.site)
        unknown = (Event.site_text == wanted.site) & Event.site_id.is_(None)
        if site is None:
            query = query.where(unknown)
        else:
            ends = or_(Link.end_a_id == site.id, Link.end_b_id == site.id)
            query = query.where(or_(Event.site_id == site.id, ends, unknown))
    if wanted.state:
        query = query.where(Event.state == wanted.state)
    if wanted.begins is not None:
        query = query.where(or_(Event.end.is_(None), Event.end >= wanted.begins))
    if wanted.ends is not None:
        query = query.where(Event.start < wanted.ends)
    if wanted.is_open is not None:
        query = query.where(Event.end.is_(None) if wanted.is_open else Event.end.is_not(None))
    if wanted.changed_from is not None:
        query = query.where(Event.changed_at >= wanted.changed_from)
    return [_listed(row) for row in session.execute(query)]


def event_of_id(session: Session, number: int) -> ListedEvent:
    """Return the event with this id. Raises ``NotFound``."""
    known = Event.id == number if 0 < number <= _MAX_SIZE else false()
    row = session.execute(_events().where(known)).first()
    if row is None:
        raise NotFound(_("Event not found"))
    return _listed(row)


def history_of(session: Session, number: int) -> Sequence[Change]:
    """All changes of an event, oldest first: who reported and corrected what, and when."""
    return changes_of(session, EVENT, number)


def _events() -> Select[Event, str, str | None, str | None]:
    return (
        select(Event, EventSource.name, Link.name, Site.key)
        .join(EventSource, EventSource.id == Event.source_id)
        .outerjoin(Link, Link.id == Event.link_id)
        .outerjoin(Site, Site.id == Event.site_id)
    )


def _listed(row: Row[Event, str, str | None, str | None]) -> ListedEvent:
    event, source, link, site = row
    unresolved = (link is None and event.link_text) or (site is None and event.site_text)
    return ListedEvent(
        event, source, link or event.link_text, site or event.site_text, bool(unresolved)
    )
