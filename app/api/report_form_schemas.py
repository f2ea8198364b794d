"""The wire types of reports as they are written: questions, a draft, what is sent."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.report_schemas import ReportSignature
from app.api.schemas import Moment, a_text, about
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
    kind = a_text("Type of the answer.", validate=validate.OneOf(_KINDS[:-1]))
    required = fields.Boolean(
        required=True, metadata=about("Whether an answer is required to submit.")
    )
    choices = fields.List(
        fields.String(), required=True, metadata=about("Allowed answers of a choice.")
    )
    reusable = fields.Boolean(
        required=True, metadata=about("The answer of an earlier quarter is offered again.")
    )


class QuestionForm(Schema):
    """A version of the questions. One that is in use never changes."""

    number = fields.Integer(required=True, metadata=about("Counted from 1."))
    first_quarter = a_text("First quarter for which new reports use this form.")
    last_quarter = fields.String(
        required=True,
        allow_none=True,
        metadata=about("The last such quarter; null = until another form is published."),
    )
    note = a_text("Why the form was created, or empty.")
    published = Moment("When it came into use.")
    questions = fields.List(fields.Nested(FormQuestion), required=True, metadata=about("In order."))


class QuestionForms(Schema):
    """The forms that are or were in use, the oldest first."""

    items = fields.List(fields.Nested(QuestionForm), required=True)


class ReportFieldValue(Schema):
    """What is in one field of a report."""

    name = a_text(
        "`answer.`, `event.`, `number.` or `reason.`, followed by the key of its subject."
    )
    value = a_text("The content; empty = nothing.")
    version = fields.Integer(
        required=True, metadata=about("Increases with each change; 0 = never filled in.")
    )
    changed = Moment("When it was changed; null = never.", allow_none=True)
    changed_by = a_text("Who changed it, or empty.")


class OfferedAnswer(Schema):
    """An answer of an earlier quarter that may still hold."""

    value = a_text("The answer.")
    quarter = a_text("The quarter of its report.")


class AskedQuestion(FormQuestion):
    """A question, with what is answered so far."""

    field = fields.Nested(ReportFieldValue, required=True)
    offered = fields.Nested(
        OfferedAnswer,
        required=True,
        allow_none=True,
        metadata=about("Only if there is no answer yet; else null."),
    )


class CountedNumber(Schema):
    """A number that the portal counts now, and what the site says to it."""

    key = a_text("Key of the figure, the same in all reports.")
    group = a_text("The section heading.")
    label = a_text("What the figure counts.")
    value = fields.Float(
        required=True, allow_none=True, metadata=about("null = no data, which is not 0.")
    )
    of = fields.Float(
        required=True, allow_none=True, metadata=about("The total of which it is a part, or null.")
    )
    unit = a_text("Empty = a count.")
    told_by = fields.Integer(
        required=True,
        allow_none=True,
        metadata=about(
            "For a figure that is not a count: the number of tickets or links behind it."
        ),
    )
    rows = fields.String(
        required=True,
        allow_none=True,
        metadata=about("URL of the list of exactly the counted rows, or null."),
    )
    stated = fields.Nested(
        ReportFieldValue, required=True, metadata=about("The site's number, if it differs.")
    )
    reason = fields.Nested(ReportFieldValue, required=True, metadata=about("Why it differs."))


class UndocumentedEventRow(Schema):
    """An event of an hour or more that no ticket documents."""

    id = fields.Integer(required=True, metadata=about("Of the detected event."))
    link = a_text("The link's id.")
    state = a_text("down or degraded.")
    start = Moment("Start time.")
    end = Moment("End time; null = ongoing.", allow_none=True)
    explanation = fields.Nested(
        ReportFieldValue, required=True, metadata=about("The site's text; required to submit.")
    )


class OtherEventRow(Schema):
    """An event with words that is not, or no more, among those without a ticket."""

    id = fields.Integer(
        required=True, metadata=about("The detected event when the text was written.")
    )
    link = a_text("The link's id.")
    state = a_text("down or degraded; empty = no longer known.")
    start = Moment("Start time; null = no longer known.", allow_none=True)
    end = Moment("End time; null = ongoing, or no longer known.", allow_none=True)
    fate = a_text(
        "What happened to it since.",
        validate=validate.OneOf([one.value for one in ExplanationState]),
    )
    part_of = fields.Integer(
        required=True,
        allow_none=True,
        metadata=about("The detected event that now covers this time, or null."),
    )
    explanation = fields.Nested(ReportFieldValue, required=True)


class OpenField(Schema):
    """What is still to be written before the report can be submitted."""

    name = a_text("The field's name.")
    label = a_text("The text of the question.")
    why = a_text("What is missing.")


class ReportFile(Schema):
    """What is known of a file at a report."""

    number = fields.Integer(required=True, metadata=about("Counted from 1 within the report."))
    name = a_text("File name, without folders and control characters.")
    size = fields.Integer(required=True, metadata=about("Size in bytes."))
    first_version = fields.Integer(
        required=True, metadata=about("The first signed version that contains it, or will.")
    )
    created = Moment("When it was added.", attribute="created_at")
    author = a_text("Who added it.")


class ReportCommentRow(Schema):
    """What site and chair say to each other about a report."""

    at = Moment("When.")
    author = a_text("Who.")
    text = a_text("The text.")


class ReportComments(Schema):
    """All that was said about a report, the oldest first."""

    items = fields.List(fields.Nested(ReportCommentRow), required=True)


class WrittenReport(Schema):
    """A report as it is written now, also as a draft, with the numbers that the portal counts now.
    Times are UTC."""

    key = a_text("Site and quarter, as DE-KIT/2013-Q1.")
    site = a_text("The site's LHCOPN name.")
    quarter = a_text("As 2013-Q1.")
    state = a_text(
        "The state; draft = written, never submitted.",
        validate=validate.OneOf([one.value for one in ShownState]),
    )
    late = fields.Boolean(required=True, metadata=about("Whether a required report is late."))
    due = Moment("Due date.")
    version = fields.Integer(
        required=True, metadata=about("Increases with each change; 0 = nothing was written yet.")
    )
    form = fields.Integer(required=True, metadata=about("Number of the form in use."))
    moves = fields.List(
        fields.String(validate=validate.OneOf(MOVES)),
        required=True,
        metadata=about("What this account may do with the report now."),
    )
    writable = fields.Boolean(
        required=True, metadata=about("Whether this account may edit the report now.")
    )
    behind = fields.Boolean(
        required=True,
        metadata=about("Whether recent changes are not in the numbers yet."),
    )
    questions = fields.List(fields.Nested(AskedQuestion), required=True)
    numbers = fields.List(fields.Nested(CountedNumber), required=True)
    events = fields.List(fields.Nested(UndocumentedEventRow), required=True)
    other_events = fields.List(fields.Nested(OtherEventRow), required=True)
    open = fields.List(
        fields.Nested(OpenField),
        required=True,
        metadata=about("What is missing before it can be submitted, in the order of the form."),
    )
    attachments = fields.List(
        fields.Nested(ReportFile), required=True, metadata=about("Attachments, oldest first.")
    )
    versions = fields.List(
        fields.Nested(ReportSignature),
        required=True,
        metadata=about("All signed versions, oldest first."),
    )


class ReportFieldBody(Schema):
    """What a field shall hold."""

    value = fields.String(
        required=True,
        validate=validate.Length(max=ANSWER_LIMIT),
        metadata=about("The content; empty = nothing."),
    )
    version = fields.Integer(
        strict=True,
        validate=validate.Range(0, 999_999_999),
        metadata=about(
            "The field's version that you read: 412 if somebody changed it since. If omitted, "
            "the field is overwritten."
        ),
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

    reason = fields.String(
        required=True,
        validate=validate.Length(1, ANSWER_LIMIT),
        metadata=about("The reason; shown with the report."),
    )


class ReportCommentBody(Schema):
    """What is said about a report."""

    text = fields.String(
        required=True, validate=validate.Length(1, ANSWER_LIMIT), metadata=about("The text.")
    )


class ReportFileQuery(Schema):
    """How a file is called."""

    name = fields.String(
        required=True,
        validate=validate.Length(0, SHORT_TEXT_LIMIT),
        metadata=about("File name; folders and control characters are removed."),
    )
