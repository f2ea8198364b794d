"""How much of the time links and sites were available, by period: the page and its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from flask import Blueprint, render_template, request

from app.core.figures.tables import Cell, FigureTable
from app.core.rules.documents.slides import Slide
from app.core.rules.language import _, counted
from app.core.rules.quarters import CalendarPeriod
from app.core.web.extensions import db
from app.core.web.figure_files import as_file
from app.core.web.times import now
from app.events.rules.addresses import events_url
from app.registry.rules.networks import Network
from app.statistics.figures.availability import Availability
from app.statistics.figures.charts import ColumnChart, Part, Value, column_chart, strip
from app.statistics.pages.findings import measured_in_words
from app.statistics.pages.heat_map import BANDS, heat_map
from app.statistics.pages.query import StatisticsQuery
from app.statistics.pages.slides import availability_slide, range_in_words
from app.statistics.pages.statistics import frame_of
from app.statistics.services.availability import (
    AvailabilityFigures,
    AvailabilityRow,
    availability_of,
)

blueprint = Blueprint("availability", __name__, url_prefix="/statistics")
_HOUR: Final = 3_600_000_000
_ROWS: Final = 200


@dataclass(frozen=True)
class AvailabilityView:
    """A row of the page: per period and for the whole the words, and the events behind them."""

    name: str
    about: str
    cells: Sequence[tuple[Availability, str]]
    whole: Availability
    url: str
    parts: Sequence[Part]
    """Its downtime, on a scale that all rows share."""


@blueprint.get("/availability.csv", defaults={"kind": "csv"})
@blueprint.get("/availability.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/availability.pptx", defaults={"kind": "pptx"})
@blueprint.get("/availability", defaults={"kind": ""})
def page(kind: str = "") -> Any:
    """Availability per link and per site."""
    question = StatisticsQuery(request.args)
    network = request.args.get("network", Network.LHCOPN if "network" not in request.args else "")
    if network not in ("", *Network):
        question.problems.append(
            _("Network: choose %(listed)s. Showing LHCOPN", listed=" or ".join(Network))
        )
        network = Network.LHCOPN
    periods = question.periods()
    site = (question.given("site") or [""])[0]
    figures = availability_of(db.session(), periods, now(), network=network, site=site)
    if kind:
        question.require_whole()
        where = (
            _("links of %(site)s", site=site)
            if site
            else _("links of %(networks)s", networks=network or _("both networks"))
        )
        return as_file(
            _file(figures, periods), kind, _notes(), lambda: [_slide(figures, periods, where)]
        )
    many = [figures.whole, *figures.sites, *figures.links]
    top = max((sum(share for _, share in _downtime(row.whole)) for row in many), default=0) or 1
    over: dict[str, str] = {"site": site} if site else {"network": network}
    return render_template(
        "statistics/availability.html",
        question=question,
        network=network,
        networks=list(Network),
        site=site,
        figures=figures,
        periods=periods,
        whole=_shown(figures.whole, periods, over, top),
        sites_of=[_shown(row, periods, {"site": row.name}, top) for row in figures.sites],
        links_of=[_shown(row, periods, {"link": row.name}, top) for row in figures.links[:_ROWS]],
        widest=top,
        left=len(figures.links) - _ROWS,
        chart=_chart(figures.whole, periods),
        heat=heat_map(db.session(), periods[-1], now(), _events_url, network=network, site=site),
        heat_bands=BANDS,
        file_arguments={
            "per": question.per,
            "from": str(periods[0]),
            "to": str(periods[-1]),
            "network": network,
            "site": site,
        },
        **frame_of(_("Availability")),
    )


def _downtime(whole: Availability) -> Sequence[tuple[str, float]]:
    """Downtime of each kind, worst first, as shares of the time."""
    shares = dict(whole.shares)
    return [(name, shares.get(name, 0.0)) for name in ("down", "degraded", "unmonitored")]


def _shown(
    row: AvailabilityRow, periods: Sequence[CalendarPeriod], where: dict[str, str], top: float
) -> AvailabilityView:
    about = row.ends or (counted("%(num)s link", "%(num)s links", row.links) if row.links else "")
    return AvailabilityView(
        row.name,
        about,
        [
            (cell, _events_url([period], where))
            for period, cell in zip(periods, row.cells, strict=True)
        ],
        row.whole,
        _events_url(periods, where),
        strip([(name, share / top) for name, share in _downtime(row.whole)]),
    )


def _events_url(periods: Sequence[CalendarPeriod], where: dict[str, str]) -> str:
    """The reported events that were on in these periods, whenever they began."""
    span = {"from": str(periods[0]), "to": str(periods[-1]), "lasting": "yes"}
    return events_url(view="reported", **where, **span)


def percent(share: float | None) -> str:
    """``99.95 %``; never rounded up to 100, nor down to 0."""
    if share is None:
        return "unknown"
    text = f"{100 * share:.2f}"
    if text == "100.00":
        return "100 %" if share >= 1 else "> 99.99 %"
    return "< 0.01 %" if share > 0 and text == "0.00" else f"{text} %"


def unmonitored_in_words(whole: Availability) -> str:
    """The part of the time that was left out of an availability; "" = none was."""
    if not whole.unmonitored:
        return ""
    return percent(whole.unmonitored / whole.length)


def _chart(row: AvailabilityRow, periods: Sequence[CalendarPeriod]) -> ColumnChart:
    values = [
        Value(
            str(period),
            cell.down / _HOUR if cell.has_data else None,
            f"{cell.down / _HOUR:,.0f} h" if cell.has_data else _("no data"),
            marked=period.is_partial(now()),
        )
        for period, cell in zip(periods, row.cells, strict=True)
    ]
    return column_chart("down", _("Hours down: %(row)s", row=_finding(row, periods)), values)


def _finding(row: AvailabilityRow, periods: Sequence[CalendarPeriod]) -> str:
    """The hours down of the newest periods, all links together."""
    down = [cell.down / _HOUR if cell.has_data else None for cell in row.cells]
    return measured_in_words(periods, down, lambda hours: f"{hours:,.0f} h", now())


def _slide(figures: AvailabilityFigures, periods: Sequence[CalendarPeriod], where: str) -> Slide:
    rows = [*figures.sites, figures.whole]
    cells = [
        [percent(cell.share) if cell.has_data else None for cell in (*row.cells, row.whole)]
        for row in rows
    ]
    return availability_slide(
        f"Hours down: {_finding(figures.whole, periods)}",
        f"Availability, {where}, {range_in_words(periods)}",
        periods,
        [(row, row.whole.down / _HOUR) for row in figures.sites],
        figures.whole,
        cells,
        [unmonitored_in_words(row.whole) for row in rows],
    )


def _file(figures: AvailabilityFigures, periods: Sequence[CalendarPeriod]) -> FigureTable:
    """One row for each site, link and period; no data = empty cells."""
    head = ("what", "name", "period", "availability", "hours", "down_hours", "degraded_hours")
    rows: list[list[Cell]] = []
    for what, many in (
        ("site", figures.sites),
        ("link", figures.links),
        ("all", [figures.whole]),
    ):
        for row in many:
            for period, cell in zip(periods, row.cells, strict=True):
                if cell.has_data:
                    lengths = (cell.length, cell.down, cell.degraded, cell.unmonitored)
                    hours: list[Cell] = [length / _HOUR for length in lengths]
                    rows.append([what, row.name, str(period), cell.share, *hours])
                else:
                    rows.append([what, row.name, str(period), *[None] * 5])
    return FigureTable("availability", (*head, "unmonitored_hours"), rows)


def _notes() -> list[str]:
    return [
        _("As of %(now)s UTC.", now=format(now().astimezone(UTC), "%Y-%m-%d %H:%M:%S")),
        _(
            "Availability is 1 - down / (hours - unmonitored). "
            "Time in which every source that watched the link was silent is unmonitored, too. "
            "Empty cells: no monitoring data by the end of the period, "
            "or no source was heard in the period."
        ),
        _("By site: all links combined."),
    ]
