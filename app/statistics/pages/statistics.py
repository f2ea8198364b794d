"""Statistics of tickets: how many, how long, long-standing ones; and what each figure means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Final

from flask import Blueprint, render_template, request, url_for

from app.core.figures.tables import Cell as FileCell
from app.core.figures.tables import FigureTable
from app.core.rules.counted import DAYS_STANDING, DECK_NUMBERS, DECK_SOURCE, Counted
from app.core.rules.documents.slides import Cell as SlideCell
from app.core.rules.documents.slides import Column, Slide, SlideRow, Table
from app.core.rules.durations import days_in_words
from app.core.rules.language import _, joined, said_word
from app.core.rules.quarters import (
    CalendarPeriod,
    HalfYear,
    Quarter,
    Year,
    headline_periods,
    present,
)
from app.core.web.extensions import db
from app.core.web.figure_files import as_file
from app.core.web.times import now
from app.events.rules.addresses import events_url
from app.matching.figures.per_t1 import Cell
from app.matching.rules.matching import RELATED_WORDS, detected_in_words
from app.matching.services.rules import rules_in_order
from app.matching.services.tables import matching_table
from app.matching.web.freshness import fresh_figures
from app.registry.rules.networks import Network
from app.registry.services.registry import all_links, all_sites
from app.statistics.figures.charts import ColumnChart, Value, column_chart, highest
from app.statistics.pages.definitions import DEFINITIONS as DEFINED
from app.statistics.pages.findings import (
    changed_in_words,
    measured_in_words,
    tickets_in_words,
)
from app.statistics.pages.query import PER, StatisticsQuery
from app.statistics.pages.slides import MAX_ROWS, counts_slide, range_in_words, rows_slide
from app.statistics.services.figures import CountRow, Standing, TicketFigures, TimesRow
from app.statistics.services.rows import FILTERS, in_order, values_asked
from app.tickets.figures.times import MEASURES, WORKING
from app.tickets.rules.tickets import Category, Layer, State

blueprint = Blueprint("statistics", __name__, url_prefix="/statistics")
BY: Final = ("network", "category", "layer", "state", "site", "affected", "responsible", "link")
BY_TIMES: Final = ("category", "site", "affected", "responsible")
BY_WORDS: Final = {
    "network": _("network"),
    "category": _("category"),
    "layer": _("layer"),
    "state": _("state"),
    "site": _("site (in any role)"),
    "affected": _("affected site"),
    "responsible": _("responsible site"),
    "link": _("link"),
}
NOTHING: Final = {
    "site": _("no site"),
    "affected": _("no affected site"),
    "responsible": _("none"),
    "link": _("no link"),
}
ROWS: Final = 100
"""Rows of a table on a page; its files have all."""
SMALL: Final = 8
"""Charts next to each other."""
STANDING: Final = 100
"""Long-standing tickets on the page."""
ANSWERS: Final = {
    "response": Counted.ANSWERED,
    "solution": Counted.ENDED,
    "waiting": Counted.WAITED,
    "lifetime": Counted.ENDED,
}
"""The tickets behind each time, as the list of tickets finds them; it finds none for the active
solution time, which is not known of old ones."""
_CHOICES: Final = {
    "network": list(Network),
    "category": [one for one in Category if one is not Category.TEST],
    "layer": list(Layer),
    "state": ["open", "closed", *(one for one in State if one is not State.CLOSED)],
}
PAGES: Final = (
    (_("Overview"), "statistics.page", _("Main figures")),
    (_("Tickets"), "statistics.tickets", _("Tickets created, by period, site, link and kind")),
    (
        _("Times"),
        "statistics.times",
        _("Time to respond and to solve, waiting time, lifetime"),
    ),
    (_("Long-standing"), "statistics.standing", _("Tickets open for more than 30 days")),
    (
        _("Events per T1"),
        "matching.page",
        _("Detected events, and how many of them have a ticket"),
    ),
    (_("Availability"), "availability.page", _("Availability of each link and site")),
    (
        _("Required tickets"),
        "duty.listing",
        _("Events that require a ticket, and whether it exists"),
    ),
    (_("Rule comparison"), "what_if.page", _("How many tickets each rule would require")),
    (_("Definitions"), "statistics.definitions", _("Definitions of the figures")),
)
"""The pages of this place, also those of other modules: word, endpoint, what one finds there."""


@dataclass(frozen=True)
class Cells:
    """A row of a table of counts: its name, and per period the number and the rows behind it."""

    name: str
    cells: Sequence[tuple[int | None, str]]
    """None = no data."""
    total: tuple[int, str]
    quiet: bool = False
    """The row is of what has no value."""


@dataclass(frozen=True)
class Documented:
    """Of one quarter, how many events were detected and documented, and which."""

    quarter: Quarter
    cell: Cell | None
    """None = no data."""
    detected_url: str
    documented_url: str


def _matching() -> list[Documented]:
    """The present quarters, all links of LHCOPN together."""
    fresh_figures()
    network = str(Network.LHCOPN)
    quarters = present(Quarter, now())
    totals = matching_table(db.session(), quarters, network, now()).totals
    found = []
    for quarter, cell in zip(quarters, totals, strict=True):
        both = {"quarter": str(quarter), "network": network, "counted": "yes"}
        documented = events_url(**both, documented="yes")
        found.append(Documented(quarter, cell, events_url(**both), documented))
    return found


@dataclass(frozen=True)
class Headline:
    """How many tickets were created in a year or half-year, in words; None = no data."""

    number: int | None
    words: str
    url: str


def _headline(
    figures: TicketFigures, question: StatisticsQuery, period: CalendarPeriod
) -> Headline:
    (number,) = figures.counts([period])[0].counts
    so_far = _(" so far") if period.is_partial(now()) else ""
    words = joined("", (period.words, so_far))
    return Headline(number, words, question.rows_url([period], by="") if number else "")


@dataclass(frozen=True)
class Running:
    """The running quarter's tickets, compared with those of the previous quarter at the same point
    in time."""

    quarter: Quarter
    number: int
    url: str
    change: str


def _running(figures: TicketFigures, question: StatisticsQuery) -> Running:
    quarter = Quarter.of(now())
    before = quarter.previous
    number = figures.created(quarter.begin, quarter.end)
    then = figures.created(before.begin, min(before.begin + (now() - quarter.begin), before.end))
    change = _(
        "%(number)s by the same day of %(before)s (%(then)s)",
        number=changed_in_words(number, then),
        before=before,
        then=format(then, ","),
    )
    return Running(quarter, number, question.rows_url([quarter], by="") if number else "", change)


def _found_events(matching: Sequence[Documented]) -> str:
    """How the newest quarter with data is, in words."""
    known = [(one.quarter, one.cell) for one in matching if one.cell is not None]
    if not known:
        return _("No data on events")
    newest, cell = known[-1]
    so_far = _(" so far") if newest.is_partial(now()) else ""
    return f"{newest}" + joined("", (so_far, ": ", cell.finding))


@blueprint.get("")
def page() -> str:
    """The main figures, and where the others are."""
    question = StatisticsQuery(request.args, per=("quarter",))
    figures = TicketFigures(db.session(), question.filter, now())
    periods = question.periods()
    row = figures.counts(periods)[0]
    this_year = [Year.of(now())]
    matching = _matching()
    return render_template(
        "statistics/page.html",
        question=question,
        count=figures.count,
        headlines=[
            _headline(figures, question, period) for period in headline_periods(Quarter.of(now()))
        ],
        deck=DECK_NUMBERS,
        deck_source=DECK_SOURCE,
        deck_url=question.url(
            "statistics.tickets", per="half-year", from_=str(Year(2012)), to=str(HalfYear(2013, 1))
        ),
        chart=_chart("tickets", tickets_in_words(periods, row.counts, now()), periods, row),
        table=_table_of([(_("Tickets"), row)], periods, question, ""),
        periods=periods,
        standing=figures.standing_count,
        standing_url=_standing_url(question),
        times=figures.times(this_year)[0],
        this_year=this_year[0],
        running=_running(figures, question),
        matching=matching,
        finding=_found_events(matching),
        detected=detected_in_words(rules_in_order(db.session())[-1]).capitalize(),
        related=RELATED_WORDS.capitalize(),
        stand=fresh_figures(),
        **frame_of(_("Statistics")),
    )


@blueprint.get("/tickets.csv", defaults={"kind": "csv"})
@blueprint.get("/tickets.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/tickets.pptx", defaults={"kind": "pptx"})
@blueprint.get("/tickets", defaults={"kind": ""})
def tickets(kind: str = "") -> Any:
    """How many tickets were created in each period, by one of their properties."""
    question = StatisticsQuery(request.args, by=BY)
    figures = TicketFigures(db.session(), question.filter, now())
    periods = question.periods()
    whole = figures.counts(periods)[0]
    rows = _restricted(figures.counts(periods, question.by), question) if question.by else []
    finding = tickets_in_words(periods, whole.counts, now())
    shown = in_order(rows, question.by)
    if kind:
        question.require_whole()
        named = [(_name(row.value, question.by), row) for row in shown]
        subtitle = _(
            "Tickets per %(per)s, %(periods)s%(filter_words)s",
            per=question.per,
            periods=range_in_words(periods),
            filter_words=question.filter_words,
        )
        slide = counts_slide(
            finding, subtitle, periods, whole, named, BY_WORDS.get(question.by, "").capitalize()
        )
        table = _counts_file(periods, whole, rows, question)
        return as_file(table, kind, _notes(), lambda: [slide])
    named = [(_name(row.value, question.by), row) for row in shown[:ROWS]]
    top = highest(one for row in shown[:SMALL] for one in _values(periods, row))
    return render_template(
        "statistics/tickets.html",
        question=question,
        periods=periods,
        years=_years(periods, whole, question),
        whole=_table_of([(_("All tickets"), whole)], periods, question, "")[0],
        table=_table_of(named, periods, question, question.by),
        left=len(shown) - len(named),
        chart=_chart("all", finding, periods, whole),
        small=[
            _chart(
                f"by-{at}",
                joined("", (name, f": {row.total:,}")),
                periods,
                row,
                top=top,
                small=True,
            )
            for at, (name, row) in enumerate(named[:SMALL])
        ],
        **frame_of(_("Tickets")),
    )


@blueprint.get("/times.csv", defaults={"kind": "csv"})
@blueprint.get("/times.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/times.pptx", defaults={"kind": "pptx"})
@blueprint.get("/times", defaults={"kind": ""})
def times(kind: str = "") -> Any:
    """GGUS's times by period, or by category or site; and the priorities at submission."""
    question = StatisticsQuery(request.args, by=BY_TIMES)
    figures = TicketFigures(db.session(), question.filter, now())
    periods = question.periods()
    by_period = figures.times(periods)
    by_value: list[TimesRow] = []
    if question.by:
        allowed = values_asked(db.session(), question.by, question.given(question.by))
        by_value = [
            row
            for row in figures.times(periods, question.by)
            if allowed is None or row.value in allowed
        ]
    priorities = figures.counts(periods, "priority")
    if kind:
        question.require_whole()
        table = _times_file(by_period, by_value, question)
        return as_file(
            table, kind, _notes(), lambda: [_times_slide(periods, by_period, by_value, question)]
        )
    whole = sum(row.total for row in priorities)
    return render_template(
        "statistics/times.html",
        question=question,
        periods=periods,
        measures=MEASURES,
        working=WORKING,
        titles=TIMES_TITLES,
        by_period=[
            (str(period), row, _times_urls(question, [period], None))
            for period, row in zip(periods, by_period, strict=True)
        ],
        by_value=[
            (
                _name(row.value, question.by),
                row,
                _times_urls(question, periods, row.value),
            )
            for row in sorted(by_value, key=lambda row: -row.tickets)[:ROWS]
        ],
        priorities=[
            (
                row.value,
                row.total,
                question.rows_url(periods, row.value, by="priority"),
            )
            for row in priorities
        ],
        whole=whole,
        charts=_times_charts(periods, by_period),
        **frame_of(_("Times")),
    )


