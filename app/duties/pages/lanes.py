"""The timeline of links, one lane each; the list of events shows the same data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import Response, request, url_for

from app.calendar.rules.calendar import midnight
from app.calendar.rules.lhc_calendar import Period, states_between
from app.core.rules.access import Role
from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted, joined, said_word
from app.core.web.extensions import db
from app.core.web.htmx import page_or_fragment
from app.core.web.list_filters import read_day
from app.core.web.person import acting
from app.core.web.times import now
from app.duties.pages.event_query import EventQuery
from app.duties.pages.events import blueprint, event_tabs
from app.duties.services.lanes import LaneEvent, Lanes, LaneTicket, lanes_between
from app.events.rules.addresses import events_url
from app.matching.web.freshness import fresh_figures
from app.registry.models.registry import Site
from app.registry.rules.networks import Network
from app.registry.services.registry import all_sites, find_site

DAYS: Final = (7, 30, 90)
_USUAL: Final = 30
_WIDTH: Final = 1000.0
_NARROW: Final = 3.0
"""Narrower events are drawn this wide; several that then touch are one bar."""
_ROWS: Final = 4
"""Parallel tickets in one lane; further ones are drawn over the last row."""
_EARLIEST, _LATEST = date(1990, 1, 1), date(2099, 12, 31)


class LanesQuery:
    """The query of the timeline in an address; invalid parts are named and ignored."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.today = now().astimezone(UTC).date()
        text = arguments.get("days", "")
        self.days = next((days for days in DAYS if str(days) == text), _USUAL)
        if text and str(self.days) != text:
            self.problems.append(_("Days: choose %(listed)s", listed=", ".join(map(str, DAYS))))
        self.until = self._until(arguments.get("until", "").strip())
        self.site = self._site(arguments.get("site", "").strip())
        self.network = arguments.get("network", "")
        if self.network not in ("", *Network):
            self.problems.append(_("Network: choose %(listed)s", listed=" or ".join(Network)))
            self.network = ""

    def _until(self, text: str) -> date:
        if not text:
            return self.today
        try:
            found = read_day("until", text, _("Until"))
            if _EARLIEST <= found <= _LATEST:
                return found
        except Invalid:
            pass
        self.problems.append(_("Until: enter a day such as 2026-11-29. Showing up to today"))
        return self.today

    def _site(self, text: str) -> Site | None:
        usable = bool(text) and len(text) <= 100 and text.isprintable()
        found = find_site(db.session(), text) if usable else None
        if text and found is None:
            self.problems.append(_("Site: unknown name"))
        return found

    @property
    def first(self) -> datetime:
        """The first moment shown."""
        return self.last - timedelta(days=self.days)

    @property
    def last(self) -> datetime:
        """The first moment after the timeline: the end of the last day, UTC."""
        return midnight(self.until + timedelta(days=1))

    def url(self, *, days: int = 0, until: date | None = None) -> str:
        """The same timeline for another period."""
        until = min(max(until or self.until, _EARLIEST), _LATEST)
        values = {
            "days": "" if (days or self.days) == _USUAL else str(days or self.days),
            "until": "" if until == self.today else f"{until}",
            "site": self.site.key if self.site is not None else "",
            "network": self.network,
        }
        given = urlencode({name: value for name, value in values.items() if value})
        base = url_for("events.lanes")
        return f"{base}?{given}" if given else base

    @property
    def list_url(self) -> str:
        """The list of the events in the timeline."""
        where = {"site": self.site.key} if self.site is not None else {}
        where |= {"network": self.network} if self.network else {}
        first = self.until - timedelta(days=self.days - 1)
        span = {"from": f"{first}", "to": f"{self.until}", "lasting": "yes"}
        return events_url(view="detected", **span, **where)


@dataclass(frozen=True)
class Bar:
    """A bar of a lane: ``x`` and ``width`` in thousandths of the period, ``y`` in pixels."""

    kind: str
    url: str
    words: str
    x: float
    width: float
    y: int = 0


