"""The calendar: windows of planned work by month and by link, and when the LHC runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.calendar.models.lhc import LhcPeriod
from app.calendar.rules.calendar import Planned, days_of, midnight, month_after, weeks_of
from app.calendar.rules.lhc_calendar import (
    FIELDS,
    LhcNow,
    Period,
    PeriodKind,
    cern_words,
    lhc_at,
    states_between,
)
from app.calendar.services.calendar import MAX_WINDOWS, Agenda, CalendarFilter, agenda
from app.calendar.services.lhc_calendar import lhc_periods, newest_changes, period_of
from app.core.rules.access import Role
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import now
from app.registry.models.registry import Link, Site
from app.registry.rules.networks import Network
from app.registry.services.registry import find_site, require_links

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")
_MONTH: Final = re.compile(r"\d{4}-\d\d", re.ASCII)
_EARLIEST, _LATEST = date(1990, 1, 1), date(2099, 12, 1)
_MAX_LENGTH: Final = 100
_IN_A_CELL: Final = 4
"""Windows of one day before the rest is folded away."""
_CONFLICTS_SHOWN: Final = 50


class CalendarQuery:
    """What an address asks of the calendar; what cannot be used is named and left out."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.today = now().astimezone(UTC).date()
        self.month = self._month(arguments.get("month", "").strip())
        self.typed_site = arguments.get("site", "").strip()
        self.site = self._site(self.typed_site)
        self.typed_link = arguments.get("link", "").strip()
        self.link = self._link(self.typed_link)
        self.network = arguments.get("network", "").strip()
        if self.network not in ("", *Network):
            self.problems.append(_("Network: choose %(listed)s", listed=" or ".join(Network)))
            self.network = ""

    @property
    def filter(self) -> CalendarFilter:
        """The same for the service."""
        return CalendarFilter(self.site, self.link, self.network)

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the month is requested."""
        return bool(self.site or self.link or self.network)

    def url(self, endpoint: str = "", month: date | None = None) -> str:
        """The address of this, or of another, page of the calendar with the same filter."""
        month = month or self.month
        values = {
            "month": "" if month == self.today.replace(day=1) else f"{month:%Y-%m}",
            "site": self.site.key if self.site is not None else "",
            "link": self.link.name if self.link is not None else "",
            "network": self.network,
        }
        given = urlencode({name: value for name, value in values.items() if value})
        base = url_for(endpoint or request.endpoint or "calendar.month")
        return f"{base}?{given}" if given else base

    def _month(self, text: str) -> date:
        this = self.today.replace(day=1)
        if not text:
            return this
        try:
            found = date.fromisoformat(f"{text}-01") if _MONTH.fullmatch(text) else None
        except ValueError:
            found = None
        if found is not None and _EARLIEST <= found <= _LATEST:
            return found
        self.problems.append(
            _(
                "Month: use a month such as 2026-11 (%(earliest)s to %(latest)s). Showing"
                " the current month",
                earliest=format(_EARLIEST, "%Y-%m"),
                latest=format(_LATEST, "%Y-%m"),
            )
        )
        return this

    def _site(self, text: str) -> Site | None:
        if not text:
            return None
        usable = len(text) <= _MAX_LENGTH and text.isprintable()
        found = find_site(db.session(), text) if usable else None
        if found is None:
            self.problems.append(_("Site: unknown name. Use any name of a known site"))
        return found

    def _link(self, text: str) -> Link | None:
        if not text:
            return None
        try:
            if len(text) > _MAX_LENGTH or not text.isprintable():
                raise Invalid("link", "")
            return require_links(db.session(), [text])[0]
        except Invalid:
            self.problems.append(_("Link: unknown id"))
            return None


@dataclass(frozen=True)
class Item:
    """A window as one day shows it."""

    window: Planned
    when: str


@dataclass(frozen=True)
class Day:
    """A day of the grid; ``rest`` is folded away."""

    day: date
    in_month: bool
    is_today: bool
    items: Sequence[Item]
    rest: Sequence[Item]


@dataclass(frozen=True)
class Bar:
    """A window on a line of the month, in thousandths of the line."""

    window: Planned
    x: float
    width: float


@dataclass(frozen=True)
class Line:
    """All windows of one link (or of a site, where no link is named)."""

    name: str
    url: str
    bars: Sequence[Bar]
    conflicts: int


@blueprint.get("")
def month() -> Response:
    """A month as a grid of days, on a phone as a list of those with a window."""
    query = CalendarQuery(request.args)
    weeks = weeks_of(query.month)
    first, last = weeks[0][0], weeks[-1][-1] + timedelta(days=1)
    found = agenda(db.session(), acting(), midnight(first), midnight(last), query.filter)
    return calendar_page("calendar/month.html", query, found, weeks=_grid(weeks, query, found))


@blueprint.get("/links")
def links() -> Response:
    """A month with a line for each link that has a window."""
    query = CalendarQuery(request.args)
    first, last = query.month, month_after(query.month)
    found = agenda(db.session(), acting(), midnight(first), midnight(last), query.filter)
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    return calendar_page(
        "calendar/links.html",
        query,
        found,
        lines=_lines(found, midnight(first), midnight(last), query),
        days=days,
        free=[
            (1000 * number / len(days), 1000 / len(days))
            for number, day in enumerate(days)
            if day.weekday() >= 5
        ],
    )


def calendar_page(template: str, query: CalendarQuery, found: Agenda, **more: object) -> Response:
    """A page of windows; ``more`` is for its template and goes before what is usual."""
    going_on = [one for one in found.windows if not one.cancelled]
    usual: dict[str, object] = {
        "query": query,
        "found": found,
        "most": MAX_WINDOWS,
        "networks": list(Network),
        "title": f"{query.month:%B %Y}",
        "before": query.url(month=month_after(query.month, -1)) if query.month > _EARLIEST else "",
        "after": query.url(month=month_after(query.month)) if query.month < _LATEST else "",
        "this": query.url(month=query.today.replace(day=1)),
        "conflicts": found.conflicts[:_CONFLICTS_SHOWN],
        "in_season": [one for one in going_on if one.season],
        "unanswered": [one for one in going_on if one.missing],
        "lhc": _lhc_of(query, found.periods),
    }
    page = render_template(template, **(usual | more))
    return make_response(page, 422 if query.problems else 200)


def _grid(
    weeks: Sequence[Sequence[date]], query: CalendarQuery, found: Agenda
) -> Sequence[Sequence[Day]]:
    by_day: dict[date, list[Item]] = defaultdict(list)
    shown = {day for week in weeks for day in week}
    for window in found.windows:
        for day in days_of(window.start, window.end):
            if day in shown:
                by_day[day].append(Item(window, hours_of(window, day)))
    return [
        [
            Day(
                day,
                day.month == query.month.month,
                day == query.today,
                by_day[day][:_IN_A_CELL],
                by_day[day][_IN_A_CELL:],
            )
            for day in week
        ]
        for week in weeks
    ]


def hours_of(window: Planned, day: date) -> str:
    """The hours (UTC) of a window on one of its days."""
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    if window.open_end:
        return _("from %(start)s", start=format(start, "%H:%M"))
    begins = start.date() == day
    ends = end <= midnight(day + timedelta(days=1))
    if begins and ends:
        return f"{start:%H:%M}–{_end_of_day(end, day)}"
    if begins:
        return f"{start:%H:%M} →"
    return f"→ {_end_of_day(end, day)}" if ends else _("all day")


def _end_of_day(end: datetime, day: date) -> str:
    return f"{end:%H:%M}" if end.date() == day else "24:00"


def _lines(found: Agenda, first: datetime, last: datetime, query: CalendarQuery) -> Sequence[Line]:
    bars: dict[tuple[int, str], list[Bar]] = defaultdict(list)
    for window in found.windows:
        bar = _bar(window, first, last)
        if window.links:
            names = [(0, link.name) for link in window.links]
            if query.link is not None:
                names = [(0, query.link.name)]
        else:
            names = [(1, site) for site in window.sites] or [(2, _("No link or site named"))]
        for name in names:
            bars[name].append(bar)
    return [
        Line(
            name,
            (
                url_for("links.link", name=name)
                if kind == 0
                else url_for("sites.site", key=name)
                if kind == 1
                else ""
            ),
            found_bars,
            sum(bool(bar.window.conflicts) for bar in found_bars),
        )
        for (kind, name), found_bars in sorted(bars.items())
    ]


def _bar(window: Planned, first: datetime, last: datetime) -> Bar:
    whole = (last - first).total_seconds()
    start = max((window.start - first).total_seconds() / whole, 0) * 1000
    end = min((window.end - first).total_seconds() / whole, 1) * 1000
    return Bar(window, round(start, 1), round(max(end - start, 3), 1))


def _lhc_of(query: CalendarQuery, periods: Sequence[Period]) -> LhcNow:
    """Of this month what the LHC does now, of another one what it does in it."""
    if query.month == query.today.replace(day=1):
        return lhc_at(now(), periods)
    begin, end = midnight(query.month), midnight(month_after(query.month))
    states = states_between(begin, end, periods)
    parts = [
        (
            _("from %(day)s %(since)s on ", day=since.day, since=format(since, "%B"))
            if since > begin
            else ""
        )
        + (period.name if period is not None else _("no entry in its calendar"))
        + (_(", running") if runs else _(", not running") if period is not None else "")
        for since, period, runs in states
    ]
    words = _(
        "The LHC in %(month)s: %(listed)s",
        month=format(query.month, "%B %Y"),
        listed=joined("; ", parts),
    )
    return LhcNow(running=any(runs for *_, runs in states), words=words)


# ---------- the LHC's own calendar

_FIRST_YEAR: Final = 2010
_YEARS_AHEAD: Final = 5
_LAST_SHOWN: Final = 2060
"""Years behind it are in the table, not in the picture."""
_ROWS: Final = {
    PeriodKind.RUN: 0,
    PeriodKind.SHUTDOWN: 0,
    PeriodKind.PHYSICS: 1,
    PeriodKind.IONS: 1,
    PeriodKind.STOP: 1,
}


@dataclass(frozen=True)
class ShownPeriod:
    """A period in table and strip; dates are CERN's, ``x`` and ``width`` thousandths."""

    row: LhcPeriod
    begin: str
    end: str
    is_now: bool
    line: int
    x: float
    width: float