@blueprint.get("/long-standing.csv", defaults={"kind": "csv"})
@blueprint.get("/long-standing.xlsx", defaults={"kind": "xlsx"})
@blueprint.get("/long-standing.pptx", defaults={"kind": "pptx"})
@blueprint.get("/long-standing", defaults={"kind": ""})
def standing(kind: str = "") -> Any:
    """Open tickets that were created more than 30 days ago."""
    question = StatisticsQuery(request.args)
    figures = TicketFigures(db.session(), question.filter, now())
    found = figures.standing(10_000 if kind else STANDING)
    if kind:
        question.require_whole()
        head = ("number", "title", "state", "responsible_site", "created", "age_days", "changed")
        rows: list[tuple[FileCell, ...]] = [
            (
                ticket.number,
                ticket.title,
                ticket.state,
                ticket.responsible_site.key if ticket.responsible_site else "",
                ticket.created_at,
                (now() - ticket.created_at) / timedelta(days=1),
                ticket.changed_at,
            )
            for ticket in found.tickets
        ]
        table = FigureTable("long-standing", head, rows)
        return as_file(table, kind, _notes(), lambda: [_standing_slide(found, question)])
    return render_template(
        "statistics/standing.html",
        question=question,
        found=found,
        days=DAYS_STANDING,
        url=_standing_url(question),
        by_site=[
            (
                row.value or _("no responsible site"),
                row.total,
                question.rows_url((), row.value, by="responsible", figures=[Counted.LONG_STANDING]),
            )
            for row in found.by_site
        ],
        most=STANDING,
        **frame_of(_("Long-standing")),
    )


