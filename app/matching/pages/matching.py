"""Events matching per T1: the current quarters, the two tables of the slides, any range, and
CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.core.figures.tables import Cell as FileCell
from app.core.figures.tables import FigureTable
from app.core.rules.counted import SLIDES
from app.core.rules.documents.slides import Slide
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.rules.quarters import Quarter, present
from app.core.web.extensions import db
from app.core.web.figure_files import as_file
from app.core.web.quarter_range import read_quarters
from app.core.web.times import iso, now
from app.events.rules.addresses import NO_T1, events_url
from app.matching.figures.per_t1 import Cell
from app.matching.rules.matching import RELATED_WORDS, detected_in_words
from app.matching.services.rules import rules_in_order
from app.matching.services.slides import QUARTERS_AT_ONCE, matching_slide
from app.matching.services.tables import MatchingTable, TableRow, matching_table
from app.matching.web.freshness import FILE, fresh_figures
from app.registry.rules.networks import Network

blueprint = Blueprint("matching", __name__, url_prefix="/statistics")
_SLIDES: Final = "slides"
"""The value of ``quarters`` in the address of the two tables of the group's slides of 2013."""
COLUMNS: Final = ("site", "quarter", "detected", "documented")


class MatchingQuery:
    """The query of the table in an address; invalid parts are named and ignored."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.network = arguments.get("network", "").strip() or str(Network.LHCOPN)
        if self.network not in Network.__members__.values():
            self.problems.append(_("Network: choose %(listed)s", listed=" or ".join(Network)))
            self.network = str(Network.LHCOPN)
        self.typed_from = arguments.get("from", "").strip()
        self.typed_to = arguments.get("to", "").strip()
        self.ranges: Sequence[Sequence[Quarter]] = [present(Quarter, now())]
        self._asked: dict[str, str] = {}
        """How the address states the quarters; empty = the current ones."""
        if self.typed_from or self.typed_to:
            try:
                self.ranges = [read_quarters(self.typed_from, self.typed_to)]
                self._asked = {"from": self.typed_from, "to": self.typed_to}
            except Invalid as error:
                word = {"from": _("From"), "to": _("To")}.get(error.field, _("Quarters"))
                self.problems.append(f"{word}: {error.message}")
        elif preset := arguments.get("quarters", "").strip():
            if preset == _SLIDES:
                self.ranges, self._asked = SLIDES, {"quarters": _SLIDES}
            else:
                self.problems.append(
                    _("Quarters: enter %(slides)s, or use from and to", slides=_SLIDES)
                )

    @property
    def is_present(self) -> bool:
        """Whether the current quarters are shown."""
        return not self._asked

    @property
    def is_slides(self) -> bool:
        """Whether the two tables of the slides are shown."""
        return "quarters" in self._asked

    @property
    def present_url(self) -> str:
        """The address of this page with the current quarters."""
        return self._url(url_for("matching.page"), {})

    @property
    def slides_url(self) -> str:
        """The address of this page with the two tables of the slides."""
        return self._url(url_for("matching.page"), {"quarters": _SLIDES})

    @property
    def file_urls(self) -> Mapping[str, str]:
        """The addresses of the files with exactly these quarters, by kind."""
        kinds = ("csv", "xlsx", "pptx")
        bases = {kind: url_for("matching.download", kind=kind) for kind in kinds}
        return {kind: self._url(base, self._asked) for kind, base in bases.items()}

    def _url(self, base: str, quarters: Mapping[str, str]) -> str:
        network = "" if self.network == Network.LHCOPN else self.network
        return _address(base, {**quarters, "network": network})


def _address(base: str, values: Mapping[str, str]) -> str:
    given = urlencode({name: value for name, value in values.items() if value})
    return f"{base}?{given}" if given else base


@dataclass(frozen=True)
class Shown:
    """A cell as the page shows it, with links to its rows."""

    kind: str
    """figures, nodata, or none (the site was neither T0 nor T1 then)."""
    detected: int = 0
    documented: int = 0
    all_url: str = ""
    documented_url: str = ""
    missing_url: str = ""

    @property
    def missing(self) -> int:
        """Events without a ticket."""
        return self.detected - self.documented


@dataclass(frozen=True)
class ShownRow:
    """A site, or the total."""

    site: str
    tier: int | None
    cells: Sequence[Shown]


@dataclass(frozen=True)
class ShownTable:
    """A table with the headings of its quarters."""

    title: str
    quarters: Sequence[tuple[Quarter, str]]
    """With a remark: ongoing, or not started; else ""."""
    rows: Sequence[ShownRow]
    total: ShownRow
    finding: str
    """What its totals show, in words."""


@blueprint.get("/matching")
def page() -> Response:
    """Show the tables: of the current quarters, of a range, or the two of the deck, in parallel."""
    query, moment = MatchingQuery(request.args), now()
    figures = fresh_figures()
    session = db.session()
    tables = [
        _shown(matching_table(session, quarters, query.network, moment), moment)
        for quarters in query.ranges
    ]
    rule = rules_in_order(session)[-1]
    page = render_template(
        "matching/page.html",
        query=query,
        tables=tables,
        figures=figures,
        networks=list(Network),
        rule=rule,
        detected=detected_in_words(rule),
        related=RELATED_WORDS,
    )
    return make_response(page, 422 if query.problems else 200)


@blueprint.get("/matching.csv", defaults={"kind": "csv"})
@blueprint.get("/matching.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/matching.pptx", defaults={"kind": "pptx"})
def download(kind: str) -> Response:
    """Download the same numbers: a line for each site that was T0 or T1 then and each quarter, and
    TOTAL."""
    query, moment = MatchingQuery(request.args), now()
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    fresh_figures(FILE)
    lines: list[Sequence[FileCell]] = []
    for quarters in query.ranges:
        table = matching_table(db.session(), quarters, query.network, moment)
        for place, quarter in enumerate(quarters):
            for row in table.rows:
                if row.there[place]:
                    lines.append(_line(row.site, quarter, row.cells[place]))
            lines.append(_line("TOTAL", quarter, table.totals[place]))
    notes = [
        _(
            "As of %(moment)s, links of %(network)s. Empty cells: no data.",
            moment=iso(moment),
            network=query.network,
        )
    ]
    file = FigureTable("matching", COLUMNS, lines)
    return as_file(file, kind, notes, lambda: _slides(query, moment))


def _line(site: str, quarter: Quarter, cell: Cell | None) -> Sequence[FileCell]:
    numbers = (None, None) if cell is None else (cell.detected, cell.documented)
    return (site, str(quarter), *numbers)


def _slides(query: MatchingQuery, moment: datetime) -> Sequence[Slide]:
    """Two quarters on a slide, as on the group's slides."""
    session = db.session()
    detected = detected_in_words(rules_in_order(session)[-1])
    found = []
    for quarters in query.ranges:
        for at in range(0, len(quarters), QUARTERS_AT_ONCE):
            part = quarters[at : at + QUARTERS_AT_ONCE]
            table = matching_table(session, part, query.network, moment)
            said = [f"{one}: {_said_of(one, moment)}." for one in part if _said_of(one, moment)]
            found.append(matching_slide(table, detected, finding_of(table, moment), "", said))
    return found


