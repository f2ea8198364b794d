"""Availability of links and sites, as the page of statistics shows it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.figures.frames import moment_of
from app.core.rules.language import _
from app.core.rules.quarters import CalendarPeriod
from app.events.figures.facts import FOREVER
from app.events.rules.hearing import Span, Watch, unwatched
from app.events.services.hearing import people_sources, silences
from app.registry.models.registry import Link, Site
from app.registry.services.registry import find_site
from app.statistics.figures.availability import (
    Availability,
    LinkLife,
    LinkSpans,
    by_link_and_period,
    summed,
    summed_by_period,
)
from app.statistics.services.cache import current_facts
from app.statistics.services.events import EVENT_FACTS
from app.statistics.services.figures import edges_of
from app.tickets.figures.facts import microseconds


@dataclass(frozen=True)
class AvailabilityRow:
    """A link or site: its availability in each period, and over all of them."""

    name: str
    cells: Sequence[Availability]
    whole: Availability
    ends: str = ""
    """Of a link."""
    links: int = 0
    """Of a site: how many links it has."""


@dataclass(frozen=True)
class AvailabilityFigures:
    """All rows, of one moment."""

    links: Sequence[AvailabilityRow]
    sites: Sequence[AvailabilityRow]
    whole: AvailabilityRow
    """All of these links together."""


def availability_of(
    session: Session,
    periods: Sequence[CalendarPeriod],
    now: datetime,
    *,
    network: str = "",
    site: str = "",
) -> AvailabilityFigures:
    """The availability of the links of a network, or of those that end at a site of any name.

    A site's availability combines all of its links: down time and period are summed. Links that do
    not exist in any of the periods are left out.
    """
    moment = microseconds(now.astimezone(UTC))
    silent = silences(session, periods[0].begin, min(periods[-1].end, now), now)
    people = people_sources(session)
    reported = current_facts(session, EVENT_FACTS).spans
    ends_a, ends_b = Site.__table__.alias(), Site.__table__.alias()
    query = (
        select(Link.id, Link.name, Link.valid_from, Link.valid_until, ends_a.c.key, ends_b.c.key)
        .join(ends_a, ends_a.c.id == Link.end_a_id)
        .join(ends_b, ends_b.c.id == Link.end_b_id)
        .order_by(Link.name)
    )
    if network:
        query = query.where(Link.network == network)
    if site:
        found = find_site(session, site)
        key = found.id if found is not None else 0
        query = query.where(or_(Link.end_a_id == key, Link.end_b_id == key))
    rows = session.execute(query).all()
    lives = [LinkLife(row[0], _day(row[2], 0), _day(row[3], FOREVER)) for row in rows]
    spans = {
        life.link: with_silence(reported[life.link], silent, people)
        for life in lives
        if life.link in reported
    }
    table = by_link_and_period(spans, lives, edges_of(periods), moment)
    every = [summed(part) for part in table]
    links = [
        AvailabilityRow(
            str(row[1]),
            summed_by_period(part[None]),
            whole,
            ends=_("%(row)s to %(row2)s", row=row[4], row2=row[5]),
        )
        for row, part, whole in zip(rows, table, every, strict=True)
        if whole.whole
    ]
    at_site: dict[str, list[int]] = {}
    for place, (row, whole) in enumerate(zip(rows, every, strict=True)):
        for end in {str(row[4]), str(row[5])} if whole.whole else ():
            at_site.setdefault(end, []).append(place)
    sites = [
        AvailabilityRow(
            name,
            summed_by_period(table[at_site[name]]),
            summed(table[at_site[name]]),
            links=len(at_site[name]),
        )
        for name in sorted(at_site)
    ]
    whole_row = AvailabilityRow(_("All of these links"), summed_by_period(table), summed(table))
    return AvailabilityFigures(links, sites, whole_row)


def with_silence(
    link: LinkSpans, silent: Mapping[int, Sequence[Span]], people: Collection[int]
) -> LinkSpans:
    """The times of a link with those in which nobody watched it; ``silent`` by source. What people
    entered is reported, but a person watches nothing."""
    first = {source: begun for source, begun in link.sources.items() if source not in people}
    spans = unwatched(
        [Watch(moment_of(begun), silent.get(source, ())) for source, begun in first.items()]
    )
    starts, ends = (
        np.array([microseconds(span[side]) for span in spans], np.int64) for side in (0, 1)
    )
    return replace(link, first=min(first.values(), default=FOREVER), unwatched=(starts, ends))


def _day(day: date | None, otherwise: int) -> int:
    if day is None:
        return otherwise
    return microseconds(datetime.combine(day, time(), UTC))