@blueprint.get("/definitions")
def definitions() -> str:
    """What each figure of the portal means: its formula, its source, its parameters."""
    return render_template(
        "statistics/definitions.html", definitions=DEFINED, **frame_of(_("Definitions"))
    )


def frame_of(word: str) -> dict[str, Any]:
    """What every page of this place shows around its figures."""
    sites, links = all_sites(db.session()), all_links(db.session())
    return {
        "here_page": word,
        "by_words": BY_WORDS,
        "by_choices": BY if word == "Tickets" else BY_TIMES,
        "per_choices": list(PER),
        "filter_choices": _CHOICES,
        "filter_names": FILTERS,
        "sites": [site.key for site in sites],
        "links": [link.name for link in links],
        "moment": now(),
    }


def _standing_url(question: StatisticsQuery) -> str:
    return question.rows_url((), by="", figures=[Counted.LONG_STANDING])


def _restricted(rows: Sequence[CountRow], question: StatisticsQuery) -> list[CountRow]:
    allowed = values_asked(db.session(), question.by, question.given(question.by))
    return [row for row in rows if allowed is None or row.value in allowed]


def _name(value: str, by: str) -> str:
    return value or NOTHING.get(by, "")


def _table_of(
    rows: Sequence[tuple[str, CountRow]],
    periods: Sequence[CalendarPeriod],
    question: StatisticsQuery,
    by: str,
) -> list[Cells]:
    found = []
    for name, row in rows:
        value = row.value if by else None
        cells = [
            (number, question.rows_url([period], value, by=by) if number else "")
            for period, number in zip(periods, row.counts, strict=True)
        ]
        url = question.rows_url(periods, value, by=by) if row.total else ""
        found.append(Cells(name, cells, (row.total, url), quiet=bool(by) and not row.value))
    return found


