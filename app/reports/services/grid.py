"""The grid of quarterly reports, site by quarter, and how complete they are over the years.

Few statements, however large the grid: the sites, and the reports of its quarters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.models.base import UtcTime
from app.core.models.changes import PortalFact
from app.core.rules.access import Actor
from app.core.rules.errors import NoSuchPeriod
from app.core.rules.language import _
from app.core.rules.quarters import Quarter, Year, period_range, present
from app.matching.models.matching import DetectedEvent
from app.registry.models.registry import Site
from app.registry.services.tiers import had_tier_in
from app.reports.models.reports import Report
from app.reports.rules.reports import (
    ReportState,
    ReportStatus,
    ShownState,
    is_of_site,
    report_status,
    sees_report,
)
from app.reports.services.first_quarter import (
    FACT,
    FIRST_QUARTER,
    first_quarter_of,
    reports_from,
)
from app.tickets.models.tickets import Ticket

DONE: Final = (ShownState.SUBMITTED, ShownState.ACCEPTED)
"""What counts as submitted. A report that was reopened does not until it is submitted again."""


@dataclass(frozen=True)
class Count:
    """How many of the reports that are requested were submitted; of quarters that have ended."""

    done: int = 0
    asked: int = 0

    @property
    def left(self) -> int:
        """How many are missing."""
        return self.asked - self.done


@dataclass(frozen=True)
class GridCell:
    """A site's report about a quarter. ``is_counted``: it is requested, and the quarter ended."""

    quarter: Quarter
    standing: ReportStatus
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
    """Whether the reader is a reporter of the site."""


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


def was_t1(site: Site, quarter: Quarter) -> bool:
    """Whether the site was T1 on a day of the quarter."""
    return site.tier == 1 and had_tier_in(site, quarter)


def is_asked(site: Site, quarter: Quarter, first: Quarter) -> bool:
    """Whether the site owes a report about the quarter: it was T1 on a day of it, and reports are
    required from ``first`` on."""
    return quarter >= first and was_t1(site, quarter)


def report_grid(
    session: Session,
    actor: Actor,
    quarters: Sequence[Quarter],
    now: datetime,
    due_days: int,
) -> ReportGrid:
    """The grid of these quarters as this account sees it: a draft is shown to those who may read
    it, to others it is a report that is missing."""
    first, reports = _reports(session, quarters)
    writers = {site_id for site_id, _quarter in reports}
    rows = []
    for site in session.scalars(
        select(Site).where(or_(Site.tier == 1, Site.id.in_(writers))).order_by(Site.key)
    ):
        asked = [is_asked(site, quarter, first) for quarter in quarters]
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


def reports_of_site(
    session: Session,
    actor: Actor,
    site: Site,
    quarters: Sequence[Quarter],
    now: datetime,
    due_days: int,
) -> Sequence[GridCell]:
    """One site's row of the grid: nothing where none of these is requested or written."""
    first, reports = _reports(session, quarters, Report.site_id == site.id)
    asked = [is_asked(site, quarter, first) for quarter in quarters]
    if not (any(asked) or reports):
        return ()
    return [
        _cell(actor, site.id, quarter, reports, now, is_required, due_days)
        for quarter, is_required in zip(quarters, asked, strict=True)
    ]


def _reports(
    session: Session, quarters: Sequence[Quarter], which: ColumnElement[bool] | None = None
) -> tuple[Quarter, Mapping[tuple[int, str], Row[*tuple[Any, ...]]]]:
    """Since when reports are asked; state and first submission of each report of these quarters. By
    one statement, in which the former is a row of no site."""
    found: Select[*tuple[Any, ...]] = select(
        *(Report.site_id, Report.quarter, Report.state, Report.first_submitted_at)
    ).where(
        Report.quarter.in_([str(quarter) for quarter in quarters]),
        true() if which is None else which,
    )
    first: Select[*tuple[Any, ...]] = select(
        *(literal(0), PortalFact.value, literal(""), literal(None, UtcTime()))
    ).where(PortalFact.name == FACT)
    rows = session.execute(union_all(found, first)).all()
    fact = next((row.quarter for row in rows if not row.site_id), None)
    reports = {(row.site_id, row.quarter): row for row in rows if row.site_id}
    return first_quarter_of(fact), reports


