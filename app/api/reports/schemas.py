"""The wire types of quarterly reports; the rules of ``app.api.schemas`` hold for them."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.api.wire import (
    MAX_KEY_LENGTH,
    Moment,
    a_decimal,
    a_flag,
    a_list,
    a_number,
    a_text,
    about,
    an_object,
    behind_key,
    page_limit,
    page_next,
    sent_choice,
    sent_number,
    sent_text,
)
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
        metadata=about(
            "First quarter. Without any of these three parameters: the last four quarters that "
            "ended."
        ),
    )
    to = fields.String(metadata=about("Last quarter, included. At most 60 quarters at once."))
    site = sent_text("Only this site; any of its names.", MAX_KEY_LENGTH, name="site")
    state = sent_choice("Only this state. Absent: all but `not required`.", _STATES, name="state")
    after = behind_key()
    limit = page_limit()


class OneReportQuery(Schema):
    """Which version of a report."""

    version = sent_number(
        "This signed version, counted from 1. Absent: the newest.",
        1,
        10**6,
        error="version takes a number from 1 on",
    )


class ReportRow(Schema):
    """The state of a site's report about a quarter."""

    key = a_text("Site and quarter, as DE-KIT/2013-Q1: the path of the signed report.")
    site = a_text("The site's LHCOPN name.")
    quarter = a_text("As 2013-Q1.")
    state = a_text(
        "not required, not yet (the quarter has not ended), missing, submitted, accepted or "
        "reopened; a draft that was never submitted is missing.",
        choices=_STATES,
    )
    late = a_flag(
        "Whether a required report was not submitted, or first submitted after the due date."
    )
    due = Moment("Due date.")


class ReportPage(Schema):
    """One page of reports, by quarter and site."""

    items = a_list(ReportRow)
    next = page_next()


class ReportFigure(Schema):
    """A number that the portal counted when the report was signed."""

    key = a_text("Key of the figure, the same in all reports.")
    label = a_text("What the figure counts.")
    value = a_decimal("null = no data, which is not 0.", null=True)
    of = a_decimal("The total of which it is a part, or null.", null=True)
    unit = a_text("Empty = a count.")


class ReportContradiction(Schema):
    """A number that the site states otherwise."""

    key = a_text("Key of the figure.")
    stated = a_text("The site's number.")
    counted = a_text("The portal's number, in words.")
    reason = a_text("Why they differ.")


class AnsweredQuestion(Schema):
    """A question and its answer."""

    key = a_text("Key of the question, the same in all forms.", attribute="question.key")
    group = a_text("The section heading, or empty.", attribute="question.group")
    question = a_text("The text.", attribute="question.label")
    kind = a_text(f"{', '.join(_KINDS[:-1])} or {_KINDS[-1]}.", attribute="question.kind")
    required = a_flag(attribute="question.is_required")
    answer = a_text("The site's answer; empty = none.", attribute="value")


class ReportEvent(Schema):
    """An event of an hour or more that no ticket documented when the report was signed."""

    id = a_number("Of the detected event.", attribute="event.id")
    link = a_text("The link's id.", attribute="event.link")
    state = a_text("down or degraded.", attribute="event.state")
    start = Moment("Start time.", attribute="event.start")
    end = Moment("End time; null = ongoing at that time.", attribute="event.end", allow_none=True)
    explanation = a_text("The site's text; empty = none.")


class ReportOtherEvent(Schema):
    """An event with signed words that is not among those without a ticket."""

    id = a_number("The detected event when the text was written.")
    link = a_text("The link's id.")
    state = a_text("down or degraded; empty = no longer known.")
    start = Moment("Start time; null = no longer known.", allow_none=True)
    end = Moment("End time; null = ongoing, or no longer known.", allow_none=True)
    explanation = a_text("The site's text.", attribute="words")
    fate = a_text(
        "What happened to it since.",
        choices=ExplanationState,
    )
    part_of = a_number("The detected event that now covers this time, or null.", null=True)


class ReportSignature(Schema):
    """Time and signer of a version, and what happened to it."""

    number = a_number("Counted from 1.")
    submitted = Moment("When it was signed.", attribute="submitted_at")
    submitted_by = a_text("Who signed it.")
    accepted = Moment("When it was accepted, or null.", attribute="accepted_at", allow_none=True)
    accepted_by = a_text("Who accepted it, or empty.")
    reopened = Moment("When it was reopened, or null.", attribute="reopened_at", allow_none=True)
    reopened_by = a_text("Who reopened it, or empty.")
    reopen_reason = a_text("The reason, or empty.")


class SignedReport(Schema):
    """A signed version, as it was frozen. Times are UTC, ISO 8601 with Z."""

    key = a_text("Site and quarter, as DE-KIT/2013-Q1.")
    site = a_text("The site's LHCOPN name.", attribute="report.site.key")
    quarter = a_text("As 2013-Q1.", attribute="report.quarter")
    state = a_text(
        "The current state of the report: submitted, accepted or reopened.",
        attribute="report.state",
        choices=[one.value for one in ReportState if one != ReportState.DRAFT],
    )
    form = a_number("Number of the form that was used.", attribute="version.form_number")
    version = an_object(ReportSignature)
    versions = a_list(
        ReportSignature, "All signed versions, oldest first.", attribute="report.versions"
    )
    counted = Moment("When the portal counted the numbers.", attribute="numbers.counted_at")
    numbers = a_list(ReportFigure, attribute="numbers.figures")
    contradictions = a_list(ReportContradiction, "Numbers of the site that are not the portal's.")
    answers = a_list(AnsweredQuestion)
    events = a_list(ReportEvent)
    other_events = a_list(ReportOtherEvent)
