"""The grid of quarterly reports, site by quarter, and how complete they are over the years.

Few statements, however large the grid: the sites, and the reports of its quarters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, func, select, union_all
from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.quarters import Quarter, Year
from app.domain.reports import (
    ReportState,
    Shown,
    Standing,
    is_of_site,
    may_read_fields,
    standing_of,
)
from app.models import DetectedEvent, Report, Site, Ticket
from app.services.registry_on import had_tier_in

DONE: Final = (Shown.SUBMITTED, Shown.ACCEPTED)
"""What counts as submitted. A report that was reopened does not until it is submitted again."""
_NOBODY_ASKED: Final = (Shown.NOT_REQUIRED, Shown.NOT_YET)


@dataclass(frozen=True)
class Count:
    """How many of the reports that are asked for were submitted; of quarters that have ended."""

    done: int = 0
    asked: int = 0

    @property
    def left(self) -> int:
        """How many are missing."""
        return self.asked - self.done


@dataclass(frozen=True)
class GridRow:
    """A site that was T1 in one of the quarters, or wrote a report all the same."""

    site: str
    site_id: int
    standings: Sequence[Standing]
    """One for each quarter."""
    count: Count
    is_own: bool
    """Whether whoever looks is a reporter of it."""


@dataclass(frozen=True)
class ReportGrid:
    """Reports by site and quarter."""

    quarters: Sequence[Quarter]
    rows: Sequence[GridRow]
    """By the sites' names."""
    counts: Sequence[Count]
    """Of each quarter."""


@dataclass(frozen=True)
class Completeness:
    """How many reports each site submitted in each year."""

    years: Sequence[Year]
    rows: Sequence[tuple[str, Sequence[Count]]]
    totals: Sequence[Count]


def is_asked(site: Site, quarter: Quarter) -> bool:
    """Whether the site owes a report about the quarter: it was T1 on a day of it."""
    return site.tier == 1 and had_tier_in(site, quarter)


def report_grid(
    session: Session,
    actor: Actor,
    quarters: Sequence[Quarter],
    now: datetime,
    due_days: int,
) -> ReportGrid:
    """The grid of these quarters as this account sees it: a draft is shown to those who may read
    it, to others it is a report that is missing."""
    reports = _reports(session, quarters)
    rows = []
    for site in _sites(session, reports):
        asked = [is_asked(site, quarter) for quarter in quarters]
        mine = [reports.get((site.id, str(quarter))) for quarter in quarters]
        if not any(asked) and not any(mine):
            continue
        standings = [
            _standing(actor, site, quarter, report, now, is_required, due_days)
            for quarter, report, is_required in zip(quarters, mine, asked, strict=True)
        ]
        count = _count(zip(standings, asked, quarters, strict=True), now)
        rows.append(GridRow(site.key, site.id, standings, count, is_of_site(actor, site.id)))
    counts = []
    for place in range(len(quarters)):
        column = [row.standings[place] for row in rows]
        done = sum(one.is_required and one.shown in DONE for one in column)
        counts.append(Count(done, sum(one.is_required for one in column)))
    return ReportGrid(quarters, rows, counts)


def quarters_with_data(session: Session, now: datetime, most: int) -> Sequence[Quarter]:
    """The newest quarters that hold tickets, detected events or reports, in their order; the one
    that goes on and the one that ended last are always among them."""
    this = Quarter.of(now)
    found = {this, this.previous}
    stored = {Quarter.parse(one) for one in session.scalars(select(Report.quarter).distinct())}
    begin = this.previous.begin
    while len(found) < most:
        before = union_all(
            select(func.max(Ticket.created_at).label("at")).where(Ticket.created_at < begin),
            select(func.max(DetectedEvent.start)).where(DetectedEvent.start < begin),
        ).subquery()
        newest = session.scalar(select(func.max(before.c.at)))
        older = [one for one in stored if one.begin < begin]
        if newest is not None:
            older.append(Quarter.of(newest.replace(tzinfo=newest.tzinfo or UTC)))
        if not older:
            break
        found.add(max(older))
        begin = max(older).begin
    return sorted(found)


def completeness(session: Session, now: datetime) -> Completeness | None:
    """Reports by site and year, from the year of the first one on; None where there is none.

    A year's number of reports grows with its quarters: of one that goes on, those that ended.
    """
    first = session.scalar(select(func.min(Report.quarter)))
    if first is None:
        return None
    begin, this = Quarter.parse(first), Quarter.of(now)
    years = [Year(year) for year in range(begin.year, max(this.year, begin.year) + 1)]
    done = {
        (row.site_id, row.quarter)
        for row in session.execute(
            select(Report.site_id, Report.quarter).where(
                Report.state.in_((ReportState.SUBMITTED, ReportState.ACCEPTED))
            )
        )
    }
    rows = []
    for site in session.scalars(select(Site).where(Site.tier == 1).order_by(Site.key)):
        counts = [_of_year(site, year, done, begin, now) for year in years]
        if any(one.asked for one in counts):
            rows.append((site.key, counts))
    totals = [
        Count(sum(row[place].done for _, row in rows), sum(row[place].asked for _, row in rows))
        for place in range(len(years))
    ]
    return Completeness(years, rows, totals)


def _of_year(
    site: Site, year: Year, done: set[tuple[int, str]], begin: Quarter, now: datetime
) -> Count:
    asked = [
        quarter
        for quarter in (Quarter(year.year, number) for number in range(1, 5))
        if quarter >= begin and quarter.end <= now and is_asked(site, quarter)
    ]
    return Count(sum((site.id, str(quarter)) in done for quarter in asked), len(asked))