def _shown(table: MatchingTable, moment: datetime) -> ShownTable:
    first, last = table.quarters[0], table.quarters[-1]
    total = ShownRow(
        "TOTAL",
        None,
        [
            _cell(cell, table.network, quarter, "")
            for cell, quarter in zip(table.totals, table.quarters, strict=True)
        ],
    )
    return ShownTable(
        str(first) if first == last else _("%(first)s to %(last)s", first=first, last=last),
        [(quarter, _said_of(quarter, moment)) for quarter in table.quarters],
        [_row(row, table) for row in table.rows],
        total,
        finding_of(table, moment),
    )


def finding_of(table: MatchingTable, moment: datetime) -> str:
    """``2026-Q4 so far: 13 of 18 events with a ticket, 5 without``: for the current quarter if the
    table has it, else for all of its quarters."""
    both = zip(table.quarters, table.totals, strict=True)
    known = [(quarter, cell) for quarter, cell in both if cell is not None]
    if not known:
        return _("No data on events")
    newest, cell = known[-1]
    if newest.is_partial(moment):
        return _("%(newest)s so far: %(finding)s", newest=newest, finding=cell.finding)
    sums = [(one.detected, one.documented) for _, one in known]
    whole = Cell(*(sum(column) for column in zip(*sums, strict=True)))
    first = known[0][0]
    when = str(first) if first == newest else _("%(first)s to %(last)s", first=first, last=newest)
    return _("%(when)s: %(finding)s", when=when, finding=whole.finding)


def _said_of(quarter: Quarter, moment: datetime) -> str:
    if quarter.is_future(moment):
        return _("not started")
    return _("so far") if quarter.is_partial(moment) else ""


def _row(row: TableRow, table: MatchingTable) -> ShownRow:
    t1 = NO_T1 if row.tier == 0 else row.site
    return ShownRow(
        row.site,
        row.tier,
        [
            _cell(cell, table.network, quarter, t1) if there else Shown("none")
            for cell, quarter, there in zip(row.cells, table.quarters, row.there, strict=True)
        ],
    )


def _cell(cell: Cell | None, network: str, quarter: Quarter, t1: str) -> Shown:
    if cell is None:
        return Shown("nodata")

    def url(documented: str = "") -> str:
        return events_url(
            quarter=str(quarter), t1=t1, network=network, counted="yes", documented=documented
        )

    return Shown("figures", cell.detected, cell.documented, url(), url("yes"), url("no"))
