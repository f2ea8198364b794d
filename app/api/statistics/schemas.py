"""The wire types of statistics; every number comes with the address of its rows."""

from __future__ import annotations

from marshmallow import Schema

from app.api.periods import PER, Edge, QuarterText
from app.api.rows_behind import FigureNumber
from app.api.wire import (
    Several,
    a_decimal,
    a_list,
    a_number,
    a_text,
    an_object,
    sent_choice,
    sent_text,
)
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.registry.rules.networks import Network
from app.tickets.figures.times import MEASURES
from app.tickets.rules.tickets import Category, Layer, State

BY = ("network", "category", "layer", "state", "site", "affected", "responsible", "link")
BY_TIMES = ("category", "site", "affected", "responsible")


class _PeriodsQuery(Schema):
    per = sent_choice("The kind of periods.", PER, name="per", load_default=next(iter(PER)))
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

    by = sent_choice("One row for each value of this property.", BY, name="by")


class TicketTimesQuery(_TicketFiguresQuery):
    """Of which tickets times are counted."""

    by = sent_choice(
        "One row for each value of this property instead of each period.", BY_TIMES, name="by"
    )


class CountsOfPeriod(FigureNumber):
    """Tickets created in a period."""

    period = a_text("As 2013-Q1.")


class CountsRow(Schema):
    """Tickets of one value."""

    value = a_text("The value; empty = none.")
    periods = a_list(CountsOfPeriod)
    total = an_object(FigureNumber)


class TicketCounts(Schema):
    """How many tickets were created in each period."""

    total = an_object(CountsRow, "The total; `value` is empty.")
    items = a_list(CountsRow, "One row per value; empty without `by`.")


class TicketMeasure(Schema):
    """One time of several tickets."""

    measure = a_text("What is measured.", choices=MEASURES)
    count = a_number("Number of tickets.")
    mean = a_decimal("Days; working days for response and solution. null = no tickets.", null=True)
    median = a_decimal("In the same unit.", null=True)


class TimesRow(Schema):
    """The times of the tickets of one period or value."""

    value = a_text("The period, or the value; empty = none.")
    tickets = an_object(FigureNumber, "The total.")
    measures = a_list(TicketMeasure)


class TicketTimes(Schema):
    """How long tickets took."""

    items = a_list(TimesRow)


class QuartersQuery(Schema):
    """Which quarters."""

    from_ = QuarterText(
        "First quarter. Default: the last four and the current one.", data_key="from"
    )
    to = QuarterText("Last quarter, included.")


class MatchingQuery(QuartersQuery):
    """Which quarters, and whose events."""

    network = sent_choice(
        "Events of links of this network.",
        Network,
        name="network",
        load_default=str(Network.LHCOPN),
    )


class MatchingRow(Schema):
    """Events of an hour or more of one site and quarter."""

    site = a_text("The site's LHCOPN name; empty = all sites.")
    tier = a_number("0, 1 or null.", null=True)
    quarter = a_text("As 2013-Q1.")
    detected = an_object(FigureNumber)
    documented = an_object(FigureNumber, "Events with a ticket.")
    missing = an_object(FigureNumber, "Events without a ticket.")


class MatchingTable(Schema):
    """Detected events against those with a ticket, per T1 and quarter."""

    items = a_list(
        MatchingRow,
        "One row for each quarter in which a site was T0 or T1. The rows of the T0 are the "
        "events without a T1 end.",
    )
    totals = a_list(MatchingRow, "One row per quarter.")


class RulesQuery(QuartersQuery):
    """Which rules, and which quarters."""

    rule = Several("Labels of rules, from listDutyRules. Default: all.")


class RuleSums(Schema):
    """How many tickets a rule would have asked for."""

    rule = a_text("The rule's label.")
    site = a_text("The site's LHCOPN name; empty = all sites, each ticket counted once.")
    quarter = a_text("As 2013-Q1.")
    asked = an_object(FigureNumber, "Tickets that the rule requires.")
    there = an_object(FigureNumber, "Required tickets that exist.")
    missing = an_object(FigureNumber, "Required tickets that are missing.")
    late = an_object(FigureNumber, "Required tickets that were late.")
    cut_off = an_object(FigureNumber, "Tickets required because a T1 was cut off.")
    unsure = a_number("Tickets whose requirement is uncertain; null = no data.", null=True)


class RuleComparison(Schema):
    """What several rules would have asked for, per site and quarter."""

    items = a_list(RuleSums)
    totals = a_list(RuleSums)


class AvailabilityQuery(_PeriodsQuery):
    """Which periods, and of which links."""

    network = sent_choice(
        "Links of this network.", Network, name="network", load_default=str(Network.LHCOPN)
    )
    site = sent_text("Only links that end at this site; any of its names.", SHORT_TEXT_LIMIT)


class AvailabilityRow(Schema):
    """How much of a period a link was up, or all links of a site together."""

    link = a_text("The link's id; empty for a site or for all links.")
    site = a_text("The site's LHCOPN name; empty for a link or for all links.")
    period = a_text("As 2013-Q1.")
    availability = a_decimal("0 to 1, of the time with data; null = no data.", null=True)
    hours = a_decimal("Hours with data, so far.")
    down_hours = a_decimal()
    degraded_hours = a_decimal()
    unmonitored_hours = a_decimal()
    rows = a_text("Number of events reported in that time; null = no data.", null=True)


class AvailabilityTable(Schema):
    """Availability by link and site."""

    items = a_list(AvailabilityRow)
    totals = a_list(AvailabilityRow, "All of these links.")
