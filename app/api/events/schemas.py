"""The wire types of events that people correct, withdraw and put back."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.api.schemas import FieldProblem
from app.api.wire import (
    MAX_KEY_LENGTH,
    Moment,
    Time,
    a_flag,
    a_list,
    a_number,
    a_text,
    about,
    page_limit,
    page_next,
    sent_choice,
    sent_number,
    sent_text,
    sent_yes_no,
)
from app.core.rules.texts import LONG_TEXT_LIMIT
from app.events.rules.events import LIMITS, MAX_SOURCE_LENGTH, EventState
from app.events.rules.events import MAX_KEY_LENGTH as MAX_EVENT_KEY_LENGTH
from app.tickets.rules.tickets import Layer


def _text(name: str, text: str) -> fields.String:
    return sent_text(text, LIMITS[name], least=0)


class EventCorrection(Schema):
    """What is otherwise than the source said: a field that is absent stays."""

    link = _text("link", "The link's id. Either a link or a site is required.")
    site = _text("site", "Any name of the site.")
    state = sent_choice("What was wrong.", EventState)
    start = Time(metadata=about("Start time. ISO 8601, UTC if it has no zone."))
    end = Time(metadata=about("End time; null = ongoing. ISO 8601, UTC if it has no zone."))
    layer = sent_choice("Network layer.", Layer)
    detail = _text("detail", "Other details.")


class EventReason(Schema):
    """Why an event is withdrawn or put back."""

    reason = sent_text("The reason; shown in the history.", LONG_TEXT_LIMIT, required=True)


class EventsQuery(Schema):
    """Filters of the list of events."""

    source = sent_text("Only events of this source.", MAX_SOURCE_LENGTH, name="source")
    source_id = sent_text(
        "Only the event with this id of its source.", MAX_EVENT_KEY_LENGTH, name="source_id"
    )
    link = sent_text("Only events of this link.", MAX_KEY_LENGTH, name="link")
    site = sent_text(
        "Only events of this site, or of links that end there; any of its names.",
        MAX_KEY_LENGTH,
        name="site",
    )
    state = sent_choice("Only this state.", EventState, name="state")
    from_ = fields.String(
        data_key="from",
        metadata=about("Only events that overlap the time from this day or time on, UTC."),
    )
    to = fields.String(metadata=about("… and before this day or time, UTC."))
    open = sent_yes_no("yes: only ongoing events; no: only events that ended.", name="open")
    changed_from = fields.String(
        metadata=about("Only events reported or corrected at this time or later, UTC."),
    )
    after = sent_number(
        "Start after this id. A lower id never becomes visible after a higher one, so "
        "reading from the last id misses no event.",
        0,
        None,
        error="after takes the id of an event",
        load_default=0,
    )
    limit = page_limit()


class ReportQuery(Schema):
    """How a report is taken in."""

    only_good = sent_yes_no(
        "yes: wrong events are left out and listed in the answer; no: all or nothing.",
        name="only_good",
        load_default="no",
    )
    keep_unresolved = sent_yes_no(
        "yes: events of unknown links and sites are stored with the names as sent, for an "
        "administrator to resolve; no: they are errors.",
        name="keep_unresolved",
        load_default="no",
    )
    source = sent_text(
        "The source that calls. Required with an empty list, which means that monitoring "
        "works and has nothing to report.",
        MAX_SOURCE_LENGTH,
        least=None,
        load_default="",
    )


class EventRow(Schema):
    """An event as it is known now. Times are UTC, ISO 8601 with Z."""

    id = a_number("The portal's own id.", attribute="row.id")
    source = a_text("The source that reported it.")
    source_id = a_text("The source's own id of the event.", attribute="row.source_key")
    link = a_text("The link's id, or empty; as sent if unknown.")
    site = a_text("The site's LHCOPN name, or empty; as sent if unknown.")
    unresolved = a_flag("Whether the link or the site is unknown.", attribute="is_unresolved")
    state = a_text("down, degraded or unmonitored.", attribute="row.state")
    start = Moment("Start time.", attribute="row.start")
    end = Moment("End time; null = ongoing.", attribute="row.end", allow_none=True)
    layer = a_text("L1/L2, L3, performance, other or unknown.", attribute="row.layer")
    detail = a_text("The source's own text.", attribute="row.detail")
    withdrawn = Moment(
        "When a person withdrew the event; null = not withdrawn.",
        attribute="row.withdrawn_at",
        allow_none=True,
    )
    version = a_number("Increases with each correction.", attribute="row.version")
    created = Moment("First report.", attribute="row.created_at")
    changed = Moment("Newest change.", attribute="row.changed_at")


class EventField(Schema):
    """One field of a change."""

    field = a_text("The key.")
    old = a_text("Before; null = none.", null=True)
    new = a_text("After; null = none.", null=True)


class EventChange(Schema):
    """One change of an event: its first report, or a correction."""

    version = a_number("1 is the first report.")
    at = Moment("UTC.")
    by = a_text("The account.", attribute="actor_account")
    fields_ = a_list(EventField, attribute="fields", data_key="fields")


class OneEvent(EventRow):
    """An event with its history."""

    history = a_list(EventChange, "Oldest first.")


class ReportAnswer(Schema):
    """What happened to a report."""

    received = a_number("Events in it.")
    new = a_number("Events reported for the first time.")
    changed = a_number("Events closed or corrected.")
    same = a_number(
        "Events already stored like this, or reported late as ongoing although they have ended."
    )
    left_out = a_number("Events that are wrong and were not stored.")
    unresolved = a_number("Events stored with an unknown name.")
    truncated = fields.Integer(
        metadata=about("Alerts that Alertmanager left out: its max_alerts is too low.")
    )
    errors = a_list(FieldProblem, "Problems of the events that were left out: the first hundred.")


class EventPage(Schema):
    """One page of events, by id."""

    items = a_list(EventRow)
    next = page_next()
