"""The calendar: windows of planned work between two days, and the periods of the LHC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from app.api.calendar_schemas import (
    Agenda,
    CalendarQuery,
    LhcPeriodRow,
    LhcPeriods,
    NewPeriod,
    PeriodChange,
    RemovalQuery,
)
from app.api.caller import session
from app.api.operations import Call, Operation
from app.api.schemas import NoQuery
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

MAX_LENGTH: Final = timedelta(days=800)
"""Of the days of one answer."""
FEED: Final = "/calendar/feed"
_ENDS: Final = ("begins_at", "ends_at", "begin_precision", "end_precision")


def get_calendar(call: Call) -> Mapping[str, Any]:
    """The windows that touch these days, what collides, and what the LHC does."""
    query, rows = call.query, session()
    begin = query["from_"][0] if "from_" in query else Month.of(call.now).begin
    end = query["to"][1] if "to" in query else Month.of(begin).end
    if end <= begin:
        raise Invalid("to", "to lies before from")
    if end - begin > MAX_LENGTH:
        raise Invalid("to", f"At most {MAX_LENGTH.days} days per call")
    wanted = CalendarFilter(
        require_site(rows, query["site"]) if "site" in query else None,
        require_links(rows, [query["link"]], "link")[0] if "link" in query else None,
        query.get("network", ""),
    )
    found = agenda(rows, call.actor, begin, end, wanted, query["limit"])
    return {
        "begin": begin,
        "end": end,
        "items": [_window(one) for one in found.windows],
        "more": found.more,
        "conflicts": found.conflicts,
        "periods": [_period(row) for row in lhc_periods(rows) if _touches(row, begin, end)],
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


def list_periods(_call: Call) -> Mapping[str, Any]:
    """All periods of the LHC."""
    return {"items": [_period(row) for row in lhc_periods(session())]}


def get_period(call: Call) -> Mapping[str, Any]:
    """One period of the LHC."""
    return _period(period_of_id(session(), call.number("period")))


def create_period(call: Call) -> Mapping[str, Any]:
    """Add a period."""
    sent = dict(call.body)
    why = sent.pop("why")
    return _period(add_period(session(), call.writer, sent, why))


def edit_period(call: Call) -> Mapping[str, Any]:
    """Change a period."""
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


def delete_period(call: Call) -> Mapping[str, Any]:
    """Take a period off the calendar."""
    remove_period(session(), call.writer, call.number("period"), call.query["why"])
    return {}


_READ: Final = (Scope.READ,)
_ADMIN: Final = (Scope.ADMIN,)
_PERIODS: Final = "/v1/lhc-periods"
_ONE: Final = f"{_PERIODS}/{{period}}"
GET_PERIOD: Final = Operation(
    "getLhcPeriod",
    _ONE,
    "Get an LHC period",
    (Scope.READ, Scope.ADMIN),
    NoQuery,
    LhcPeriodRow,
    get_period,
)
OPERATIONS: Final = (
    Operation(
        "getCalendar",
        "/v1/calendar",
        "List planned work between two days, with conflicts and LHC periods",
        _READ,
        CalendarQuery,
        Agenda,
        get_calendar,
    ),
    Operation(
        "listLhcPeriods",
        _PERIODS,
        "List LHC periods",
        (Scope.READ, Scope.ADMIN),
        NoQuery,
        LhcPeriods,
        list_periods,
    ),
    Operation(
        "addLhcPeriod",
        _PERIODS,
        "Add an LHC period",
        _ADMIN,
        NoQuery,
        LhcPeriodRow,
        create_period,
        method="POST",
        body=NewPeriod,
        location=lambda made: f"{_PERIODS}/{made['id']}",
    ),
    GET_PERIOD,
    Operation(
        "changeLhcPeriod",
        _ONE,
        "Change an LHC period",
        _ADMIN,
        NoQuery,
        LhcPeriodRow,
        edit_period,
        method="PATCH",
        body=PeriodChange,
        of=GET_PERIOD,
    ),
    Operation(
        "removeLhcPeriod",
        _ONE,
        "Remove an LHC period",
        _ADMIN,
        RemovalQuery,
        LhcPeriodRow,
        delete_period,
        method="DELETE",
        empty=True,
        of=GET_PERIOD,
    ),
)
