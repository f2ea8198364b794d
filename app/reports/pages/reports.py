"""Quarterly reports: the grid site by quarter, which all people see, and how complete they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for

from app.core.figures.tables import FigureTable
from app.core.rules.counted import SLIDES_RANGE
from app.core.rules.documents.slides import Slide
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.rules.quarters import Quarter
from app.core.web.extensions import db
from app.core.web.figure_files import as_file, public_url
from app.core.web.person import acting
from app.core.web.quarter_range import read_quarters
from app.core.web.times import iso, now
from app.reports.rules.reports import ShownState, due_at, is_chair, last_day_of
from app.reports.services.first_quarter import reports_from
from app.reports.services.grid import (
    DONE,
    GridCell,
    ReportGrid,
    completeness,
    report_grid,
    usual_quarters,
)
from app.reports.services.slides import (
    QUARTERS_AT_ONCE,
    READER,
    grid_slide,
    submitted_of_due,
)

blueprint = Blueprint("reports", __name__, url_prefix="/reports")
MAX_QUARTERS: Final = 60
"""Of one page: fifteen years."""
SIGNS: Final[Mapping[ShownState, tuple[str, str]]] = {
    ShownState.NOT_REQUIRED: ("", ""),
    ShownState.NOT_YET: ("", "new"),
    ShownState.MISSING: ("trouble", "alert"),
    ShownState.DRAFT: ("waiting", "pencil"),
    ShownState.SUBMITTED: ("info", "solved"),
    ShownState.ACCEPTED: ("ok", "verified"),
    ShownState.REOPENED: ("waiting", "reopened"),
}
"""Tone and icon of each word."""
_MEANINGS: Final[Mapping[ShownState, str]] = {
    ShownState.MISSING: _("quarter ended, report not started"),
    ShownState.DRAFT: _("in progress; visible to the site, operators and admins"),
    ShownState.SUBMITTED: _("signed by the site; its numbers no longer change"),
    ShownState.ACCEPTED: _("accepted by an operator or admin"),
    ShownState.REOPENED: _("signed before, then reopened for changes"),
    ShownState.NOT_YET: _("quarter ongoing; the report is due after it ends"),
    ShownState.NOT_REQUIRED: _("the site was not a T1, or reports did not exist yet"),
}


def due_days() -> int:
    """Days from a quarter's end to the day by which its reports are due: a setting."""
    days: int = current_app.config["PORTAL"].report_due_days
    return days


class GridQuery:
    """Which quarters an address asks for; what cannot be used is named and left out."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.typed_from = arguments.get("from", "").strip()
        self.typed_to = arguments.get("to", "").strip()
        self.quarters: Sequence[Quarter] | None = None
        """None = the usual ones."""
        if self.typed_from or self.typed_to:
            try:
                self.quarters = read_quarters(self.typed_from, self.typed_to, MAX_QUARTERS)
            except Invalid as error:
                word = {"from": _("From"), "to": _("To")}.get(error.field, _("Quarters"))
                self.problems.append(_("%(word)s: %(message)s", word=word, message=error.message))


def grid_url(first: Quarter, last: Quarter) -> str:
    """The grid of these quarters."""
    return f"{url_for('reports.page')}?{urlencode({'from': str(first), 'to': str(last)})}"


def report_url(site: str, quarter: Quarter | str) -> str:
    """The page of a site's report."""
    return f"{url_for('reports.page')}/{quote(site, safe='')}/{quarter}"


def _file_url(asked: GridQuery, kind: str) -> str:
    base = url_for("reports.download", kind=kind)
    if asked.quarters is None:
        return base
    return f"{base}?{urlencode({'from': asked.typed_from, 'to': asked.typed_to})}"


@dataclass(frozen=True)
class Owed:
    """A report that the reader still has to write."""

    site: str
    cell: GridCell