def _years(
    periods: Sequence[CalendarPeriod], whole: CountRow, question: StatisticsQuery
) -> list[tuple[int, int, int, str]]:
    """Of each year: itself, its periods that are shown, the tickets in them, and their rows."""
    if question.per == "year":
        return []
    found: list[tuple[int, int, int, str]] = []
    for year in sorted({one.year for one in periods}):
        mine = [one for one in periods if one.year == year]
        count = sum(
            number or 0
            for one, number in zip(periods, whole.counts, strict=True)
            if one.year == year
        )
        found.append((year, len(mine), count, question.rows_url(mine, by="") if count else ""))
    return found


def _values(periods: Sequence[CalendarPeriod], row: CountRow) -> list[Value]:
    return [
        Value(
            str(period),
            number,
            _("no data") if number is None else f"{number:,}",
            marked=period.is_partial(now()),
        )
        for period, number in zip(periods, row.counts, strict=True)
    ]


def _chart(
    key: str,
    title: str,
    periods: Sequence[CalendarPeriod],
    row: CountRow,
    *,
    top: float | None = None,
    small: bool = False,
) -> ColumnChart:
    values = _values(periods, row)
    return column_chart(key, title, values, top=top, plot=64 if small else 120, small=small)


TIMES_TITLES: Final = {
    "response": _("Response"),
    "solution": _("Solution"),
    "active": _("Solution without waiting"),
    "waiting": _("Waiting for reply"),
    "lifetime": _("Lifetime"),
}


def time_in_words(days: float | None, day: str = "day") -> str:
    """``25 min``, ``3 h``, ``2 days``; "no data" if none exists."""
    return _("no data") if days is None else days_in_words(days, day)


def _times_charts(periods: Sequence[CalendarPeriod], rows: Sequence[TimesRow]) -> list[ColumnChart]:
    """Medians as bars, averages as lines. They are below each other, each on its own scale: a
    response takes hours where a wait takes months."""
    charts = []
    for measure in MEASURES:
        values = [
            Value(
                str(period),
                row.measures[measure].median,
                time_in_words(row.measures[measure].median) if row.measures[measure].count else "–",
                marked=period.is_partial(now()),
                also=row.measures[measure].mean,
            )
            for period, row in zip(periods, rows, strict=True)
        ]
        if all(one.value is None for one in values):
            continue
        medians = [row.measures[measure].median for row in rows]
        title = measured_in_words(periods, medians, time_in_words, now())
        charts.append(column_chart(measure, f"{TIMES_TITLES[measure]}: {title}", values, plot=64))
    return charts


