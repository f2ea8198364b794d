"""The wire types of statistics; every number comes with the address of its rows."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.periods import PER, Edge, QuarterText
from app.api.rows_behind import FigureNumber
from app.api.schemas import a_text, about
from app.api.ticket_schemas import Several
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.registry.rules.networks import Network
from app.tickets.figures.times import MEASURES
from app.tickets.rules.tickets import Category, Layer, State

BY = ("network", "category", "layer", "state", "site", "affected", "responsible", "link")
BY_TIMES = ("category", "site", "affected", "responsible")


class _PeriodsQuery(Schema):
    per = fields.String(
        load_default=next(iter(PER)),
        validate=validate.OneOf(list(PER), error="per takes {choices}"),
        metadata=about("The kind of periods."),
    )
    from_ = Edge(
        "First period or day. Default: the last four periods and the current one.",
        data_key="from",
    )
    to = Edge("Last period or day, included. Default: the current one.")


class _TicketFiguresQuery(_PeriodsQuery):
    network = Several("Networks.", *Network)
    category = Several("Categories. Default: all except test.", *Category)
    layer = Several("Layers.", *Layer)
    state = Several(
        "States; `open` and `closed` mean all open or all closed states.", "open", *State
    )
    site = Several("Sites that the ticket concerns, by any of their names.")
    affected = Several("Affected sites, by any of their names.")
    responsible = Several("Responsible sites, by any of their names.")
    link = Several("Ids of affected links.")


class TicketCountsQuery(_TicketFiguresQuery):
    """Which tickets are counted, by period of their creation and one of their properties."""

    by = fields.String(
        validate=validate.OneOf(BY, error="by takes {choices}"),
        metadata=about("One row for each value of this property."),
    )


class TicketTimesQuery(_TicketFiguresQuery):
    """Of which tickets times are counted."""

    by = fields.String(
        validate=validate.OneOf(BY_TIMES, error="by takes {choices}"),
        metadata=about("One row for each value of this property instead of each period."),
    )


class CountsOfPeriod(FigureNumber):
    """Tickets created in a period."""

    period = a_text("As 2013-Q1.")


class CountsRow(Schema):
    """Tickets of one value."""

    value = a_text("The value; empty = none.")
    periods = fields.List(fields.Nested(CountsOfPeriod), required=True)
    total = fields.Nested(FigureNumber, required=True)


class TicketCounts(Schema):
    """How many tickets were created in each period."""

    total = fields.Nested(CountsRow, required=True, metadata=about("The total; `value` is empty."))
    items = fields.List(
        fields.Nested(CountsRow),
        required=True,
        metadata=about("One row per value; empty without `by`."),
    )


class TicketMeasure(Schema):
    """One time of several tickets."""

    measure = a_text("What is measured.", validate=validate.OneOf(list(MEASURES)))
    count = fields.Integer(required=True, metadata=about("Number of tickets."))
    mean = fields.Float(
        required=True,
        allow_none=True,
        metadata=about("Days; working days for response and solution. null = no tickets."),
    )
    median = fields.Float(required=True, allow_none=True, metadata=about("In the same unit."))


class TimesRow(Schema):
    """The times of the tickets of one period or value."""

    value = a_text("The period, or the value; empty = none.")
    tickets = fields.Nested(FigureNumber, required=True, metadata=about("The total."))
    measures = fields.List(fields.Nested(TicketMeasure), required=True)


class TicketTimes(Schema):
    """How long tickets took."""

    items = fields.List(fields.Nested(TimesRow), required=True)


class QuartersQuery(Schema):
    """Which quarters."""

    from_ = QuarterText(
        "First quarter. Default: the last four and the current one.", data_key="from"
    )
    to = QuarterText("Last quarter, included.")


class MatchingQuery(QuartersQuery):
    """Which quarters, and whose events."""

    network = fields.String(
        load_default=str(Network.LHCOPN),
        validate=validate.OneOf([*Network], error="network takes {choices}"),
        metadata=about("Events of links of this network."),
    )


class MatchingRow(Schema):
    """Events of an hour or more of one site and quarter."""

    site = a_text("The site's LHCOPN name; empty = all sites.")
    tier = fields.Integer(required=True, allow_none=True, metadata=about("0, 1 or null."))
    quarter = a_text("As 2013-Q1.")
    detected = fields.Nested(FigureNumber, required=True)
    documented = fields.Nested(FigureNumber, required=True, metadata=about("Events with a ticket."))
    missing = fields.Nested(FigureNumber, required=True, metadata=about("Events without a ticket."))


class MatchingTable(Schema):
    """Detected events against those with a ticket, per T1 and quarter."""

    items = fields.List(
        fields.Nested(MatchingRow),
        required=True,
        metadata=about(
            "One row for each quarter in which a site was T0 or T1. The rows of the T0 are the "
            "events without a T1 end."
        ),
    )
    totals = fields.List(
        fields.Nested(MatchingRow), required=True, metadata=about("One row per quarter.")
    )


class RulesQuery(QuartersQuery):
    """Which rules, and which quarters."""

    rule = Several("Labels of rules, from listDutyRules. Default: all.")


class RuleSums(Schema):
    """How many tickets a rule would have asked for."""

    rule = a_text("The rule's label.")
    site = a_text("The site's LHCOPN name; empty = all sites, each ticket counted once.")
    quarter = a_text("As 2013-Q1.")
    asked = fields.Nested(
        FigureNumber, required=True, metadata=about("Tickets that the rule requires.")
    )
    there = fields.Nested(
        FigureNumber, required=True, metadata=about("Required tickets that exist.")
    )
    missing = fields.Nested(
        FigureNumber, required=True, metadata=about("Required tickets that are missing.")
    )
    late = fields.Nested(
        FigureNumber, required=True, metadata=about("Required tickets that were late.")
    )
    cut_off = fields.Nested(
        FigureNumber,
        required=True,
        metadata=about("Tickets required because a T1 was cut off."),
    )
    unsure = fields.Integer(
        required=True,
        allow_none=True,
        metadata=about("Tickets whose requirement is uncertain; null = no data."),
    )


class RuleComparison(Schema):
    """What several rules would have asked for, per site and quarter."""

    items = fields.List(fields.Nested(RuleSums), required=True)
    totals = fields.List(fields.Nested(RuleSums), required=True)


class AvailabilityQuery(_PeriodsQuery):
    """Which periods, and of which links."""

    network = fields.String(
        load_default=str(Network.LHCOPN),
        validate=validate.OneOf([*Network], error="network takes {choices}"),
        metadata=about("Links of this network."),
    )
    site = fields.String(
        validate=validate.Length(1, SHORT_TEXT_LIMIT),
        metadata=about("Only links that end at this site; any of its names."),
    )


class AvailabilityRow(Schema):
    """How much of a period a link was up, or all links of a site together."""

    link = a_text("The link's id; empty for a site or for all links.")
    site = a_text("The site's LHCOPN name; empty for a link or for all links.")
    period = a_text("As 2013-Q1.")
    availability = fields.Float(
        required=True,
        allow_none=True,
        metadata=about("0 to 1, of the time with data; null = no data."),
    )
    hours = fields.Float(required=True, metadata=about("Hours with data, so far."))
    down_hours = fields.Float(required=True)
    degraded_hours = fields.Float(required=True)
    unmonitored_hours = fields.Float(required=True)
    rows = fields.String(
        required=True,
        allow_none=True,
        metadata=about("Number of events reported in that time; null = no data."),
    )


class AvailabilityTable(Schema):
    """Availability by link and site."""

    items = fields.List(fields.Nested(AvailabilityRow), required=True)
    totals = fields.List(
        fields.Nested(AvailabilityRow), required=True, metadata=about("All of these links.")
    )