@blueprint.get("/lhc")
def lhc() -> str:
    """When the LHC ran, runs and is to run, with the source of each date."""
    rows = lhc_periods(db.session())
    years = _years(rows)
    return render_template(
        "calendar/lhc.html",
        periods=[_shown(row, years) for row in rows],
        years=[(year, _place(datetime(year, 1, 1, tzinfo=UTC), years)) for year in years],
        today=_place(now(), years),
        lhc=lhc_at(now(), [period_of(row) for row in rows]),
        may_edit=acting().role is Role.ADMIN,
        steps=newest_changes(db.session()),
        labels={**FIELDS, "why": _("Reason")},
    )


def _years(rows: Sequence[LhcPeriod]) -> range:
    """The years of the picture: always some ahead, and all that the calendar knows of."""
    known = [
        one.astimezone(UTC).year for row in rows for one in (row.begins_at, row.ends_at) if one
    ]
    last = max([now().year + _YEARS_AHEAD, *(year for year in known if year < _LAST_SHOWN)])
    first = min([_FIRST_YEAR, *(year for year in known if year > 2000)])
    return range(first, last + 1)


def _place(moment: datetime, years: range) -> float:
    first = datetime(years.start, 1, 1, tzinfo=UTC)
    whole = datetime(years.stop, 1, 1, tzinfo=UTC) - first
    return round(min(max((moment - first) / whole, 0), 1) * 1000, 1)


def _shown(row: LhcPeriod, years: range) -> ShownPeriod:
    x = _place(row.begins_at, years)
    width = (_place(row.ends_at, years) if row.ends_at is not None else 1000) - x
    is_now = row.begins_at <= now() and (row.ends_at is None or now() < row.ends_at)
    return ShownPeriod(
        row,
        cern_words(row.begins_at, row.begin_precision, is_end=False),
        cern_words(row.ends_at, row.end_precision, is_end=True) if row.ends_at else "",
        is_now,
        _ROWS[PeriodKind(row.kind)],
        x,
        round(max(width, 1), 1),
    )
