"""The grid of quarterly reports, site by quarter, and how complete they are over the years.

Few statements, however large the grid: the sites, and the reports of its quarters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session

from app.domain.access import Actor
from app.domain.quarters import Quarter, Year
from app.domain.reports import (
    ReportState,
    Shown,
    Standing,
    is_of_site,
    sees_report,
    standing_of,
)
from app.models import DetectedEvent, Report, Site, Ticket
from app.services.registry_on import had_tier_in

DONE: Final = (Shown.SUBMITTED, Shown.ACCEPTED)
"""What counts as submitted. A report that was reopened does not until it is submitted again."""


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
class GridCell:
    """A site's report about a quarter. ``is_counted``: it is asked for, and the quarter ended."""

    quarter: Quarter
    standing: Standing
    is_counted: bool

    @property
    def is_done(self) -> bool:
        """Whether it counts as submitted."""
        return self.is_counted and self.standing.shown in DONE


@dataclass(frozen=True)
class GridRow:
    """A site that was T1 in one of the quarters, or wrote a report all the same."""

    site: str
    site_id: int
    cells: Sequence[GridCell]
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
    writers = {site_id for site_id, _quarter in reports}
    rows = []
    for site in session.scalars(
        select(Site).where(or_(Site.tier == 1, Site.id.in_(writers))).order_by(Site.key)
    ):
        asked = [is_asked(site, quarter) for quarter in quarters]
        if not (any(asked) or site.id in writers):
            continue
        cells = [
            _cell(actor, site.id, quarter, reports, now, is_required, due_days)
            for quarter, is_required in zip(quarters, asked, strict=True)
        ]
        own = is_of_site(actor, site.id)
        rows.append(GridRow(site.key, site.id, cells, _count(cells), own))
    counts = [_count([row.cells[place] for row in rows]) for place in range(len(quarters))]
    return ReportGrid(quarters, rows, counts)


def _reports(
    session: Session, quarters: Sequence[Quarter]
) -> Mapping[tuple[int, str], Row[int, str, str, datetime | None]]:
    """State and first submission of each report of these quarters."""
    rows = session.execute(
        select(Report.site_id, Report.quarter, Report.state, Report.first_submitted_at).where(
            Report.quarter.in_([str(quarter) for quarter in quarters])
        )
    )
    return {(row.site_id, row.quarter): row for row in rows}


def _cell(
    actor: Actor,
    site_id: int,
    quarter: Quarter,
    reports: Mapping[tuple[int, str], Row[int, str, str, datetime | None]],
    now: datetime,
    is_required: bool,
    due_days: int,
) -> GridCell:
    report = reports.get((site_id, str(quarter)))
    state = None if report is None else ReportState(report.state)
    was_submitted = report is not None and report.first_submitted_at is not None
    if not sees_report(actor, site_id, was_submitted=was_submitted):
        state = None
    standing = standing_of(
        quarter,
        state,
        None if report is None else report.first_submitted_at,
        now,
        is_required=is_required,
        due_days=due_days,
    )
    return GridCell(quarter, standing, is_required and quarter.end <= now)


def _count(cells: Sequence[GridCell]) -> Count:
    return Count(sum(one.is_done for one in cells), sum(one.is_counted for one in cells))


def quarters_with_data(session: Session, now: datetime, most: int) -> Sequence[Quarter]:
    """The newest quarters that hold tickets, detected events or reports, in their order; the one
    that goes on and the one that ended last are always among them."""
    this = Quarter.of(now)
    found = {this, this.previous}
    stored = _stored_quarters(session)
    begin: datetime | None = this.previous.begin
    while begin is not None and len(found) < most:
        newest = _newest_before(session, stored, begin)
        begin = None
        if newest is not None:
            found.add(newest)
            begin = newest.begin
    return sorted(found)


def _stored_quarters(session: Session) -> Sequence[Quarter]:
    return [Quarter.parse(one) for one in session.scalars(select(Report.quarter).distinct())]


def _newest_before(session: Session, stored: Sequence[Quarter], begin: datetime) -> Quarter | None:
    """The newest quarter before a moment that holds anything; ``stored`` are those with reports."""
    moments = (
        session.scalar(select(func.max(Ticket.created_at)).where(Ticket.created_at < begin)),
        session.scalar(select(func.max(DetectedEvent.start)).where(DetectedEvent.start < begin)),
    )
    older = [one for one in stored if one.begin < begin]
    older += [Quarter.of(moment) for moment in moments if moment is not None]
    return max(older, default=None)


def completeness(session: Session, now: datetime) -> Completeness | None:
    """Reports by site and year, from the year of the first one on; None where there is none.

    Years in which the portal holds nothing at all are left out: nobody was asked there. A year's
    number of reports grows with its quarters: of one that goes on, those that ended.
    """
    stored = _stored_quarters(session)
    if not stored:
        return None
    begin, this = min(stored), Quarter.of(now)
    years = [Year(max(this, *stored).year)]
    while (newest := _newest_before(session, stored, years[0].begin)) and newest >= begin:
        years.insert(0, Year(newest.year))
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
