"""The slides' table "Events matching per T1" for any range of quarters, from the stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.figures.frames import NOBODY
from app.core.rules.quarters import Quarter
from app.events.models.events import Event
from app.matching.figures.per_t1 import Cell, PerT1, per_t1
from app.matching.models.matching import DetectedEvent
from app.registry.models.registry import Link, Site
from app.registry.services.tiers import had_tier_in


@dataclass(frozen=True)
class TableRow:
    """A site that was T0 or T1 in one of the quarters, with a cell for each of them."""

    site: str
    site_id: int
    tier: int
    cells: Sequence[Cell | None]
    """None = no data: no source was ever seen on any of its links up to the quarter's end, or the
    quarter has not started."""
    there: Sequence[bool]
    """Whether it was T0 or T1 in each quarter; otherwise the table shows nothing."""


@dataclass(frozen=True)
class MatchingTable:
    """Detected and documented events by site and quarter."""

    quarters: Sequence[Quarter]
    network: str
    rows: Sequence[TableRow]
    """The T0 first, then the T1s by name. The T0's cells are the events without a T1 end."""
    totals: Sequence[Cell | None]


def matching_table(
    session: Session, quarters: Sequence[Quarter], network: str, now: datetime
) -> MatchingTable:
    """The table for these consecutive quarters and one network."""
    counted = _counted(session, quarters, network)
    seen = first_seen(session, network)
    rows = []
    for site in session.scalars(select(Site).where(Site.tier.is_not(None)).order_by(Site.key)):
        there = [had_tier_in(site, quarter) for quarter in quarters]
        if site.tier is None or not any(there):
            continue
        cells = _cells(site, quarters, counted, seen.get(site.id), now)
        rows.append(TableRow(site.key, site.id, site.tier, cells, there))
    rows.sort(key=lambda row: (row.tier, row.site))
    first = min(seen.values(), default=None)
    totals = [
        None if has_no_data(quarter, first, now) else counted.totals[place]
        for place, quarter in enumerate(quarters)
    ]
    return MatchingTable(quarters, network, rows, totals)


def _cells(
    site: Site,
    quarters: Sequence[Quarter],
    counted: PerT1,
    seen: datetime | None,
    now: datetime,
) -> Sequence[Cell | None]:
    row = NOBODY if site.tier == 0 else site.id
    return [
        None if has_no_data(quarter, seen, now) else counted.cells.get((row, place), Cell(0, 0))
        for place, quarter in enumerate(quarters)
    ]


def has_no_data(quarter: Quarter, seen: datetime | None, now: datetime) -> bool:
    """Whether there is no data: no source was seen up to its end, or it has not started."""
    return seen is None or seen >= quarter.end or quarter.is_future(now)


def _counted(session: Session, quarters: Sequence[Quarter], network: str) -> PerT1:
    places = {str(quarter): place for place, quarter in enumerate(quarters)}
    keys = (DetectedEvent.quarter, DetectedEvent.t1_id, DetectedEvent.other_t1_id)
    rows = session.execute(
        select(*keys, DetectedEvent.is_documented, func.count())
        .where(
            DetectedEvent.quarter.in_(places),
            DetectedEvent.is_counted.is_(True),
            DetectedEvent.link_id.in_(select(Link.id).where(Link.network == network)),
        )
        .group_by(*keys, DetectedEvent.is_documented)
    )
    counts = [
        (
            places[quarter],
            NOBODY if first is None else first,
            NOBODY if second is None else second,
            int(documented),
            events,
        )
        for quarter, first, second, documented, events in rows
    ]
    return per_t1(counts, len(quarters))


def first_seen(session: Session, network: str) -> Mapping[int, datetime]:
    """By site, when a source first reported on one of its links, monitored or not."""
    first = (
        select(Event.start)
        .where(Event.link_id == Link.id, Event.withdrawn_at.is_(None))
        .order_by(Event.start)
        .limit(1)
        .correlate(Link)
        .scalar_subquery()
    )
    found: dict[int, datetime] = {}
    rows = session.execute(
        select(Link.end_a_id, Link.end_b_id, first.label("first")).where(Link.network == network)
    )
    for row in rows:
        moment: datetime | None = row.first
        if moment is None:
            continue
        for site in (row.end_a_id, row.end_b_id):
            found[site] = min(moment, found.get(site, moment))
    return found
