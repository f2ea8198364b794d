"""The next fourteen days, day by day: windows, teleconferences and what the LHC begins to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from app.calendar.pages.calendar import CalendarQuery, Item, blueprint, calendar_page, hours_of
from app.calendar.rules.calendar import Appointment, days_of, midnight
from app.calendar.rules.lhc_calendar import Period, states_between
from app.calendar.services.calendar import agenda
from app.core.rules.errors import Invalid
from app.core.rules.hooks import Hook
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.list_filters import read_day
from app.core.web.person import acting

DAYS: Final = 14


APPOINTMENTS: Final[Hook[[Session, datetime, datetime], Sequence[Appointment]]] = Hook(
    "APPOINTMENTS"
)
"""Teleconferences that touch the time from one moment until before another (UTC)."""


@dataclass
class AgendaDay:
    """A day with what is on it; several days in a row without anything are one."""

    day: date
    last: date
    items: list[Item] = field(default_factory=list)
    meetings: list[tuple[str, Appointment]] = field(default_factory=list)
    lhc: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on it."""
        return not (self.items or self.meetings or self.lhc)


@blueprint.get("/agenda")
def days() -> Response:
    """What is planned in the next fourteen days, or in those from a day on."""
    query = CalendarQuery(request.args)
    first = _first(request.args, query)
    last = first + timedelta(days=DAYS)
    found = agenda(db.session(), acting(), midnight(first), midnight(last), query.filter)
    meetings = (
        [] if query.is_filtered else APPOINTMENTS.one(db.session(), midnight(first), midnight(last))
    )
    shown = [
        AgendaDay(first + timedelta(days=at), first + timedelta(days=at)) for at in range(DAYS)
    ]
    by_day = {one.day: one for one in shown}
    for window in found.windows:
        for day in days_of(window.start, window.end):
            if day in by_day:
                by_day[day].items.append(Item(window, hours_of(window, day)))
    for meeting in meetings:
        day = meeting.start.astimezone(UTC).date()
        if day in by_day:
            hours = f"{meeting.start.astimezone(UTC):%H:%M}–{meeting.end.astimezone(UTC):%H:%M}"
            by_day[day].meetings.append((hours, meeting))
    for day, words in _lhc(found.periods, midnight(first), midnight(last)).items():
        by_day[day].lhc += words
    return calendar_page(
        "calendar/agenda.html",
        query,
        found,
        title=_(
            "%(day)s %(first)s to %(last)s",
            day=first.day,
            first=format(first, "%B"),
            last=_before(last),
        ),
        days=_without_gaps(shown),
        before=_url(query, first - timedelta(days=DAYS)),
        after=_url(query, last),
        this=_url(query, query.today),
    )


def _first(arguments: Mapping[str, str], query: CalendarQuery) -> date:
    text = arguments.get("from", "").strip()
    if not text:
        return query.today
    try:
        found = read_day("from", text, _("From"))
        if date(1990, 1, 1) <= found <= date(2099, 12, 1):
            return found
    except Invalid:
        pass
    query.problems.append(_("From: use a date such as 2026-11-29. Showing from today"))
    return query.today


def _url(query: CalendarQuery, first: date) -> str:
    values: dict[str, Any] = {
        "from": "" if first == query.today else f"{first}",
        "site": query.site.key if query.site is not None else "",
        "link": query.link.name if query.link is not None else "",
        "network": query.network,
    }
    given = urlencode({name: value for name, value in values.items() if value})
    return url_for("calendar.days") + (f"?{given}" if given else "")


def _before(last: date) -> str:
    day = last - timedelta(days=1)
    return f"{day.day} {day:%B %Y}"


def _lhc(
    periods: Sequence[Period], first: datetime, last: datetime
) -> Mapping[date, Sequence[str]]:
    """What the LHC does on the first day, and what it begins to do later."""
    found: dict[date, list[str]] = defaultdict(list)
    for since, period, runs in states_between(first, last, periods):
        if period is not None:
            said = _("%(name)s starts", name=period.name) if since > first else period.name
            runs_words = (
                _("the detectors are taking data")
                if runs
                else _("the detectors are not taking data")
            )
            found[since.astimezone(UTC).date()].append(joined(": ", [said, runs_words]))
    return found


def _without_gaps(days: Sequence[AgendaDay]) -> Sequence[AgendaDay]:
    found: list[AgendaDay] = []
    for day in days:
        if day.is_empty and found and found[-1].is_empty:
            found[-1].last = day.day
        else:
            found.append(day)
    return found
