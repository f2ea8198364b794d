"""What the home page shows of quarterly reports and teleconferences: what waits for the chair, and
what a reporter's sites have to submit. Only reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.core.rules.access import Actor
from app.core.rules.quarters import Quarter
from app.meetings.models.teleconferences import Teleconference
from app.meetings.services.lists import asked_for
from app.reports.models.reports import Report
from app.reports.rules.reports import ReportState, is_chair
from app.reports.services.grid import GridCell, report_grid

ROWS: Final = 5
"""Rows shown of a group."""
QUARTERS: Final = 4
"""Quarters that ended last, whose reports a reporter is notified of."""


@dataclass(frozen=True)
class Waiting:
    """What waits for the chair: reports to accept and TCs to decide on, the oldest first."""

    report_count: int
    reports: Sequence[Report]
    tcs: Sequence[Teleconference]


@dataclass(frozen=True)
class OwedReport:
    """A report that one of the reporter's sites has not submitted."""

    site: str
    cell: GridCell


def waiting_for_chair(session: Session, actor: Actor) -> Waiting | None:
    """What the chair has to decide on; None for others."""
    if not is_chair(actor):
        return None
    rows = session.execute(
        select(Report, func.count().over())  # of all, whatever the limit
        .where(Report.state == ReportState.SUBMITTED)
        .order_by(Report.first_submitted_at, Report.id)
        .options(joinedload(Report.site))
        .limit(ROWS)
    ).all()
    count = rows[0][1] if rows else 0
    return Waiting(count, [report for report, _ in rows], asked_for(session, whole=False))


def owed_reports(
    session: Session, actor: Actor, now: datetime, due_days: int
) -> Sequence[OwedReport]:
    """Reports of the quarters that ended last which the reporter's sites have not submitted, the
    newest quarter first."""
    last = Quarter.of(now).previous
    quarters = [last.after(-back) for back in reversed(range(QUARTERS))]
    grid = report_grid(session, actor, quarters, now, due_days)
    return [
        OwedReport(row.site, row.cells[place])
        for place in reversed(range(len(quarters)))
        for row in grid.rows
        if row.is_own and row.cells[place].is_counted and not row.cells[place].is_done
    ]
