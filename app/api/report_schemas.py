"""The wire types of quarterly reports; the rules of ``app.api.schemas`` hold for them."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.schemas import MAX_KEY_LENGTH, Moment, a_text, about, behind_key, page_limit
from app.reports.rules.event_explanations import ExplanationState
from app.reports.rules.form import QuestionKind
from app.reports.rules.reports import ReportState, ShownState

_KINDS = [kind.value for kind in QuestionKind]
_STATES = [state.value for state in ShownState]


class ReportsQuery(Schema):
    """Which reports are listed."""

    quarter = fields.String(metadata=about("Only this quarter, as 2013-Q1."))
    from_ = fields.String(
        data_key="from",
        metadata=about("From this quarter on. Without any of the three: the last four that ended."),
    )
    to = fields.String(metadata=about("Up to this quarter, and with it. At most 60 at once."))
    site = fields.String(
        validate=validate.Length(1, MAX_KEY_LENGTH, error="site takes 1 to {max} characters"),
        metadata=about("Only this site; any of its names."),
    )
    state = fields.String(
        validate=validate.OneOf(_STATES, error="state takes {choices}"),
        metadata=about("Only this state. Absent: all but `not required`."),
    )
    after = behind_key()
    limit = page_limit()


class OneReportQuery(Schema):
    """Which version of a report."""

    version = fields.Integer(
        validate=validate.Range(1, 10**6, error="version takes a number from 1 on"),
        error_messages={"invalid": "version takes a number from 1 on"},
        metadata=about("This signed version, counted from 1. Absent: the newest."),
    )


class ReportRow(Schema):
    """How the report of a site about a quarter stands."""

    key = a_text("Site and quarter, as DE-KIT/2013-Q1: the address of what was signed.")
    site = a_text("The site's LHCOPN name.")
    quarter = a_text("As 2013-Q1.")
    state = a_text(
        "not required, not yet (the quarter goes on), missing, submitted, accepted or reopened; a"
        " draft that was never submitted is missing.",
        validate=validate.OneOf(_STATES),
    )
    late = fields.Boolean(
        required=True,
        metadata=about("Asked for, and not submitted or submitted first after the due time."),
    )
    due = Moment("By when it was to be submitted.")


class ReportPage(Schema):
    """One page of reports, by quarter and site."""

    items = fields.List(fields.Nested(ReportRow), required=True)
    next = fields.String(
        required=True,
        allow_none=True,
        metadata=about("Address of the next page; null = this is the last."),
    )


class ReportFigure(Schema):
    """A number that the portal counted when the report was signed."""

    key = a_text("Its name, the same in all reports.")
    label = a_text("What it counts.")
    value = fields.Float(
        required=True, allow_none=True, metadata=about("null = no data, which is not 0.")
    )
    of = fields.Float(
        required=True, allow_none=True, metadata=about("The whole of which it is a part, or null.")
    )
    unit = a_text("Empty = a count.")


class ReportContradiction(Schema):
    """A number that the site states otherwise."""

    key = a_text("The figure's.")
    stated = a_text("The site's number.")
    counted = a_text("The portal's, in words.")
    reason = a_text("Why they differ.")


class AnsweredQuestion(Schema):
    """A question and its answer."""

    key = a_text("The question's, the same in all forms.", attribute="question.key")
    group = a_text("The title under which it was asked, or empty.", attribute="question.group")
    question = a_text("Its words.", attribute="question.label")
    kind = a_text(f"{', '.join(_KINDS[:-1])} or {_KINDS[-1]}.", attribute="question.kind")
    required = fields.Boolean(required=True, attribute="question.is_required")
    answer = a_text("What the site answered; empty = nothing.", attribute="value")


class ReportEvent(Schema):
    """An event of an hour or more that no ticket documented when the report was signed."""

    id = fields.Integer(
        required=True, attribute="event.id", metadata=about("Of the detected event.")
    )
    link = a_text("The link's id.", attribute="event.link")
    state = a_text("down or degraded.", attribute="event.state")
    start = Moment("When it began.", attribute="event.start")
    end = Moment("When it ended; null = it went on.", attribute="event.end", allow_none=True)
    explanation = a_text("The site's words; empty = none.")


class ReportOtherEvent(Schema):
    """An event with signed words that is not among those without a ticket."""

    id = fields.Integer(
        required=True, metadata=about("Of the detected event when the words were written.")
    )
    link = a_text("The link's id.")
    state = a_text("down or degraded; empty = not known any more.")
    start = Moment("When it began; null = not known any more.", allow_none=True)
    end = Moment("When it ended; null = it goes on, or is not known any more.", allow_none=True)
    explanation = a_text("The site's words.", attribute="words")
    fate = a_text(
        "What became of it by now.",
        validate=validate.OneOf([one.value for one in ExplanationState]),
    )
    part_of = fields.Integer(
        required=True,
        allow_none=True,
        metadata=about("The detected event that covers its time now, or null."),
    )


class ReportSignature(Schema):
    """When and by whom a version was signed, and what became of it."""

    number = fields.Integer(required=True, metadata=about("Counted from 1."))
    submitted = Moment("When it was signed.", attribute="submitted_at")
    submitted_by = a_text("Who signed it.")
    accepted = Moment("When it was accepted, or null.", attribute="accepted_at", allow_none=True)
    accepted_by = a_text("Who accepted it, or empty.")
    reopened = Moment("When it was reopened, or null.", attribute="reopened_at", allow_none=True)
    reopened_by = a_text("Who reopened it, or empty.")
    reopen_reason = a_text("Why, or empty.")


class SignedReport(Schema):
    """A signed version, as it was frozen. Times are UTC, ISO 8601 with Z."""

    key = a_text("Site and quarter, as DE-KIT/2013-Q1.")
    site = a_text("The site's LHCOPN name.", attribute="report.site.key")
    quarter = a_text("As 2013-Q1.", attribute="report.quarter")
    state = a_text(
        "submitted, accepted or reopened: how the report stands now.",
        attribute="report.state",
        validate=validate.OneOf([one.value for one in ReportState if one != ReportState.DRAFT]),
    )
    form = fields.Integer(
        required=True,
        attribute="version.form_number",
        metadata=about("Number of the form whose questions were asked."),
    )
    version = fields.Nested(ReportSignature, required=True)
    versions = fields.List(
        fields.Nested(ReportSignature),
        required=True,
        attribute="report.versions",
        metadata=about("All that were signed, the oldest first."),
    )
    counted = Moment("When the portal counted the numbers.", attribute="numbers.counted_at")
    numbers = fields.List(fields.Nested(ReportFigure), required=True, attribute="numbers.figures")
    contradictions = fields.List(
        fields.Nested(ReportContradiction),
        required=True,
        metadata=about("Numbers of the site that are not the portal's."),
    )
    answers = fields.List(fields.Nested(AnsweredQuestion), required=True)
    events = fields.List(fields.Nested(ReportEvent), required=True)
    other_events = fields.List(fields.Nested(ReportOtherEvent), required=True)
