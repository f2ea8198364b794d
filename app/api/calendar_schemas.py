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
_STANDING = "attested (it was so), planned (it was to be so) or sample (no source says so)."


class CalendarQuery(Schema):
    """Which days, and what of the calendar."""

    from_ = Edge("From this day or period on. Absent: from the running month on.", data_key="from")
    to = Edge("Up to this day or period, and with it. Absent: the end of the month of `from`.")
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
        metadata=about("How many windows are looked at, at most; `more` says that there are more."),
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
    title = a_text("Its title.")
    state = a_text("Its state.")
    category = a_text("maintenance or change.")
    network = a_text("LHCOPN or LHCONE.")
    impact = a_text("Its impact.")
    start = Moment("When the work begins.")
    end = Moment("When it ends; null = that is not said.", allow_none=True)
    cancelled = fields.Boolean(
        required=True, metadata=about("It did not take place, or is not to.")
    )
    links = fields.List(fields.String(), required=True, metadata=about("Ids of its links."))
    sites = fields.List(fields.String(), required=True, metadata=about("Its sites."))
    asked = fields.Integer(required=True, metadata=about("Sites that are asked to accept it."))
    accepted = fields.Integer(required=True, metadata=about("Those that accepted it."))
    refused = fields.Integer(required=True, metadata=about("Those that refused it."))
    season = a_text("The season of the LHC in which the detectors run then, or empty.")


class LhcPeriodRow(Schema):
    """A period of the LHC."""

    id = fields.Integer(required=True, metadata=about("The portal's own id."))
    name = a_text("Its name.")
    kind = a_text(
        "The detectors run in physics and ions, but not in a stop or shutdown within.",
        validate=validate.OneOf([*PeriodKind]),
    )
    begins_at = Moment("Its first moment, UTC.")
    ends_at = Moment("The first moment behind it, UTC; null = it goes on.", allow_none=True)
    begin = a_text(f"The same as the source tells it: {_TIME}")
    begin_precision = a_text("How exact that is.", validate=validate.OneOf([*Precision]))
    begin_standing = a_text(_STANDING, validate=validate.OneOf([*Certainty]))
    end = a_text("The end likewise: a day or month belongs to the period; empty = it goes on.")
    end_precision = a_text("How exact that is.", validate=validate.OneOf([*Precision]))
    end_standing = a_text(_STANDING, validate=validate.OneOf([*Certainty]))
    source = a_text("Where it is known from, or empty.")
    note = a_text("What else there is to say, or empty.")
    version = fields.Integer(required=True, metadata=about("Raised with each change."))


class LhcPeriods(Schema):
    """All periods of the LHC, by their beginning."""

    items = fields.List(fields.Nested(LhcPeriodRow), required=True)


class Agenda(Schema):
    """The windows that touch the days asked for, by their beginning, and the LHC then."""

    begin = Moment("The first moment that was asked for.")
    end = Moment("The first moment behind.")
    items = fields.List(fields.Nested(PlannedWork), required=True)
    more = fields.Boolean(
        required=True, metadata=about("There are more windows: ask for fewer days, or a site.")
    )
    conflicts = fields.List(fields.Nested(WorkConflict), required=True)
    periods = fields.List(
        fields.Nested(LhcPeriodRow), required=True, metadata=about("Those that touch these days.")
    )
    feed = a_text(
        "The page on which a person gets the secret address of the same as iCalendar, below the"
        " portal's own."
    )


class _PeriodBody(Schema):
    source = fields.String(
        validate=validate.Length(0, 1000), metadata=about("Where it is known from.")
    )
    note = fields.String(validate=validate.Length(0, 1000), metadata=about("What else to say."))
    end = fields.String(
        validate=validate.Length(0, 16),
        metadata=about(f"{_TIME} A day or month belongs to the period; empty = it goes on."),
    )
    why = fields.String(
        load_default="",
        validate=validate.Length(0, SHORT_TEXT_LIMIT),
        metadata=about("Why; it is kept with the change."),
    )


def _needed(*, required: bool) -> dict[str, fields.Field[str]]:
    return {
        "name": fields.String(
            required=required, validate=validate.Length(1, 100), metadata=about("Its name.")
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
        metadata=about("It is kept in the history."),
    )