@dataclass
class Lane:
    """A link, or a site of which no link is known."""

    name: str
    url: str
    events: list[Bar] = field(default_factory=list)
    tickets: list[Bar] = field(default_factory=list)
    windows: list[Bar] = field(default_factory=list)
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])

    @property
    def height(self) -> int:
        """Pixels: enough for its rows of tickets."""
        return 38 + 12 * max((bar.y for bar in self.tickets), default=0)

    @property
    def words(self) -> str:
        """The number of events, tickets and windows, in words."""
        events, tickets, windows = self.counts
        parts = [
            counted("%(num)s event", "%(num)s events", events) if events else "",
            counted("%(num)s ticket", "%(num)s tickets", tickets) if tickets else "",
            counted("%(num)s window", "%(num)s windows", windows) if windows else "",
        ]
        return joined(", ", filter(None, parts))


@dataclass(frozen=True)
class Scale:
    """Positions of moments within a period."""

    first: datetime
    last: datetime
    now: datetime

    def place(self, moment: datetime) -> float:
        """In thousandths, within the timeline."""
        return min(max((moment - self.first) / (self.last - self.first), 0.0), 1.0) * _WIDTH

    def span(self, start: datetime, end: datetime | None) -> tuple[float, float]:
        """Start and width; without an end, up to now."""
        begin = self.place(start)
        wide = self.place(max(end or self.now, start)) - begin
        return round(min(begin, _WIDTH - _NARROW), 1), round(max(wide, _NARROW), 1)


@blueprint.get("/events/timeline")
def lanes() -> Response:
    """Show links as lanes: events above, tickets below, planned windows hatched, LHC in the
    background."""
    figures = fresh_figures()
    query = LanesQuery(request.args)
    found = lanes_between(
        db.session(),
        acting(),
        query.first,
        query.last,
        now(),
        site=query.site,
        network=query.network,
    )
    scale = Scale(query.first, query.last, now())
    step = timedelta(days=query.days)
    return page_or_fragment(
        "events/lanes.html",
        "events/_lanes.html",
        422 if query.problems else 200,
        query=query,
        lanes=_lanes(found, scale),
        is_cut=found.is_cut,
        figures=figures,
        ticks=_ticks(query),
        runs=_runs(found.planned.periods, scale),
        today=round(scale.place(now()), 1) if query.first <= now() < query.last else None,
        tabs=event_tabs(EventQuery(request.args.__class__()), timeline=True),
        days_choices=[(days, query.url(days=days)) for days in DAYS],
        earlier=query.url(until=query.until - step) if query.first.date() > _EARLIEST else "",
        later=query.url(until=query.until + step) if query.until < query.today else "",
        networks=list(Network),
        sites=[site.key for site in all_sites(db.session())],
        is_operator=acting().is_operator,
        is_admin=acting().role is Role.ADMIN,
    )


def _ticks(query: LanesQuery) -> Sequence[tuple[float, str]]:
    """The labelled days: every day, or only Mondays if there are many."""
    days = [query.first.date() + timedelta(days=number) for number in range(query.days)]
    shown = [day for day in days if query.days <= _USUAL or day.weekday() == 0]
    with_month = {shown[0], *(day for day in shown[2:] if day.day == 1 or query.days > _USUAL)}
    too_near = {day + timedelta(days=1) for day in with_month} if query.days == _USUAL else set()
    return [
        (
            round((day - days[0]).days / query.days * _WIDTH, 1),
            f"{day.day} {day:%b}" if day in with_month else "" if day in too_near else f"{day.day}",
        )
        for day in shown
    ]


def _runs(periods: Sequence[Period], scale: Scale) -> Sequence[tuple[float, float, str]]:
    """When the LHC's detectors run: start, width and label."""
    states = states_between(scale.first, scale.last, periods)
    ends = [*(since for since, *_ in states[1:]), scale.last]
    return [
        (*scale.span(since, until), period.name)
        for (since, period, runs), until in zip(states, ends, strict=True)
        if runs and period is not None
    ]


