"""What if: what several rules would have required, and which tickets exist, per T1 and quarter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from app.core.figures.tables import Cell as FileCell
from app.core.figures.tables import FigureTable
from app.core.rules.counted import SLIDES_RANGE
from app.core.rules.documents.slides import Slide
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.rules.quarters import Quarter, period_range, present
from app.core.web.extensions import db
from app.core.web.figure_files import as_file
from app.core.web.times import iso, now
from app.duties.services.duties import (
    WHOLE,
    DutyCounts,
    JudgedRule,
    WhatIf,
    judged_rules,
    sites_of_quarters,
    what_if,
)
from app.duties.services.slides import RULES_AT_ONCE, comparison_slide
from app.matching.services.tables import first_seen, has_no_data
from app.matching.web.freshness import FILE, fresh_figures
from app.registry.models.registry import Site
from app.registry.rules.networks import Network

blueprint = Blueprint("what_if", __name__)
_MAX_QUARTERS: Final = 80
_COLUMNED: Final = 8
"""Up to so many quarters are shown as columns."""
TOTAL: Final = "TOTAL"
CSV_COLUMNS: Final = (
    *("rule", "site", "quarter", "asked", "there", "missing", "late", "unsure", "cut_off"),
)


class ComparisonQuery:
    """Rules and period in an address; invalid parts are named and ignored."""

    def __init__(self, arguments: MultiDict[str, str], known: Sequence[JudgedRule]) -> None:
        self.problems: list[str] = []
        by_label = {one.label: one for one in known}
        named = [one.strip() for one in arguments.getlist("rule") if one.strip()]
        for label in named:
            if label not in by_label:
                self.problems.append(_("Rule: choose %(listed)s", listed=", ".join(by_label)))
        chosen = [by_label[one] for one in dict.fromkeys(named) if one in by_label]
        self.rules: Sequence[JudgedRule] = chosen or known
        self.all_rules = not chosen
        usual = present(Quarter, now())
        first = self._quarter(arguments, "from", usual[0])
        last = self._quarter(arguments, "to", max(usual[-1], first))
        try:
            if len(period_range(first, last)) > _MAX_QUARTERS:
                raise Invalid(
                    "to",
                    _(
                        "Choose at most %(max_quarters)s quarters",
                        max_quarters=_MAX_QUARTERS,
                    ),
                )
        except Invalid as error:
            self.problems.append(error.message)
            first, last = usual[0], usual[-1]
        self.quarters = period_range(first, last)

    def _quarter(self, arguments: MultiDict[str, str], name: str, otherwise: Quarter) -> Quarter:
        text = arguments.get(name, "").strip()
        try:
            return Quarter.parse(text, name) if text else otherwise
        except Invalid as error:
            self.problems.append(f"{name}: " + error.message)
            return otherwise

    @property
    def first(self) -> Quarter:
        """The first quarter."""
        return self.quarters[0]

    @property
    def last(self) -> Quarter:
        """The last quarter, inclusive."""
        return self.quarters[-1]

    @property
    def file_urls(self) -> Mapping[str, str]:
        """The addresses of the same as files, by kind."""
        query = self.url("what_if.page").partition("?")[2]
        kinds = ("csv", "xlsx", "pptx")
        return {kind: f"{url_for('what_if.download', kind=kind)}?{query}" for kind in kinds}

    def url(self, endpoint: str, quarters: tuple[Quarter, Quarter] | None = None) -> str:
        """The address of another form of the same comparison, or of other quarters."""
        rules = [] if self.all_rules else [one.label for one in self.rules]
        given = [("rule", one) for one in rules]
        first, last = quarters or (self.first, self.last)
        given += [("from", str(first)), ("to", str(last))]
        return f"{url_for(endpoint)}?{urlencode(given)}"


@dataclass(frozen=True)
class Cell:
    """Numbers of one rule, with links to the lists behind them."""

    asked: DutyCounts
    asked_url: str
    there_url: str
    missing_url: str
    has_data: bool = True
    """Whether any source had reported on the site's links by the end of that period."""


@dataclass(frozen=True)
class WhatIfRow:
    """A site, or the whole network: a cell per rule for each quarter, and for all of them."""

    site: str
    tier: int | None
    whole: Sequence[Cell]
    quarters: Sequence[Sequence[Cell]]


@blueprint.get("/statistics/what-if")
def page() -> Response:
    """Show the comparison, on screen and for printing on one sheet."""
    fresh = fresh_figures()
    known = judged_rules(db.session(), now())
    query = ComparisonQuery(request.args, known)
    found = _sums(query)
    return make_response(
        render_template(
            "duties/what_if.html",
            query=query,
            known=known,
            rows=_rows(query, found),
            total=_row(query, found, None, first_seen(db.session(), Network.LHCOPN)),
            by_quarter=len(query.quarters) <= _COLUMNED,
            losses=[found.whole(one.version_id, WHOLE).losses for one in query.rules],
            fresh=fresh,
            slides_url=query.url("what_if.page", SLIDES_RANGE),
            partial=[one for one in query.quarters if one.is_partial(now())],
            future=[one for one in query.quarters if one.is_future(now())],
        ),
        422 if query.problems else 200,
    )