@blueprint.get("")
def page() -> Response:
    """The grid; without a range the last four quarters and the running one."""
    asked, moment, session, actor = GridQuery(request.args), now(), db.session(), acting()
    quarters = asked.quarters or usual_quarters(session, moment)
    grid = report_grid(session, actor, quarters, moment, due_days())
    first = reports_from(session)
    page = render_template(
        "reports/grid.html",
        asked=asked,
        grid=grid,
        gaps=[
            place > 0 and quarters[place - 1].next != quarter
            for place, quarter in enumerate(quarters)
        ],
        last_days=[last_day(quarter) for quarter in quarters],
        signs=SIGNS,
        legend=_legend(grid),
        owed=_owed(grid),
        complete=completeness(session, moment),
        base=url_for("reports.page"),
        is_chair=is_chair(actor),
        due_days=due_days(),
        asked_from=first,
        files={kind: _file_url(asked, kind) for kind in ("csv", "xlsx", "pptx")},
        slides=grid_url(*SLIDES_RANGE) if first <= SLIDES_RANGE[-1] else "",
        year_url=lambda year: grid_url(Quarter(year.year, 1), Quarter(year.year, 4)),
    )
    return make_response(page, 422 if asked.problems else 200)


@blueprint.get("/grid.csv", defaults={"kind": "csv"})
@blueprint.get("/grid.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/grid.pptx", defaults={"kind": "pptx"})
def download(kind: str) -> Response:
    """The grid as everybody sees it, without drafts: a row for each site and quarter."""
    asked, moment, session = GridQuery(request.args), now(), db.session()
    if asked.problems:
        raise Invalid("filter", joined("; ", asked.problems))
    quarters = asked.quarters or usual_quarters(session, moment)
    grid = report_grid(session, READER, quarters, moment, due_days())
    lines = [
        (
            *(row.site, str(cell.quarter), str(cell.standing.shown)),
            *("yes" if cell.standing.is_late else "no", str(last_day(cell.quarter))),
        )
        for row in grid.rows
        for cell in row.cells
    ]
    file = FigureTable("reports", ("site", "quarter", "report", "late", "due_by"), lines)
    return as_file(
        file, kind, [_("As of %(moment)s.", moment=iso(moment))], lambda: _slides(quarters, moment)
    )


def _slides(quarters: Sequence[Quarter], moment: datetime) -> Sequence[Slide]:
    found = []
    for at in range(0, len(quarters), QUARTERS_AT_ONCE):
        part = quarters[at : at + QUARTERS_AT_ONCE]
        grid = report_grid(db.session(), READER, part, moment, due_days())
        when = (
            str(part[0])
            if len(part) == 1
            else _("%(part)s to %(part2)s", part=part[0], part2=part[-1])
        )
        subtitle = _(
            "Quarterly reports, %(when)s, %(moment)s UTC",
            when=when,
            moment=format(moment, "%Y-%m-%d"),
        )
        # the page is the grid, not the file's own address
        source = f"{public_url()}{grid_url(part[0], part[-1])}"
        found.append(grid_slide(grid, submitted_of_due(grid), subtitle, source))
    return found


def last_day(quarter: Quarter) -> date:
    """The last day, UTC, on which a report of the quarter is not late."""
    return last_day_of(due_at(quarter, due_days()))


def _legend(grid: ReportGrid) -> Sequence[tuple[ShownState, str]]:
    there = {cell.standing.shown for row in grid.rows for cell in row.cells}
    return [(shown, words) for shown, words in _MEANINGS.items() if shown in there]


def _owed(grid: ReportGrid) -> Sequence[Owed]:
    """What one's own sites have to submit still, the newest first."""
    found = [
        Owed(row.site, cell)
        for row in grid.rows
        if row.is_own
        for cell in row.cells
        if cell.is_counted and cell.standing.shown not in DONE
    ]
    by_site = sorted(found, key=lambda one: one.site)
    return sorted(by_site, key=lambda one: one.cell.quarter, reverse=True)
