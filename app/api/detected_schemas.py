"""The wire types of detected events, of what documents them, and of tickets that are due."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.periods import Edge, QuarterText
from app.api.schemas import Moment, a_text, about, page_limit
from app.api.ticket_schemas import Several
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.duties.rules.duties import DutyStatus
from app.duties.services.duties import STATES
from app.events.rules.events import EventState
from app.matching.rules.matching import REASON_LIMIT, Decision, How
from app.registry.rules.networks import Network

_STATES = [one.value for one in EventState if one is not EventState.UNMONITORED]


def _yes_no(text: str) -> fields.String:
    allowed = validate.OneOf(["yes", "no"], error="takes yes or no")
    return fields.String(validate=allowed, metadata=about(text))


def _behind() -> fields.String:
    return fields.String(
        validate=validate.Length(1, 200, error="after takes 1 to {max} characters"),
        metadata=about("Where the page starts: take it from `next` of the previous page."),
    )


class DetectedQuery(Schema):
    """Filters of the list of detected events, named as on its page. Several values of one parameter
    are alternatives, parameters are all required."""

    from_ = Edge("Only events that start then or later.", data_key="from")
    to = Edge("... and up to the end of this.")
    lasting = _yes_no("yes: also events that started before `from` and were ongoing then.")
    quarter = Several("Quarters of the start, as 2013-Q1.")
    t1 = Several(
        "T1s at an end of the link when the event started, by any of their names; `none` = no T1."
    )
    site = Several("Sites at an end of the link, by any of their names.")
    link = Several("Ids of links.")
    network = Several("Networks.", *Network)
    state = Several("States.", *_STATES)
    source = Several("Sources that reported the event.")
    documented = _yes_no("Whether a ticket documents the event.")
    counted = _yes_no("Whether the event counts in the figures: an hour or more.")
    maintenance = _yes_no("Whether the event is planned work.")
    how = Several("How the event is documented.", *How)
    due = fields.String(
        validate=validate.OneOf(STATES, error="due takes {choices}"),
        metadata=about("Only events for which a current rule requires a ticket with this status."),
    )
    ongoing = _yes_no("Whether the event is ongoing.")
    sort = fields.String(
        load_default="-start",
        validate=validate.OneOf(["-start", "start"], error="sort takes {choices}"),
        metadata=about("-start: newest first."),
    )
    after = _behind()
    limit = page_limit()


class DetectedRow(Schema):
    """What happened to the reports about one outage."""

    id = fields.Integer(required=True, metadata=about("The id of the first report."))
    link = a_text("The link's id, or empty.")
    site = a_text("The site's LHCOPN name if the event is not on a link; else empty.")
    state = a_text("down or degraded.", validate=validate.OneOf(_STATES))
    start = Moment("Start time.")
    end = Moment("End time; null = ongoing.", allow_none=True)
    seconds = fields.Integer(required=True, metadata=about("Duration so far."))
    beginnings = fields.Integer(required=True, metadata=about("Number of reports in the event."))
    quarter = a_text("The quarter of the start, as 2013-Q1.")
    counted = fields.Boolean(required=True, attribute="is_counted")
    documented = fields.Boolean(
        required=True,
        attribute="is_documented",
        metadata=about(
            "Whether a ticket documents the event, as the figures count. While the event is "
            "ongoing, `how = site` fulfils no obligation; see /v1/duties."
        ),
    )
    maintenance = fields.Boolean(required=True, attribute="is_maintenance")
    how = a_text("How the event is documented: link, site, hand or none.")


class ListedDetected(DetectedRow):
    """A detected event in a list."""

    tickets = fields.List(
        fields.Integer(), required=True, metadata=about("Tickets that document the event.")
    )


class DetectedPage(Schema):
    """One page of detected events."""

    items = fields.List(fields.Nested(ListedDetected), required=True)
    next = fields.String(
        required=True,
        allow_none=True,
        metadata=about("URL of the next page; null on the last page."),
    )


class MatchedTicket(Schema):
    """A ticket beside an event, and why it is there; getTicket says what is in it."""

    number = fields.Integer(required=True, metadata=about("The ticket's number."))
    how = a_text("link, site, hand or none.")
    documents = fields.Boolean(
        required=True, metadata=about("Whether the ticket documents the event.")
    )
    why = a_text("The reason, in words.")
    suspected = fields.Boolean(
        required=True,
        attribute="is_suspected",
        metadata=about("The ticket's times look like another time zone."),
    )
    decided = fields.Boolean(
        required=True, attribute="is_decided", metadata=about("A person decided about it.")
    )


class MadeDecision(Schema):
    """What a person decided of an event and a ticket."""

    event = fields.Integer(
        required=True, attribute="event_id", metadata=about("The reported event.")
    )
    ticket = fields.Integer(required=True, attribute="number")
    words = a_text("The decision in words.")
    reason = a_text("The reason.")
    author = a_text("Who decided.", attribute="actor")
    at = Moment("When.")


class EventMatching(Schema):
    """What is known of the tickets of a reported event."""

    event = fields.Integer(required=True, attribute="event_id", metadata=about("The id."))
    detected = fields.Nested(
        DetectedRow,
        required=True,
        allow_none=True,
        metadata=about("The detected event that contains it; null = none, or not yet."),
    )
    reports = fields.List(
        fields.Integer(),
        required=True,
        metadata=about("Reported events in the detected one, by start: the first 200."),
    )
    matches = fields.List(
        fields.Nested(MatchedTicket),
        required=True,
        metadata=about("Candidate tickets, those that document the event first."),
    )
    decisions = fields.List(
        fields.Nested(MadeDecision),
        required=True,
        metadata=about("Decisions by hand, newest first."),
    )
    may_decide = fields.Boolean(
        required=True, metadata=about("Whether this account may decide by hand.")
    )


class DecisionBody(Schema):
    """What a person says of an event and a ticket, whatever the rules say."""

    ticket = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, 999_999_999),
        metadata=about("The ticket's number."),
    )
    decision = fields.String(
        required=True,
        validate=validate.OneOf([*Decision], error="takes {choices}"),
        metadata=about("linked: the ticket documents the event; unlinked: it does not."),
    )
    reason = fields.String(
        required=True,
        validate=validate.Length(1, REASON_LIMIT),
        metadata=about("The reason; shown with the event."),
    )


class DutiesQuery(Schema):
    """Filters of the list of due tickets, named as on its page. Parameters are all required."""

    state = fields.String(
        load_default=STATES[0],
        validate=validate.OneOf(STATES, error="state takes {choices}"),
        metadata=about("Status of the required ticket; open = due or missing."),
    )
    rule = fields.String(
        validate=validate.Length(1, SHORT_TEXT_LIMIT),
        metadata=about("Rule, in force or not. Default: all rules in force."),
    )
    site = Several("Sites that have to write the ticket, by any of their names.")
    end = fields.String(
        validate=validate.Length(1, SHORT_TEXT_LIMIT),
        metadata=about("Any name of a T1 at an end of the link; the T0 means links without a T1."),
    )
    link = fields.String(
        validate=validate.Length(1, SHORT_TEXT_LIMIT), metadata=about("Id of the link.")
    )
    quarter = QuarterText("Only events that started in this quarter.")
    from_ = QuarterText("Only events that started in this quarter or later.", data_key="from")
    to = QuarterText("... and up to the end of this one.")
    losses = fields.String(
        validate=validate.OneOf(["yes"], error="losses takes yes"),
        metadata=about("yes: only because a T1 was cut off."),
    )
    after = _behind()
    limit = page_limit()


class DutyRow(Schema):
    """A ticket that a rule asks for."""

    event = fields.Integer(
        required=True, attribute="event_id", metadata=about("Id of the detected event.")
    )
    rule = a_text("The rule's label.")
    clause = a_text("The clause of the rule that requires the ticket, in words.")
    link = a_text("The link's id.")
    responsible = a_text("Key of the site that has to write the ticket, or empty.")
    start = Moment("Start of the event.")
    end = Moment("End time; null = ongoing.", allow_none=True)
    state = a_text("State of the event: down or degraded.")
    maintenance = fields.Boolean(required=True, attribute="is_maintenance")
    amount = fields.Integer(
        required=True, metadata=about("What the clause measured: seconds, or flaps.")
    )
    unsure = fields.Boolean(
        required=True, attribute="is_unsure", metadata=about("The result is not certain.")
    )
    cut_off_site = a_text("The site that was cut off, or empty.", attribute="lost_site")
    due = Moment("Deadline for the ticket.", attribute="due_at")
    standing = a_text(
        "met, late, missing or due.", validate=validate.OneOf([one.value for one in DutyStatus])
    )
    ticket = fields.Integer(
        required=True, allow_none=True, metadata=about("The ticket's number, or null.")
    )
    ticket_written = Moment(
        "When the ticket was created, or null.", attribute="there_at", allow_none=True
    )
    in_force = fields.Boolean(
        required=True, attribute="is_due", metadata=about("Whether the rule was in force.")
    )


class DutyPage(Schema):
    """One page of due tickets, the newest event first."""

    items = fields.List(fields.Nested(DutyRow), required=True)
    next = fields.String(
        required=True,
        allow_none=True,
        metadata=about("URL of the next page; null on the last page."),
    )


class DutyRuleRow(Schema):
    """A version of a rule."""

    label = a_text("R2009, or R2009 v2.")
    about_ = a_text("What it is.", attribute="about", data_key="about")
    clauses = fields.List(
        fields.String(),
        required=True,
        metadata=about("Clauses in words; one that applies is enough."),
    )
    hours = fields.Integer(
        required=True, metadata=about("Hours within which the ticket must be created.")
    )
    in_force = fields.Boolean(
        required=True, attribute="in_force_now", metadata=about("Whether it is in force now.")
    )


class DutyRules(Schema):
    """The rules whose due tickets are kept."""

    items = fields.List(fields.Nested(DutyRuleRow), required=True)