def _cell(
    actor: Actor,
    site_id: int,
    quarter: Quarter,
    reports: Mapping[tuple[int, str], Row[*tuple[Any, ...]]],
    now: datetime,
    is_required: bool,
    due_days: int,
) -> GridCell:
    report = reports.get((site_id, str(quarter)))
    state = None if report is None else ReportState(report.state)
    was_submitted = report is not None and report.first_submitted_at is not None
    if not sees_report(actor, site_id, was_submitted=was_submitted):
        state = None
    standing = report_status(
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


def require_quarter_of_reports(session: Session, quarter: Quarter, now: datetime) -> None:
    """Raise ``NoSuchPeriod`` for a quarter of which no report can be: one before the first
    of operation (or the first that a report was written of), or behind the next one."""
    last = Quarter.of(now).next
    if FIRST_QUARTER <= quarter <= last:
        return
    stored = session.scalar(select(func.min(Report.quarter)))
    first = FIRST_QUARTER if stored is None else min(FIRST_QUARTER, Quarter.parse(stored))
    if not first <= quarter <= last:
        raise NoSuchPeriod(
            _(
                "No report of %(quarter)s: choose a quarter from %(first)s to %(last)s",
                quarter=quarter,
                first=first,
                last=last,
            )
        )


def usual_quarters(session: Session, now: datetime) -> Sequence[Quarter]:
    """The last four quarters and the running one, as far as reports of them are required."""
    first, *_, this = quarters = present(Quarter, now)
    first = min(max(first, reports_from(session)), this)
    return [quarter for quarter in quarters if quarter >= first]


def _stored_quarters(session: Session) -> Sequence[Quarter]:
    return [Quarter.parse(one) for one in session.scalars(select(Report.quarter).distinct())]


def _quarters_that_hold(
    session: Session, stored: Sequence[Quarter], now: datetime
) -> Sequence[Quarter]:
    """The quarters up to now that hold anything, in their order; ``stored`` are those with
    reports. One statement, which looks into each quarter at most twice."""
    span = period_range(min([FIRST_QUARTER, *stored]), max(Quarter.of(now), FIRST_QUARTER))
    of = union_all(
        *(
            select(
                literal(place).label("place"),
                literal(one.begin, UtcTime).label("begin"),
                literal(one.end, UtcTime).label("end"),
            )
            for place, one in enumerate(span)
        )
    ).cte("of")

    def within(moment: InstrumentedAttribute[datetime]) -> ColumnElement[bool]:
        return exists().where(moment >= of.c.begin, moment < of.c.end)

    holding = session.scalars(
        select(of.c.place).where(or_(within(Ticket.created_at), within(DetectedEvent.start)))
    )
    return sorted({*(span[place] for place in holding), *stored})


def completeness(session: Session, now: datetime) -> Completeness | None:
    """Reports by site and year, from the first one that is requested on; None if none exists.

    A year's number of reports is that of its quarters that have ended and of which the portal holds
    anything: no other sites have to report.
    """
    stored, first = _stored_quarters(session), reports_from(session)
    if not stored or max(stored) < first:
        return None
    quarters = [
        one
        for one in _quarters_that_hold(session, stored, now)
        if one >= max(first, min(stored)) and one.end <= now
    ]
    years = sorted({Year(one.year) for one in quarters})
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
        counts = [_of_year(site, year, done, quarters) for year in years]
        if any(one.asked for one in counts):
            rows.append((site.key, counts))
    totals = [
        Count(sum(row[place].done for _, row in rows), sum(row[place].asked for _, row in rows))
        for place in range(len(years))
    ]
    return Completeness(years, rows, totals)


def _of_year(
    site: Site, year: Year, done: set[tuple[int, str]], quarters: Sequence[Quarter]
) -> Count:
    asked = [one for one in quarters if one.year == year.year and was_t1(site, one)]
    return Count(sum((site.id, str(one)) in done for one in asked), len(asked))
