"""The wire types of detected events, of what documents them, and of tickets that are due."""

from __future__ import annotations

from marshmallow import Schema

from app.api.periods import Edge, QuarterText
from app.api.wire import (
    Moment,
    Several,
    a_flag,
    a_list,
    a_number,
    a_text,
    an_object,
    behind_cursor,
    page_limit,
    page_next,
    sent_choice,
    sent_number,
    sent_text,
    sent_yes_no,
)
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.duties.rules.duties import DutyStatus
from app.duties.services.duties import STATES
from app.events.rules.events import EventState
from app.matching.rules.matching import REASON_LIMIT, Decision, How
from app.registry.rules.networks import Network

_STATES = [one.value for one in EventState if one is not EventState.UNMONITORED]


class DetectedQuery(Schema):
    """Filters of the list of detected events, named as on its page. Several values of one parameter
    are alternatives, parameters are all required."""

    from_ = Edge("Only events that start then or later.", data_key="from")
    to = Edge("... and up to the end of this.")
    lasting = sent_yes_no("yes: also events that started before `from` and were ongoing then.")
    quarter = Several("Quarters of the start, as 2013-Q1.")
    t1 = Several(
        "T1s at an end of the link when the event started, by any of their names; `none` = no T1."
    )
    site = Several("Sites at an end of the link, by any of their names.")
    link = Several("Ids of links.")
    network = Several("Networks.", *Network)
    state = Several("States.", *_STATES)
    source = Several("Sources that reported the event.")
    documented = sent_yes_no("Whether a ticket documents the event.")
    counted = sent_yes_no("Whether the event counts in the figures: an hour or more.")
    maintenance = sent_yes_no("Whether the event is planned work.")
    how = Several("How the event is documented.", *How)
    due = sent_choice(
        "Only events for which a current rule requires a ticket with this status.",
        STATES,
        name="due",
    )
    ongoing = sent_yes_no("Whether the event is ongoing.")
    sort = sent_choice(
        "-start: newest first.", ["-start", "start"], name="sort", load_default="-start"
    )
    after = behind_cursor()
    limit = page_limit()


class DetectedRow(Schema):
    """What happened to the reports about one outage."""

    id = a_number("The id of the first report.")
    link = a_text("The link's id, or empty.")
    site = a_text("The site's LHCOPN name if the event is not on a link; else empty.")
    state = a_text("down or degraded.", choices=_STATES)
    start = Moment("Start time.")
    end = Moment("End time; null = ongoing.", allow_none=True)
    seconds = a_number("Duration so far.")
    beginnings = a_number("Number of reports in the event.")
    quarter = a_text("The quarter of the start, as 2013-Q1.")
    counted = a_flag(attribute="is_counted")
    documented = a_flag(
        "Whether a ticket documents the event, as the figures count. While the event is "
        "ongoing, `how = site` fulfils no obligation; see /v1/duties.",
        attribute="is_documented",
    )
    maintenance = a_flag(attribute="is_maintenance")
    how = a_text("How the event is documented: link, site, hand or none.")


class ListedDetected(DetectedRow):
    """A detected event in a list."""

    tickets = a_list(int, "Tickets that document the event.")


class DetectedPage(Schema):
    """One page of detected events."""

    items = a_list(ListedDetected)
    next = page_next()


class MatchedTicket(Schema):
    """A ticket beside an event, and why it is there; getTicket says what is in it."""

    number = a_number("The ticket's number.")
    how = a_text("link, site, hand or none.")
    documents = a_flag("Whether the ticket documents the event.")
    why = a_text("The reason, in words.")
    suspected = a_flag("The ticket's times look like another time zone.", attribute="is_suspected")
    decided = a_flag("A person decided about it.", attribute="is_decided")


