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

    name = a_text("The name of its field: `answer.` and the question's key.")
    group = a_text("The title under which it is asked, or empty.")
    label = a_text("Its words.")
    help = a_text("What helps to answer, or empty.")
    kind = a_text("What an answer is.", validate=validate.OneOf(_KINDS[:-1]))
    required = fields.Boolean(required=True, metadata=about("Submitting needs an answer."))
    choices = fields.List(
        fields.String(), required=True, metadata=about("Of a choice: what may be answered.")
    )
    reusable = fields.Boolean(
        required=True, metadata=about("The answer of an earlier quarter is offered again.")
    )


class QuestionForm(Schema):
    """A version of the questions. One that is in use never changes."""

    number = fields.Integer(required=True, metadata=about("Counted from 1."))
    first_quarter = a_text("Reports of this quarter and later ones are begun with it.")
    last_quarter = fields.String(
        required=True,
        allow_none=True,
        metadata=about("The last such quarter; null = until another form is published."),
    )
    note = a_text("Why it was made, or empty.")
    published = Moment("When it came into use.")
    questions = fields.List(
        fields.Nested(FormQuestion), required=True, metadata=about("In their order.")
    )


class QuestionForms(Schema):
    """The forms that are or were in use, the oldest first."""

    items = fields.List(fields.Nested(QuestionForm), required=True)


class ReportFieldValue(Schema):
    """What stands in one field of a report."""

    name = a_text("`answer.`, `event.`, `number.` or `reason.` and the key of what it is about.")
    value = a_text("What is written there; empty = nothing.")
    version = fields.Integer(
        required=True, metadata=about("Raised with each change of it; 0 = nobody wrote there.")
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
        metadata=about("Only where nothing is answered yet; else null."),
    )


class CountedNumber(Schema):
    """A number that the portal counts now, and what the site says to it."""

    key = a_text("Its name, the same in all reports.")
    group = a_text("The title under which it stands.")
    label = a_text("What it counts.")
    value = fields.Float(
        required=True, allow_none=True, metadata=about("null = no data, which is not 0.")
    )
    of = fields.Float(
        required=True, allow_none=True, metadata=about("The whole of which it is a part, or null.")
    )
    unit = a_text("Empty = a count.")
    told_by = fields.Integer(
        required=True,
        allow_none=True,
        metadata=about("Of what is no count: of how many tickets or links it is told."),
    )
    rows = fields.String(
        required=True,
        allow_none=True,
        metadata=about("The list of exactly the rows that were counted, or null."),
    )
    stated = fields.Nested(
        ReportFieldValue, required=True, metadata=about("The site's number, where it differs.")
    )
    reason = fields.Nested(ReportFieldValue, required=True, metadata=about("Why it differs."))


class UndocumentedEventRow(Schema):
    """An event of an hour or more that no ticket documents."""

    id = fields.Integer(required=True, metadata=about("Of the detected event."))
    link = a_text("The link's id.")
    state = a_text("down or degraded.")
    start = Moment("When it began.")
    end = Moment("When it ended; null = it goes on.", allow_none=True)
    explanation = fields.Nested(
        ReportFieldValue, required=True, metadata=about("The site's words; submitting needs some.")
    )


class OtherEventRow(Schema):
    """An event with words that is not, or no more, among those without a ticket."""

    id = fields.Integer(
        required=True, metadata=about("Of the detected event when the words were written.")
    )
    link = a_text("The link's id.")
    state = a_text("down or degraded; empty = not known any more.")
    start = Moment("When it began; null = not known any more.", allow_none=True)
    end = Moment("When it ended; null = it goes on, or is not known any more.", allow_none=True)
    fate = a_text(
        "What became of it by now.",
        validate=validate.OneOf([one.value for one in ExplanationState]),
    )
    part_of = fields.Integer(
        required=True,
        allow_none=True,
        metadata=about("The detected event that covers its time now, or null."),
    )
    explanation = fields.Nested(ReportFieldValue, required=True)


class OpenField(Schema):
    """What is still to be written before the report can be submitted."""

    name = a_text("The field's name.")
    label = a_text("What it asks.")
    why = a_text("What is missing.")


class ReportFile(Schema):
    """What is known of a file at a report."""

    number = fields.Integer(required=True, metadata=about("Counted from 1 within the report."))
    name = a_text("The file's name, cleaned.")
    size = fields.Integer(required=True, metadata=about("Bytes."))
    first_version = fields.Integer(
        required=True, metadata=about("The first signed version that holds it, or will.")
    )
    created = Moment("When it was added.", attribute="created_at")
    author = a_text("Who added it.")


class ReportCommentRow(Schema):
    """What site and chair say to each other about a report."""

    at = Moment("When.")
    author = a_text("Who.")
    text = a_text("The words.")


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
        "How it stands; draft = written, never submitted.",
        validate=validate.OneOf([one.value for one in ShownState]),
    )
    late = fields.Boolean(required=True, metadata=about("Asked for, and late."))
    due = Moment("By when it is to be submitted.")
    version = fields.Integer(
        required=True, metadata=about("Raised with each change; 0 = nothing is written.")
    )
    form = fields.Integer(
        required=True, metadata=about("Number of the form whose questions are asked.")
    )
    moves = fields.List(
        fields.String(validate=validate.OneOf(MOVES)),
        required=True,
        metadata=about("What this account may do with it now."),
    )
    writable = fields.Boolean(
        required=True, metadata=about("Whether this account may write in it now.")
    )
    behind = fields.Boolean(
        required=True,
        metadata=about("So much just changed that not all of it is in the numbers yet."),
    )
    questions = fields.List(fields.Nested(AskedQuestion), required=True)
    numbers = fields.List(fields.Nested(CountedNumber), required=True)
    events = fields.List(fields.Nested(UndocumentedEventRow), required=True)
    other_events = fields.List(fields.Nested(OtherEventRow), required=True)
    open = fields.List(
        fields.Nested(OpenField),
        required=True,
        metadata=about("What keeps it from being submitted, in the order of the form."),
    )
    attachments = fields.List(
        fields.Nested(ReportFile), required=True, metadata=about("Its files, oldest first.")
    )
    versions = fields.List(
        fields.Nested(ReportSignature),
        required=True,
        metadata=about("All that were signed, the oldest first."),
    )


class ReportFieldBody(Schema):
    """What a field shall hold."""

    value = fields.String(
        required=True,
        validate=validate.Length(max=ANSWER_LIMIT),
        metadata=about("What is written; empty = nothing."),
    )
    version = fields.Integer(
        strict=True,
        validate=validate.Range(0, 999_999_999),
        metadata=about(
            "The field's version that was read: 412 if somebody else changed it since. Absent: it"
            " is written over."
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
        metadata=about("By the names of the fields."),
    )


class ReopenBody(Schema):
    """Why a report is opened again."""

    reason = fields.String(
        required=True,
        validate=validate.Length(1, ANSWER_LIMIT),
        metadata=about("It is shown with the report."),
    )


class ReportCommentBody(Schema):
    """What is said about a report."""

    text = fields.String(
        required=True, validate=validate.Length(1, ANSWER_LIMIT), metadata=about("The words.")
    )


class ReportFileQuery(Schema):
    """How a file is called."""

    name = fields.String(
        required=True,
        validate=validate.Length(0, SHORT_TEXT_LIMIT),
        metadata=about("The file's name; folders and control characters are taken off."),
    )
