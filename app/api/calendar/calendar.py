"""The calendar: windows of planned work between two days, and the periods of the LHC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from app.api.calendar.schemas import (
    Agenda,
    CalendarQuery,
    LhcPeriodRow,
    LhcPeriods,
    NewPeriod,
    PeriodChange,
    RemovalQuery,
)
from app.api.caller import session
from app.api.operations import Call, operation
from app.calendar.models.lhc import LhcPeriod
from app.calendar.rules.calendar import Planned
from app.calendar.services.calendar import CalendarFilter, agenda
from app.calendar.services.lhc_calendar import (
    add_period,
    change_period,
    lhc_periods,
    period_of_id,
    remove_period,
    stated_of,
)
from app.core.rules.errors import Invalid, StaleVersion
from app.core.rules.quarters import Month
from app.core.rules.scopes import Scope
from app.registry.services.registry import require_links, require_site

_READ: Final = (Scope.READ,)
_ADMIN: Final = (Scope.ADMIN,)

MAX_LENGTH: Final = timedelta(days=800)
"""Of the days of one answer."""
FEED: Final = "/calendar/feed"
_ENDS: Final = ("begins_at", "ends_at", "begin_precision", "end_precision")


@operation("GET", "/v1/calendar", scopes=_READ, query=CalendarQuery, answer=Agenda)
def get_calendar(call: Call) -> Mapping[str, Any]:
    """List planned work between two days, with conflicts and LHC periods."""
    query = call.query
    begin = query["from_"][0] if "from_" in query else Month.of(call.now).begin
    end = query["to"][1] if "to" in query else Month.of(begin).end
    if end <= begin:
        raise Invalid("to", "to lies before from")
    if end - begin > MAX_LENGTH:
        raise Invalid("to", f"At most {MAX_LENGTH.days} days per call")
    wanted = CalendarFilter(
        require_site(session(), query["site"]) if "site" in query else None,
        require_links(session(), [query["link"]], "link")[0] if "link" in query else None,
        query.get("network", ""),
    )
    found = agenda(session(), call.actor, begin, end, wanted, query["limit"])
    return {
        "begin": begin,
        "end": end,
        "items": [_window(one) for one in found.windows],
        "more": found.more,
        "conflicts": found.conflicts,
        "periods": [_period(row) for row in lhc_periods(session()) if _touches(row, begin, end)],
        "feed": FEED,
    }


def _window(one: Planned) -> Mapping[str, Any]:
    return {
        **vars(one),
        "end": None if one.open_end else one.end,
        "links": [link.name for link in one.links],
    }


def _touches(row: LhcPeriod, begin: datetime, end: datetime) -> bool:
    return row.begins_at < end and (row.ends_at is None or row.ends_at > begin)


def _period(row: LhcPeriod) -> Mapping[str, Any]:
    more = {name: getattr(row, name) for name in ("id", "version", *_ENDS)}
    return {**stated_of(row).texts(), **more}


@operation("GET", "/v1/lhc-periods", scopes=(Scope.READ, Scope.ADMIN), answer=LhcPeriods)
def list_lhc_periods(_call: Call) -> Mapping[str, Any]:
    """List LHC periods."""
    return {"items": [_period(row) for row in lhc_periods(session())]}


@operation(
    "POST",
    "/v1/lhc-periods",
    scopes=_ADMIN,
    body=NewPeriod,
    answer=LhcPeriodRow,
    location=lambda made: f"{_PERIODS}/{made['id']}",
)
def add_lhc_period(call: Call) -> Mapping[str, Any]:
    """Add an LHC period."""
    sent = dict(call.body)
    why = sent.pop("why")
    return _period(add_period(session(), call.writer, sent, why))


@operation("GET", "/v1/lhc-periods/{period}", scopes=(Scope.READ, Scope.ADMIN), answer=LhcPeriodRow)
def get_lhc_period(call: Call) -> Mapping[str, Any]:
    """Get an LHC period."""
    return _period(period_of_id(session(), call.number("period")))


@operation(
    "PATCH",
    "/v1/lhc-periods/{period}",
    scopes=_ADMIN,
    body=PeriodChange,
    answer=LhcPeriodRow,
    of=get_lhc_period,
)
def change_lhc_period(call: Call) -> Mapping[str, Any]:
    """Change an LHC period."""
    sent = dict(call.body)
    why = sent.pop("why")
    row = period_of_id(session(), call.number("period"))
    seen = row.version if call.version is None else call.version
    stated = {**stated_of(row).texts(), **sent}
    try:
        row = change_period(session(), call.writer, row.id, stated, seen_version=seen, why=why)
    except Invalid as error:
        if error.field == "version":
            raise StaleVersion(row.version) from error
        raise
    return _period(row)


@operation(
    "DELETE", "/v1/lhc-periods/{period}", scopes=_ADMIN, query=RemovalQuery, of=get_lhc_period
)
def remove_lhc_period(call: Call) -> Mapping[str, Any]:
    """Remove an LHC period."""
    remove_period(session(), call.writer, call.number("period"), call.query["why"])
    return {}


_PERIODS: Final = "/v1/lhc-periods"