def _times_urls(
    question: StatisticsQuery, periods: Sequence[CalendarPeriod], value: str | None
) -> dict[str, str]:
    urls = {"tickets": question.rows_url(periods, value)}
    for measure, figure in ANSWERS.items():
        urls[measure] = question.rows_url(periods, value, figures=[figure])
    return urls


def _counts_file(
    periods: Sequence[CalendarPeriod],
    whole: CountRow,
    rows: Sequence[CountRow],
    question: StatisticsQuery,
) -> FigureTable:
    """One row for each period and value, zeros included, and one TOTAL per period."""
    by = question.by
    head = ["period", "begin", "end", *([by] if by else []), "tickets"]
    found: list[list[FileCell]] = []
    for at, period in enumerate(periods):
        where: list[FileCell] = [str(period), *_days(period)]
        for row in in_order(rows, by):
            found.append([*where, _name(row.value, by), row.counts[at]])
        found.append([*where, *(["TOTAL"] if by else []), whole.counts[at]])
    return FigureTable("tickets-per-period", head, found)


def _days(period: CalendarPeriod) -> tuple[str, str]:
    """Its first and last day."""
    last = period.end - timedelta(days=1)
    return f"{period.begin:%Y-%m-%d}", f"{last:%Y-%m-%d}"


def _times_file(
    by_period: Sequence[TimesRow], by_value: Sequence[TimesRow], question: StatisticsQuery
) -> FigureTable:
    """What the page shows: by value where a property was chosen, else by period."""
    units = [f"{name}_{'working_' if name in WORKING else ''}days" for name in MEASURES]
    columns = [f"{unit}_{part}" for unit in units for part in ("count", "average", "median")]
    head = [question.by or "period", "tickets", *columns]
    rows: list[list[FileCell]] = []
    for row in by_value if question.by else by_period:
        cells: list[FileCell] = [_name(row.value, question.by), row.tickets]
        for name in MEASURES:
            measure = row.measures[name]
            cells += [measure.count, measure.mean, measure.median]
        rows.append(cells)
    return FigureTable("ticket-times", head, rows)


def _times_slide(
    periods: Sequence[CalendarPeriod],
    by_period: Sequence[TimesRow],
    by_value: Sequence[TimesRow],
    question: StatisticsQuery,
) -> Slide:
    medians = [row.measures["solution"].median for row in by_period]
    rows = [
        SlideRow(
            [
                _name(row.value, question.by) if question.by else row.value,
                row.tickets,
                *(time_in_words(row.measures[name].median) for name in MEASURES),
            ]
        )
        for row in (by_value if question.by else by_period)[:MAX_ROWS]
    ]
    head = (
        BY_WORDS[question.by].capitalize() if question.by else said_word(question.per).capitalize()
    )
    columns = [Column(head, 1.4), Column(_("Tickets"), 0.8, is_number=True)]
    columns += [Column(TIMES_TITLES[name], 1.4, is_number=True) for name in MEASURES]
    return Slide(
        f"Solution: {measured_in_words(periods, medians, time_in_words, now())}",
        f"Medians of the tickets created from {range_in_words(periods)}{question.filter_words}",
        "",
        table=Table(columns, rows),
        words=[_("Response and solution in working time; a working day is 24 h.")],
    )


def _standing_slide(found: Standing, question: StatisticsQuery) -> Slide:
    rows: list[list[SlideCell]] = [
        [
            str(ticket.number),
            ticket.title,
            ticket.state,
            ticket.responsible_site.key if ticket.responsible_site else "none",
            f"{ticket.created_at:%Y-%m-%d}",
            f"{(now() - ticket.created_at) // timedelta(days=1):,}",
        ]
        for ticket in found.tickets[:MAX_ROWS]
    ]
    columns = [
        *(
            Column(_("Ticket"), 0.7, is_number=True),
            Column(_("Title"), 4.6),
            Column(_("State"), 1.4),
        ),
        *(
            Column(_("Responsible"), 1.5),
            Column(_("Created"), 1.1),
            Column(_("Days"), 0.6, is_number=True),
        ),
    ]
    return rows_slide(
        f"{found.count:,} ticket{'' if found.count == 1 else 's'} open for more than"
        f" {DAYS_STANDING} days",
        f"{now():%Y-%m-%d} UTC{question.filter_words}",
        columns,
        rows,
        found.count - len(rows),
    )


def _notes() -> list[str]:
    return [
        _(
            "As of %(now)s UTC. Test tickets do not count.",
            now=format(now().astimezone(UTC), "%Y-%m-%d %H:%M:%S"),
        ),
        _(
            "Definitions of the figures: %(url_for)s in the portal.",
            url_for=url_for("statistics.definitions"),
        ),
    ]
