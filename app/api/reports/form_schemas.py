"""The wire types of reports as they are written: questions, a draft, what is sent."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.reports.schemas import ReportSignature
from app.api.wire import (
    Moment,
    a_decimal,
    a_flag,
    a_list,
    a_number,
    a_text,
    about,
    an_object,
    sent_number,
    sent_text,
)
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.reports.rules.event_explanations import ExplanationState
from app.reports.rules.form import ANSWER_LIMIT, QuestionKind
from app.reports.rules.reports import ShownState
from app.reports.services.reports import MAX_FIELDS

NUMBER_KIND = "number"
_KINDS = [*(kind.value for kind in QuestionKind), NUMBER_KIND]
MOVES = ("submit", "reopen", "accept")


class FormQuestion(Schema):
    """A question of a form."""

    name = a_text("Name of the question's field: `answer.` and the question's key.")
    group = a_text("The section heading, or empty.")
    label = a_text("The text.")
    help = a_text("Help text, or empty.")
    kind = a_text("Type of the answer.", choices=_KINDS[:-1])
    required = a_flag("Whether an answer is required to submit.")
    choices = a_list(str, "Allowed answers of a choice.")
    reusable = a_flag("The answer of an earlier quarter is offered again.")


class QuestionForm(Schema):
    """A version of the questions. One that is in use never changes."""

    number = a_number("Counted from 1.")
    first_quarter = a_text("First quarter for which new reports use this form.")
    last_quarter = a_text(
        "The last such quarter; null = until another form is published.", null=True
    )
    note = a_text("Why the form was created, or empty.")
    published = Moment("When it came into use.")
    questions = a_list(FormQuestion, "In order.")


class QuestionForms(Schema):
    """The forms that are or were in use, the oldest first."""

    items = a_list(QuestionForm)


class ReportFieldValue(Schema):
    """What is in one field of a report."""

    name = a_text(
        "`answer.`, `event.`, `number.` or `reason.`, followed by the key of its subject."
    )
    value = a_text("The content; empty = nothing.")
    version = a_number("Increases with each change; 0 = never filled in.")
    changed = Moment("When it was changed; null = never.", allow_none=True)
    changed_by = a_text("Who changed it, or empty.")


class OfferedAnswer(Schema):
    """An answer of an earlier quarter that may still hold."""

    value = a_text("The answer.")
    quarter = a_text("The quarter of its report.")


class AskedQuestion(FormQuestion):
    """A question, with what is answered so far."""

    field = an_object(ReportFieldValue)
    offered = an_object(OfferedAnswer, "Only if there is no answer yet; else null.", null=True)


class CountedNumber(Schema):
    """A number that the portal counts now, and what the site says to it."""

    key = a_text("Key of the figure, the same in all reports.")
    group = a_text("The section heading.")
    label = a_text("What the figure counts.")
    value = a_decimal("null = no data, which is not 0.", null=True)
    of = a_decimal("The total of which it is a part, or null.", null=True)
    unit = a_text("Empty = a count.")
    told_by = a_number(
        "For a figure that is not a count: the number of tickets or links behind it.", null=True
    )
    rows = a_text("URL of the list of exactly the counted rows, or null.", null=True)
    stated = an_object(ReportFieldValue, "The site's number, if it differs.")
    reason = an_object(ReportFieldValue, "Why it differs.")


class UndocumentedEventRow(Schema):
    """An event of an hour or more that no ticket documents."""

    id = a_number("Of the detected event.")
    link = a_text("The link's id.")
    state = a_text("down or degraded.")
    start = Moment("Start time.")
    end = Moment("End time; null = ongoing.", allow_none=True)
    explanation = an_object(ReportFieldValue, "The site's text; required to submit.")


class OtherEventRow(Schema):
    """An event with words that is not, or no longer, among the events without a ticket."""

    id = a_number("The detected event when the text was written.")
    link = a_text("The link's id.")
    state = a_text("down or degraded; empty = no longer known.")
    start = Moment("Start time; null = no longer known.", allow_none=True)
    end = Moment("End time; null = ongoing, or no longer known.", allow_none=True)
    fate = a_text(
        "What happened to it since.",
        choices=ExplanationState,
    )
    part_of = a_number("The detected event that now covers this time, or null.", null=True)
    explanation = an_object(ReportFieldValue)


class OpenField(Schema):
    """What is still to be written before the report can be submitted."""

    name = a_text("The field's name.")
    label = a_text("The text of the question.")
    why = a_text("What is missing.")


class ReportFile(Schema):
    """What is known of a file at a report."""

    number = a_number("Counted from 1 within the report.")
    name = a_text("File name, without folders and control characters.")
    size = a_number("Size in bytes.")
    first_version = a_number("The first signed version that contains it, or will.")
    created = Moment("When it was added.", attribute="created_at")
    author = a_text("Who added it.")


class ReportCommentRow(Schema):
    """What site and chair say to each other about a report."""

    at = Moment("When.")
    author = a_text("Who.")
    text = a_text("The text.")


class ReportComments(Schema):
    """All that was said about a report, the oldest first."""

    items = a_list(ReportCommentRow)


class WrittenReport(Schema):
    """A report as it is written now, also as a draft, with the numbers that the portal counts now.
    Times are UTC."""

    key = a_text("Site and quarter, as DE-KIT/2013-Q1.")
    site = a_text("The site's LHCOPN name.")
    quarter = a_text("As 2013-Q1.")
    state = a_text(
        "The state; draft = written, never submitted.",
        choices=ShownState,
    )
    late = a_flag("Whether a required report is late.")
    due = Moment("Due date.")
    version = a_number("Increases with each change; 0 = nothing was written yet.")
    form = a_number("Number of the form in use.")
    moves = a_list(
        fields.String(validate=validate.OneOf(MOVES)),
        "What this account may do with the report now.",
    )
    writable = a_flag("Whether this account may edit the report now.")
    behind = a_flag("Whether recent changes are not in the numbers yet.")
    questions = a_list(AskedQuestion)
    numbers = a_list(CountedNumber)
    events = a_list(UndocumentedEventRow)
    other_events = a_list(OtherEventRow)
    open = a_list(
        OpenField, "What is missing before it can be submitted, in the order of the form."
    )
    attachments = a_list(ReportFile, "Attachments, oldest first.")
    versions = a_list(ReportSignature, "All signed versions, oldest first.")


class ReportFieldBody(Schema):
    """What a field shall hold."""

    value = sent_text("The content; empty = nothing.", ANSWER_LIMIT, least=None, required=True)
    version = sent_number(
        "The field's version that you read: 412 if somebody changed it since. If omitted, "
        "the field is overwritten.",
        0,
    )


class ReportChange(Schema):
    """What changes in a report: a field that is absent stays. All of it is saved, or nothing."""

    fields_ = fields.Dict(
        fields.String(validate=validate.Length(1, 100)),
        fields.Nested(ReportFieldBody),
        required=True,
        data_key="fields",
        attribute="fields",
        validate=validate.Length(1, MAX_FIELDS),
        metadata=about("By field name."),
    )


class ReopenBody(Schema):
    """Why a report is opened again."""

    reason = sent_text("The reason; shown with the report.", ANSWER_LIMIT, required=True)


class ReportCommentBody(Schema):
    """What is said about a report."""

    text = sent_text("The text.", ANSWER_LIMIT, required=True)


class ReportFileQuery(Schema):
    """How a file is called."""

    name = sent_text(
        "File name; folders and control characters are removed.",
        SHORT_TEXT_LIMIT,
        least=0,
        required=True,
    )
