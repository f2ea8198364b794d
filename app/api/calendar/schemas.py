"""The wire types of the calendar: windows of planned work, and when the LHC runs."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.api.periods import Edge
from app.api.wire import (
    MAX_KEY_LENGTH,
    Moment,
    a_flag,
    a_list,
    a_number,
    a_text,
    sent_choice,
    sent_number,
    sent_reason,
    sent_text,
)
from app.calendar.rules.calendar import ConflictKind
from app.calendar.rules.lhc_calendar import (
    NAME_LIMIT,
    TEXT_LIMIT,
    TIME_LENGTH,
    Certainty,
    PeriodKind,
    Precision,
)
from app.calendar.services.calendar import MAX_WINDOWS
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.registry.rules.networks import Network

MAX_LIMIT = 1000
_TIME = "CERN local time, as exact as the source: 2013-02-14 07:24, 2013-02-14 or 2013-02."
_STANDING = (
    "attested (a source confirms it), planned (a source announced it) or sample (no source)."
)


class CalendarQuery(Schema):
    """Which days, and what of the calendar."""

    from_ = Edge("First day or period. Default: the current month.", data_key="from")
    to = Edge("Last day or period, included. Default: the end of the month of `from`.")
    site = sent_text(
        "Only windows that concern this site; any of its names.", MAX_KEY_LENGTH, name="site"
    )
    link = sent_text("Only windows of this link.", MAX_KEY_LENGTH, name="link")
    network = sent_choice("Only this network.", Network, name="network")
    limit = sent_number(
        "Maximum number of windows that are read; `more` says whether there are more.",
        1,
        MAX_LIMIT,
        error="limit takes 1 to {max}",
        load_default=MAX_WINDOWS,
    )


class WorkConflict(Schema):
    """Work on two links at the same time."""

    kind = a_text(
        "backup: a link and its backup; same T1: several links of one T1.",
        choices=ConflictKind,
    )
    tickets = a_list(int, "The two tickets, which may be the same.")
    links = a_list(str, "The links.")
    site = a_text("The T1, or empty.")
    start = Moment("When it begins.")
    end = Moment("When it ends.")
    words = a_text("The reason in words.")


class PlannedWork(Schema):
    """The window of a ticket."""

    ticket = a_number("The ticket's number.")
    title = a_text("The title.")
    state = a_text("The state.")
    category = a_text("maintenance or change.")
    network = a_text("LHCOPN or LHCONE.")
    impact = a_text("The impact.")
    start = Moment("Start of the work.")
    end = Moment("End of the work; null = not stated.", allow_none=True)
    cancelled = a_flag("Whether the work was cancelled.")
    links = a_list(str, "Ids of its links.")
    sites = a_list(str, "The sites.")
    asked = a_number("Sites asked to accept the change.")
    accepted = a_number("Sites that accepted.")
    refused = a_number("Sites that refused.")
    season = a_text("The LHC running period at that time, or empty.")


class LhcPeriodRow(Schema):
    """A period of the LHC."""

    id = a_number("The portal's own id.")
    name = a_text("The name.")
    kind = a_text(
        "Kind of period. The detectors run in physics and ions, but not during a stop or "
        "shutdown within them.",
        choices=PeriodKind,
    )
    begins_at = Moment("Start, UTC.")
    ends_at = Moment("End, not included, UTC; null = ongoing.", allow_none=True)
    begin = a_text(f"The start as the source gives it: {_TIME}")
    begin_precision = a_text("Precision.", choices=Precision)
    begin_standing = a_text(_STANDING, choices=Certainty)
    end = a_text("The end in the same form; a day or month is included; empty = ongoing.")
    end_precision = a_text("Precision.", choices=Precision)
    end_standing = a_text(_STANDING, choices=Certainty)
    source = a_text("The source, or empty.")
    note = a_text("Other details, or empty.")
    version = a_number("Increases with each change.")


class LhcPeriods(Schema):
    """All periods of the LHC, by their beginning."""

    items = a_list(LhcPeriodRow)


class Agenda(Schema):
    """The windows that touch the days asked for, by their beginning, and the LHC then."""

    begin = Moment("Start of the requested time.")
    end = Moment("End of the requested time, not included.")
    items = a_list(PlannedWork)
    more = a_flag("Whether there are more windows: request fewer days, or one site.")
    conflicts = a_list(WorkConflict)
    periods = a_list(LhcPeriodRow, "LHC periods that overlap these days.")
    feed = a_text(
        "Path of the page on which a person gets the secret address of the iCalendar feed."
    )


class _PeriodBody(Schema):
    source = sent_text("The source.", TEXT_LIMIT, least=0)
    note = sent_text("Other details.", TEXT_LIMIT, least=0)
    end = sent_text(f"{_TIME} A day or month is included; empty = ongoing.", TIME_LENGTH, least=0)
    why = sent_reason()


def _needed(*, required: bool) -> dict[str, fields.Field[str]]:
    return {
        "name": sent_text("The name.", NAME_LIMIT, required=required),
        "kind": sent_choice("What it is.", PeriodKind, required=required),
        "begin": sent_text(_TIME, TIME_LENGTH, required=required),
        **{
            name: sent_choice(_STANDING, Certainty, required=required)
            for name in ("begin_standing", "end_standing")
        },
    }


NewPeriod: type[Schema] = type(
    "NewPeriod",
    (_PeriodBody,),
    {"__doc__": "A period of the LHC to be added.", **_needed(required=True)},
)
PeriodChange: type[Schema] = type(
    "PeriodChange",
    (_PeriodBody,),
    {"__doc__": "What changes: a field that is absent stays.", **_needed(required=False)},
)


class RemovalQuery(Schema):
    """Why something is removed."""

    why = sent_text("The reason; stored in the history.", SHORT_TEXT_LIMIT, required=True)
