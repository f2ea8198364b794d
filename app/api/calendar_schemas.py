"""The wire types of the calendar: windows of planned work, and when the LHC runs."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.periods import Edge
from app.api.schemas import MAX_KEY_LENGTH, Moment, a_text, about
from app.calendar.rules.calendar import ConflictKind
from app.calendar.rules.lhc_calendar import Certainty, PeriodKind, Precision
from app.calendar.services.calendar import MAX_WINDOWS
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.registry.rules.networks import Network

MAX_LIMIT = 1000
_TIME = "CERN's clock, as exact as the source: 2013-02-14 07:24, 2013-02-14 or 2013-02."
_STANDING = (
    "attested (a source confirms it), planned (a source announced it) or sample (no source)."
)


class CalendarQuery(Schema):
    """Which days, and what of the calendar."""

    from_ = Edge("First day or period. Default: the current month.", data_key="from")
    to = Edge("Last day or period, included. Default: the end of the month of `from`.")
    site = fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="site takes 1 to {max} characters"),
        metadata=about("Only windows that concern this site; any of its names."),
    )
    link = fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="link takes 1 to {max} characters"),
        metadata=about("Only windows of this link."),
    )
    network = fields.String(
        validate=validate.OneOf([*Network], error="network takes {choices}"),
        metadata=about("Only this network."),
    )
    limit = fields.Integer(
        load_default=MAX_WINDOWS,
        validate=validate.Range(1, MAX_LIMIT, error="limit takes 1 to {max}"),
        error_messages={"invalid": f"limit takes 1 to {MAX_LIMIT}"},
        metadata=about(
            "Maximum number of windows that are read; `more` says whether there are more."
        ),
    )


class WorkConflict(Schema):
    """Work on two links at the same time."""

    kind = a_text(
        "backup: a link and its backup; same T1: several links of one T1.",
        validate=validate.OneOf([*ConflictKind]),
    )
    tickets = fields.List(
        fields.Integer(), required=True, metadata=about("The two tickets, which may be the same.")
    )
    links = fields.List(fields.String(), required=True, metadata=about("The links."))
    site = a_text("The T1, or empty.")
    start = Moment("When it begins.")
    end = Moment("When it ends.")
    words = a_text("The reason in words.")


class PlannedWork(Schema):
    """The window of a ticket."""

    ticket = fields.Integer(required=True, metadata=about("The ticket's number."))
    title = a_text("The title.")
    state = a_text("The state.")
    category = a_text("maintenance or change.")
    network = a_text("LHCOPN or LHCONE.")
    impact = a_text("The impact.")
    start = Moment("Start of the work.")
    end = Moment("End of the work; null = not stated.", allow_none=True)
    cancelled = fields.Boolean(required=True, metadata=about("Whether the work was cancelled."))
    links = fields.List(fields.String(), required=True, metadata=about("Ids of its links."))
    sites = fields.List(fields.String(), required=True, metadata=about("The sites."))
    asked = fields.Integer(required=True, metadata=about("Sites asked to accept the change."))
    accepted = fields.Integer(required=True, metadata=about("Sites that accepted."))
    refused = fields.Integer(required=True, metadata=about("Sites that refused."))
    season = a_text("The LHC running period at that time, or empty.")


class LhcPeriodRow(Schema):
    """A period of the LHC."""

    id = fields.Integer(required=True, metadata=about("The portal's own id."))
    name = a_text("The name.")
    kind = a_text(
        "Kind of period. The detectors run in physics and ions, but not during a stop or "
        "shutdown within them.",
        validate=validate.OneOf([*PeriodKind]),
    )
    begins_at = Moment("Start, UTC.")
    ends_at = Moment("End, not included, UTC; null = ongoing.", allow_none=True)
    begin = a_text(f"The start as the source gives it: {_TIME}")
    begin_precision = a_text("Precision.", validate=validate.OneOf([*Precision]))
    begin_standing = a_text(_STANDING, validate=validate.OneOf([*Certainty]))
    end = a_text("The end in the same form; a day or month is included; empty = ongoing.")
    end_precision = a_text("Precision.", validate=validate.OneOf([*Precision]))
    end_standing = a_text(_STANDING, validate=validate.OneOf([*Certainty]))
    source = a_text("The source, or empty.")
    note = a_text("Other details, or empty.")
    version = fields.Integer(required=True, metadata=about("Increases with each change."))


class LhcPeriods(Schema):
    """All periods of the LHC, by their beginning."""

    items = fields.List(fields.Nested(LhcPeriodRow), required=True)


class Agenda(Schema):
    """The windows that touch the days asked for, by their beginning, and the LHC then."""

    begin = Moment("Start of the requested time.")
    end = Moment("End of the requested time, not included.")
    items = fields.List(fields.Nested(PlannedWork), required=True)
    more = fields.Boolean(
        required=True,
        metadata=about("Whether there are more windows: request fewer days, or one site."),
    )
    conflicts = fields.List(fields.Nested(WorkConflict), required=True)
    periods = fields.List(
        fields.Nested(LhcPeriodRow),
        required=True,
        metadata=about("LHC periods that overlap these days."),
    )
    feed = a_text(
        "Path of the page on which a person gets the secret address of the iCalendar feed."
    )


class _PeriodBody(Schema):
    source = fields.String(validate=validate.Length(0, 1000), metadata=about("The source."))
    note = fields.String(validate=validate.Length(0, 1000), metadata=about("Other details."))
    end = fields.String(
        validate=validate.Length(0, 16),
        metadata=about(f"{_TIME} A day or month is included; empty = ongoing."),
    )
    why = fields.String(
        load_default="",
        validate=validate.Length(0, SHORT_TEXT_LIMIT),
        metadata=about("The reason; stored with the change."),
    )


def _needed(*, required: bool) -> dict[str, fields.Field[str]]:
    return {
        "name": fields.String(
            required=required, validate=validate.Length(1, 100), metadata=about("The name.")
        ),
        "kind": fields.String(
            required=required,
            validate=validate.OneOf([*PeriodKind], error="takes {choices}"),
            metadata=about("What it is."),
        ),
        "begin": fields.String(
            required=required, validate=validate.Length(1, 16), metadata=about(_TIME)
        ),
        **{
            name: fields.String(
                required=required,
                validate=validate.OneOf([*Certainty], error="takes {choices}"),
                metadata=about(_STANDING),
            )
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

    why = fields.String(
        required=True,
        validate=validate.Length(1, SHORT_TEXT_LIMIT),
        metadata=about("The reason; stored in the history."),
    )
