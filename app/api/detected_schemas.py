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
        metadata=about("Where a page begins: take it from `next` of the page before."),
    )


class DetectedQuery(Schema):
    """Filters of the list of detected events, named as on its page. Several values of one parameter
    are alternatives, parameters are all required."""

    from_ = Edge("Only events that begin then or later.", data_key="from")
    to = Edge("... and up to the end of this.")
    lasting = _yes_no("yes: also what began before from and went on then.")
    quarter = Several("Quarters of the start, as 2013-Q1.")
    t1 = Several("Any names of T1s at an end when the event began; none = of no T1.")
    site = Several("Any names of sites at an end of the link.")
    link = Several("Ids of links.")
    network = Several("Networks.", *Network)
    state = Several("States.", *_STATES)
    source = Several("Sources that reported it.")
    documented = _yes_no("Whether a ticket documents it.")
    counted = _yes_no("Whether it counts: an hour or more.")
    maintenance = _yes_no("Whether it is of planned work.")
    how = Several("How it is documented.", *How)
    due = fields.String(
        validate=validate.OneOf(STATES, error="due takes {choices}"),
        metadata=about("Only events of which a rule in force asks for a ticket that is so."),
    )
    ongoing = _yes_no("Whether it goes on.")
    sort = fields.String(
        load_default="-start",
        validate=validate.OneOf(["-start", "start"], error="sort takes {choices}"),
        metadata=about("-start: the newest first."),
    )
    after = _behind()
    limit = page_limit()


class DetectedRow(Schema):
    """What became of the reports about one outage."""

    id = fields.Integer(required=True, metadata=about("That of the report with which it begins."))
    link = a_text("The link's id, or empty.")
    site = a_text("The site's LHCOPN name where it is of no link, else empty.")
    state = a_text("down or degraded.", validate=validate.OneOf(_STATES))
    start = Moment("When it began.")
    end = Moment("When it ended; null = it goes on.", allow_none=True)
    seconds = fields.Integer(required=True, metadata=about("How long it took, so far."))
    beginnings = fields.Integer(required=True, metadata=about("How many reports are part of it."))
    quarter = a_text("The quarter of its start, as 2013-Q1.")
    counted = fields.Boolean(required=True, attribute="is_counted")
    documented = fields.Boolean(
        required=True,
        attribute="is_documented",
        metadata=about(
            "Whether a ticket documents it, as the figures count. While it is ongoing, how = site"
            " fulfils no obligation: /v1/duties says what does."
        ),
    )
    maintenance = fields.Boolean(required=True, attribute="is_maintenance")
    how = a_text("How it is documented: link, site, hand or none.")


class ListedDetected(DetectedRow):
    """A detected event in a list."""

    tickets = fields.List(
        fields.Integer(), required=True, metadata=about("Tickets that document it.")
    )


class DetectedPage(Schema):
    """One page of detected events."""

    items = fields.List(fields.Nested(ListedDetected), required=True)
    next = fields.String(
        required=True,
        allow_none=True,
        metadata=about("Address of the next page; null = this is the last."),
    )


