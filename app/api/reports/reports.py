"""Quarterly reports: the state of each, and signed versions. Drafts are for people on the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask import current_app

from app.api.caller import session
from app.api.operations import Call, Query, next_page, operation
from app.api.reports.schemas import OneReportQuery, ReportPage, ReportsQuery, SignedReport
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.quarters import Quarter, period_range
from app.core.rules.scopes import Scope
from app.registry.services.registry import require_site
from app.reports.rules.reports import ShownState
from app.reports.services.grid import GridCell, report_grid
from app.reports.services.signed_reports import signed_report

_SCOPES: Final = (Scope.READ, Scope.REPORTS)

DUE_DAYS: Final = "report_due_days"
"""Where the application keeps that setting."""
_USUAL: Final = 4
"""Quarters that are listed where none are named."""
_MAX_QUARTERS: Final = 60


@operation("GET", "/v1/reports", scopes=_SCOPES, query=ReportsQuery, answer=ReportPage)
def list_reports(call: Call) -> Mapping[str, Any]:
    """List quarterly reports: status per site.

    A row for each site and quarter, by quarter and site.
    """
    now, query = call.now, call.query
    quarters = _quarters(query, now)
    site = require_site(session(), query["site"]).key if "site" in query else ""
    due_days: int = current_app.extensions[DUE_DAYS]
    grid = report_grid(session(), call.actor, quarters, now, due_days)
    wanted, after = query.get("state", ""), query.get("after", "")
    found = sorted(
        (
            _row(line.site, cell)
            for line in grid.rows
            if not site or line.site == site
            for cell in line.cells
            if _is_wanted(cell.standing.shown, wanted)
        ),
        key=lambda row: (row["quarter"], row["site"]),
    )
    if after:
        place = _place(after)
        found = [row for row in found if (row["quarter"], row["site"]) > place]
    limit = query["limit"]
    last = found[limit - 1] if len(found) > limit else None
    return {
        "items": found[:limit],
        "next": next_page(None if last is None else f"{last['site']}/{last['quarter']}"),
    }


@operation("GET", "/v1/reports/{key}", scopes=_SCOPES, query=OneReportQuery, answer=SignedReport)
def get_report(call: Call) -> Mapping[str, Any]:
    """Get a signed report.

    The newest version, unless ``version`` says which.
    """
    name, _, text = call.key.rpartition("/")
    try:
        quarter = Quarter.parse(text)
    except Invalid:
        raise NotFound from None
    found = signed_report(session(), call.actor, name, quarter, call.query.get("version"))
    return {**vars(found), "key": f"{found.report.site.key}/{quarter}"}


def _is_wanted(shown: ShownState, wanted: str) -> bool:
    return shown == wanted if wanted else shown is not ShownState.NOT_REQUIRED


def _row(site: str, cell: GridCell) -> dict[str, Any]:
    return {
        "key": f"{site}/{cell.quarter}",
        "site": site,
        "quarter": str(cell.quarter),
        "state": str(cell.standing.shown),
        "late": cell.standing.is_late,
        "due": cell.standing.due_at,
    }


def _quarters(query: Query, now: datetime) -> Sequence[Quarter]:
    """Those of ``quarter``, or of ``from`` and ``to``; else the last four that have ended."""
    if "quarter" in query:
        if "from_" in query or "to" in query:
            raise Invalid("quarter", "quarter takes the place of from and to; send one of them")
        return [Quarter.parse(query["quarter"], "quarter")]
    last = Quarter.parse(query["to"], "to") if "to" in query else Quarter.of(now).previous
    first = Quarter.parse(query["from_"], "from") if "from_" in query else last.after(1 - _USUAL)
    found = period_range(first, last)
    if len(found) > _MAX_QUARTERS:
        raise Invalid("to", f"At most {_MAX_QUARTERS} quarters are listed at once")
    return found


def _place(after: str) -> tuple[str, str]:
    site, _, quarter = after.rpartition("/")
    return str(Quarter.parse(quarter, "after")), site