def _lanes(found: Lanes, scale: Scale) -> Sequence[Lane]:
    lanes: dict[tuple[int, str], Lane] = {}

    def lane(link: str, site: str = "") -> Lane:
        key = (0, link) if link else (1, site)
        if key not in lanes:
            url = url_for("links.link", name=link) if link else url_for("sites.site", key=site)
            lanes[key] = Lane(link or site, url)
        return lanes[key]

    by_lane: dict[int, list[LaneEvent]] = defaultdict(list)
    for event in found.events:
        if event.link or event.site:
            by_lane[id(lane(event.link, event.site))].append(event)
    tickets: dict[int, list[LaneTicket]] = defaultdict(list)
    for ticket in found.tickets:
        tickets[id(lane(ticket.link))].append(ticket)
    for window in found.planned.windows:
        for name in window.links:
            here = lane(name.name)
            here.counts[2] += 1
            kind = "cancelled" if window.cancelled else "clash" if window.conflicts else "planned"
            words = f"#{window.ticket} {window.title}, " + _span(window.start, window.end)
            more = {"cancelled": _(", cancelled"), "clash": _(", conflict")}.get(kind, "")
            url = url_for("tickets.detail", number=window.ticket)
            here.windows.append(Bar(kind, url, words + more, *scale.span(window.start, window.end)))
    for one in lanes.values():
        one.events = _event_bars(by_lane[id(one)], scale, one.name)
        one.counts[0] = len(by_lane[id(one)])
        one.tickets = _ticket_bars(tickets[id(one)], scale)
        one.counts[1] = len(tickets[id(one)])
    return [lanes[key] for key in sorted(lanes)]


def _event_bars(events: Sequence[LaneEvent], scale: Scale, name: str) -> list[Bar]:
    """By start; short ones that would overlap are one bar that links to all of them."""
    bars: list[Bar] = []
    group: list[LaneEvent] = []
    for event in events:
        x, width = scale.span(event.start, event.end)
        last = bars[-1] if bars else None
        touches = last is not None and x < last.x + last.width + 1
        if last is not None and touches and max(width, last.width) <= 2 * _NARROW:
            group.append(event)
            bars[-1] = _group_bar(group, name, last.x, max(x + width - last.x, last.width))
        else:
            group = [event]
            bars.append(_event_bar(event, x, width))
    return bars


def _event_bar(event: LaneEvent, x: float, width: float) -> Bar:
    documented = "" if event.is_documented else _(", no ticket")
    words = said_word(event.state) + ", " + _span(event.start, event.end) + documented
    return Bar(event.state, url_for("events.detail", number=event.id), words, x, width)


def _group_bar(group: Sequence[LaneEvent], name: str, x: float, width: float) -> Bar:
    first, last = group[0].start, group[-1].start
    where = {"link": name} if group[0].link else {"site": name}
    url = events_url(
        view="detected", **where, **{"from": f"{first:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"}
    )
    state = "down" if any(one.state == "down" for one in group) else group[0].state
    missing = sum(not one.is_documented for one in group)
    words = _(
        "%(count)s short events, %(first)s to %(last)s",
        count=len(group),
        first=format(first, "%m-%d %H:%M"),
        last=format(last, "%m-%d %H:%M"),
    )
    return Bar(
        state,
        url,
        words + (_(", %(missing)s without a ticket", missing=missing) if missing else ""),
        x,
        round(width, 1),
    )


def _ticket_bars(tickets: Iterable[LaneTicket], scale: Scale) -> list[Bar]:
    """In separate rows if they overlap."""
    ends: list[float] = []
    bars = []
    for ticket in sorted(tickets, key=lambda one: (one.start, one.number)):
        x, width = scale.span(ticket.start, ticket.end)
        row = next((at for at, end in enumerate(ends) if end < x), min(len(ends), _ROWS - 1))
        ends[row : row + 1] = [x + width]
        words = f"#{ticket.number} {ticket.title[:60]}, " + said_word(ticket.state)
        url = url_for("tickets.detail", number=ticket.number)
        bars.append(Bar("open" if ticket.end is None else "ended", url, words, x, width, row))
    return bars


def _span(start: datetime, end: datetime | None) -> str:
    if end is None:
        return _("since %(start)s, ongoing", start=format(start, "%m-%d %H:%M"))
    same = start.date() == end.date()
    return (
        _("%(start)s to %(end)s", start=format(start, "%m-%d %H:%M"), end=format(end, "%H:%M"))
        if same
        else _(
            "%(start)s to %(end)s",
            start=format(start, "%m-%d %H:%M"),
            end=format(end, "%m-%d %H:%M"),
        )
    )