class MatchedTicket(Schema):
    """A ticket beside an event, and why it stands there; getTicket tells what is in it."""

    number = fields.Integer(required=True, metadata=about("The ticket's number."))
    how = a_text("link, site, hand or none.")
    documents = fields.Boolean(required=True, metadata=about("Whether it documents the event."))
    why = a_text("Why, in words.")
    suspected = fields.Boolean(
        required=True,
        attribute="is_suspected",
        metadata=about("Its times look like those of another time zone."),
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
    reason = a_text("Why.")
    author = a_text("Who decided.", attribute="actor")
    at = Moment("When.")


class EventMatching(Schema):
    """What is known of the tickets of a reported event."""

    event = fields.Integer(required=True, attribute="event_id", metadata=about("Its id."))
    detected = fields.Nested(
        DetectedRow,
        required=True,
        allow_none=True,
        metadata=about("The detected event of which it is part; null = of none, or not yet."),
    )
    reports = fields.List(
        fields.Integer(),
        required=True,
        metadata=about("The reported events of the detected one, by start: the first 200."),
    )
    matches = fields.List(
        fields.Nested(MatchedTicket),
        required=True,
        metadata=about("Tickets beside it, those that document it first."),
    )
    decisions = fields.List(
        fields.Nested(MadeDecision), required=True, metadata=about("By hand, the newest first.")
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
        metadata=about("linked: it documents the event; unlinked: it does not."),
    )
    reason = fields.String(
        required=True,
        validate=validate.Length(1, REASON_LIMIT),
        metadata=about("It is shown with the event."),
    )


class DutiesQuery(Schema):
    """Filters of the list of due tickets, named as on its page. Parameters are all required."""

    state = fields.String(
        load_default=STATES[0],
        validate=validate.OneOf(STATES, error="state takes {choices}"),
        metadata=about("Whether the ticket is there; open = due or missing."),
    )
    rule = fields.String(
        validate=validate.Length(1, SHORT_TEXT_LIMIT),
        metadata=about("Of this rule, in force or not. Absent: of the rules in force."),
    )
    site = Several("Any names of the sites that are to write it.")
    end = fields.String(
        validate=validate.Length(1, SHORT_TEXT_LIMIT),
        metadata=about("Any name of a T1 at an end of the link, or of the T0: of no T1."),
    )
    link = fields.String(
        validate=validate.Length(1, SHORT_TEXT_LIMIT), metadata=about("Id of the link.")
    )
    quarter = QuarterText("Only events that began in this quarter.")
    from_ = QuarterText("Only events that began in this quarter or later.", data_key="from")
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
    clause = a_text("What of the rule asks for it, in words.")
    link = a_text("The link's id.")
    responsible = a_text("Key of the site that is to write it, or empty.")
    start = Moment("When the event began.")
    end = Moment("When it ended; null = it goes on.", allow_none=True)
    state = a_text("The event's: down or degraded.")
    maintenance = fields.Boolean(required=True, attribute="is_maintenance")
    amount = fields.Integer(
        required=True, metadata=about("What the clause measured: seconds, or flaps.")
    )
    unsure = fields.Boolean(
        required=True, attribute="is_unsure", metadata=about("It is not known for sure.")
    )
    cut_off_site = a_text("The site that was cut off, or empty.", attribute="lost_site")
    due = Moment("By when the ticket was to be there.", attribute="due_at")
    standing = a_text(
        "met, late, missing or due.", validate=validate.OneOf([one.value for one in DutyStatus])
    )
    ticket = fields.Integer(
        required=True, allow_none=True, metadata=about("The ticket's number, or null.")
    )
    ticket_written = Moment(
        "Since when it is there, or null.", attribute="there_at", allow_none=True
    )
    in_force = fields.Boolean(
        required=True, attribute="is_due", metadata=about("The rule was in force.")
    )


class DutyPage(Schema):
    """One page of due tickets, the newest event first."""

    items = fields.List(fields.Nested(DutyRow), required=True)
    next = fields.String(
        required=True,
        allow_none=True,
        metadata=about("Address of the next page; null = this is the last."),
    )


class DutyRuleRow(Schema):
    """A version of a rule."""

    label = a_text("R2009, or R2009 v2.")
    about_ = a_text("What it is.", attribute="about", data_key="about")
    clauses = fields.List(
        fields.String(), required=True, metadata=about("Each is enough; in words.")
    )
    hours = fields.Integer(
        required=True, metadata=about("Within so many hours the ticket is to be there.")
    )
    in_force = fields.Boolean(
        required=True, attribute="in_force_now", metadata=about("Whether it is in force now.")
    )


class DutyRules(Schema):
    """The rules whose due tickets are kept."""

    items = fields.List(fields.Nested(DutyRuleRow), required=True)