@blueprint.get("/statistics/what-if.csv", defaults={"kind": "csv"})
@blueprint.get("/statistics/what-if.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/statistics/what-if.pptx", defaults={"kind": "pptx"})
def download(kind: str) -> Response:
    """Download the same numbers: a row per rule, site and quarter, and TOTAL per rule and quarter;
    without data the numbers are empty."""
    fresh_figures(FILE)
    query = ComparisonQuery(request.args, judged_rules(db.session(), now()))
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    found = _sums(query)
    lines: list[Sequence[FileCell]] = []
    seen = first_seen(db.session(), Network.LHCOPN)
    places = [
        (site.key, site.id, seen.get(site.id))
        for site in sites_of_quarters(db.session(), query.first, query.last)
    ]
    places.append((TOTAL, WHOLE, min(seen.values(), default=None)))
    for rule in query.rules:
        for name, key, first in places:
            for quarter in query.quarters:
                one = found.at(rule.version_id, key, quarter)
                numbers = (one.asked, one.there, one.missing, one.late, one.unsure, one.losses)
                is_blank = has_no_data(quarter, first, now())
                lines.append(
                    [rule.label, name, str(quarter), *(None if is_blank else n for n in numbers)]
                )
    notes = [_("As of %(iso)s. Empty cells: no data.", iso=iso(now()))]
    file = FigureTable("what-if", CSV_COLUMNS, lines)
    return as_file(file, kind, notes, lambda: _slides(query, found))


def _slides(query: ComparisonQuery, found: WhatIf) -> Sequence[Slide]:
    """The rules, two per slide, under the number of tickets that each would have required."""
    seen = first_seen(db.session(), Network.LHCOPN)
    rows = [*_rows(query, found), _row(query, found, None, seen)]
    cells = [(row.site, [one.asked if one.has_data else None for one in row.whole]) for row in rows]
    slides = []
    for at in range(0, len(query.rules), RULES_AT_ONCE):
        part = slice(at, at + RULES_AT_ONCE)
        *sites, (_total, whole) = [(site, mine[part]) for site, mine in cells]
        rules = query.rules[part]
        said = [
            f"{rule.label}: {'no data' if one is None else f'{one.asked:,} tickets'}"
            for rule, one in zip(rules, whole, strict=True)
        ]
        first, last = query.first, query.last
        when = str(first) if first == last else _("%(first)s to %(last)s", first=first, last=last)
        slides.append(comparison_slide(rules, sites, whole, ", ".join(said), when, "", []))
    return slides


def _sums(query: ComparisonQuery) -> WhatIf:
    versions = [one.version_id for one in query.rules]
    return what_if(db.session(), versions, query.first, query.last)


def _rows(query: ComparisonQuery, found: WhatIf) -> list[WhatIfRow]:
    seen = first_seen(db.session(), Network.LHCOPN)
    return [
        _row(query, found, site, seen)
        for site in sites_of_quarters(db.session(), query.first, query.last)
    ]


def _row(
    query: ComparisonQuery, found: WhatIf, site: Site | None, seen: Mapping[int, datetime]
) -> WhatIfRow:
    key = WHOLE if site is None else site.id
    first = min(seen.values(), default=None) if site is None else seen.get(site.id)
    has_data = [not has_no_data(one, first, now()) for one in query.quarters]
    cells = [
        [
            replace(
                _cell(rule, found.at(rule.version_id, key, quarter), site, quarter, quarter),
                has_data=known,
            )
            for rule in query.rules
        ]
        for quarter, known in zip(query.quarters, has_data, strict=True)
    ]
    whole = [
        replace(
            _cell(rule, found.whole(rule.version_id, key), site, query.first, query.last),
            has_data=any(has_data),
        )
        for rule in query.rules
    ]
    return WhatIfRow(
        TOTAL if site is None else site.key, site.tier if site is not None else None, whole, cells
    )


def _cell(
    rule: JudgedRule, numbers: DutyCounts, site: Site | None, first: Quarter, last: Quarter
) -> Cell:
    wanted = {"rule": rule.label, "from": str(first), "to": str(last)}
    if site is not None:
        wanted["end"] = site.key

    base = url_for("duty.listing")

    def url(state: str) -> str:
        return f"{base}?{urlencode({'state': state, **wanted})}"

    return Cell(numbers, url("all"), url("there"), url("open"))