class MadeDecision(Schema):
    """What a person decided of an event and a ticket."""

    event = a_number("The reported event.", attribute="event_id")
    ticket = a_number(attribute="number")
    words = a_text("The decision in words.")
    reason = a_text("The reason.")
    author = a_text("Who decided.", attribute="actor")
    at = Moment("When.")


class EventMatching(Schema):
    """What is known of the tickets of a reported event."""

    event = a_number("The id.", attribute="event_id")
    detected = an_object(
        DetectedRow, "The detected event that contains it; null = none, or not yet.", null=True
    )
    reports = a_list(int, "Reported events in the detected one, by start: the first 200.")
    matches = a_list(MatchedTicket, "Candidate tickets, those that document the event first.")
    decisions = a_list(MadeDecision, "Decisions by hand, newest first.")
    may_decide = a_flag("Whether this account may decide by hand.")


class DecisionBody(Schema):
    """What a person says of an event and a ticket, whatever the rules say."""

    ticket = sent_number("The ticket's number.", 1, required=True)
    decision = sent_choice(
        "linked: the ticket documents the event; unlinked: it does not.", Decision, required=True
    )
    reason = sent_text("The reason; shown with the event.", REASON_LIMIT, required=True)


class DutiesQuery(Schema):
    """Filters of the list of due tickets, named as on its page. Parameters are all required."""

    state = sent_choice(
        "Status of the required ticket; open = due or missing.",
        STATES,
        name="state",
        load_default=STATES[0],
    )
    rule = sent_text("Rule, in force or not. Default: all rules in force.", SHORT_TEXT_LIMIT)
    site = Several("Sites that have to write the ticket, by any of their names.")
    end = sent_text(
        "Any name of a T1 at an end of the link; the T0 means links without a T1.", SHORT_TEXT_LIMIT
    )
    link = sent_text("Id of the link.", SHORT_TEXT_LIMIT)
    quarter = QuarterText("Only events that started in this quarter.")
    from_ = QuarterText("Only events that started in this quarter or later.", data_key="from")
    to = QuarterText("... and up to the end of this one.")
    losses = sent_choice("yes: only because a T1 was cut off.", ["yes"], name="losses")
    after = behind_cursor()
    limit = page_limit()


class DutyRow(Schema):
    """A ticket that a rule asks for."""

    event = a_number("Id of the detected event.", attribute="event_id")
    rule = a_text("The rule's label.")
    clause = a_text("The clause of the rule that requires the ticket, in words.")
    link = a_text("The link's id.")
    responsible = a_text("Key of the site that has to write the ticket, or empty.")
    start = Moment("Start of the event.")
    end = Moment("End time; null = ongoing.", allow_none=True)
    state = a_text("State of the event: down or degraded.")
    maintenance = a_flag(attribute="is_maintenance")
    amount = a_number("What the clause measured: seconds, or flaps.")
    unsure = a_flag("The result is not certain.", attribute="is_unsure")
    cut_off_site = a_text("The site that was cut off, or empty.", attribute="lost_site")
    due = Moment("Deadline for the ticket.", attribute="due_at")
    standing = a_text("met, late, missing or due.", choices=DutyStatus)
    ticket = a_number("The ticket's number, or null.", null=True)
    ticket_written = Moment(
        "When the ticket was created, or null.", attribute="there_at", allow_none=True
    )
    in_force = a_flag("Whether the rule was in force.", attribute="is_due")


class DutyPage(Schema):
    """One page of due tickets, the newest event first."""

    items = a_list(DutyRow)
    next = page_next()


class DutyRuleRow(Schema):
    """A version of a rule."""

    label = a_text("R2009, or R2009 v2.")
    about_ = a_text("What it is.", attribute="about", data_key="about")
    clauses = a_list(str, "Clauses in words; one that applies is enough.")
    hours = a_number("Hours within which the ticket must be created.")
    in_force = a_flag("Whether it is in force now.", attribute="in_force_now")


class DutyRules(Schema):
    """The rules whose due tickets are kept."""

    items = a_list(DutyRuleRow)
