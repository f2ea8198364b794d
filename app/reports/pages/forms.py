"""The questions of quarterly reports: their versions, drafts, previews and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for

from app.core.rules.access import Role
from app.core.rules.errors import EditConflict, Forbidden, Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.services.changes import changes_of
from app.core.web.edit_conflicts import Clash, seen_version
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.reports.models.reports import ReportForm
from app.reports.pages.question_forms import PublishForm, QuestionForm, form_data
from app.reports.rules.form import Form
from app.reports.rules.questions import PARTS, differences, part_in_words
from app.reports.services import form_drafts as verbs
from app.reports.services.forms import (
    Used,
    all_forms,
    content_of,
    form_of_number,
    is_published,
    uses_of,
)

blueprint = Blueprint("report_forms", __name__, url_prefix="/reports/forms")
_FORM: Final = "/<int(max=2147483647):number>"
_QUESTION: Final = f"{_FORM}/questions/<key>"
_STEPS: Final = {
    "up": (verbs.move_question, -1),
    "down": (verbs.move_question, 1),
    "group-up": (verbs.move_group, -1),
    "group-down": (verbs.move_group, 1),
}


@dataclass(frozen=True)
class ListedForm:
    """A form as the list shows it."""

    row: ReportForm
    content: Form
    used: Used | None
    reports: int

    @property
    def is_draft(self) -> bool:
        """Whether it may change."""
        return not is_published(self.row)

    @property
    def required(self) -> int:
        """How many of its questions must be answered."""
        return sum(one.is_required for one in self.content.asked)


@blueprint.get("")
def listing() -> Response:
    """Every form, the newest first, and for which quarters it is used."""
    session = db.session()
    every = all_forms(session)
    uses = uses_of(every)
    shown = [
        ListedForm(
            row, content_of(row), uses.get(row.number), verbs.reports_with(session, row.number)
        )
        for row in reversed(every)
        if _may_see(row)
    ]
    return make_response(render_template("reports/forms.html", forms=shown, may_edit=_may_edit()))


@blueprint.post("/new")
def new() -> Response:
    """Create draft with the questions of the newest form."""
    session = db.session()
    with writing_once(session):
        number = verbs.make_draft(session, writer()).number
        leads_to(url_for("report_forms.form", number=number))
    return go_to(
        url_for("report_forms.form", number=number),
        _("Draft form %(number)s created. Publish it to use it.", number=number),
    )


@blueprint.get(_FORM)
def form(number: int) -> Response:
    """What a form asks; of a draft, with all that changes it."""
    return _form_page(number)


@blueprint.get(f"{_FORM}/preview")
def preview(number: int) -> Response:
    """The questions as a site's reporter sees them."""
    row = _seen(number)
    return make_response(
        render_template("reports/form/form_preview.html", row=row, content=content_of(row))
    )


@blueprint.get(f"{_FORM}/differences")
def compare(number: int) -> Response:
    """What a form asks otherwise than another one, in words."""
    row = _seen(number)
    others = [one for one in all_forms(db.session()) if one.number != number and _may_see(one)]
    asked = request.args.get("with", "")
    chosen = next((one for one in others if str(one.number) == asked), None)
    problem = "" if chosen or not asked else _("Form not found; showing the usual comparison")
    other = chosen or _before(row, others)
    return make_response(
        render_template(
            "reports/form/form_differences.html",
            row=row,
            other=other,
            others=others,
            problem=problem,
            found=[] if other is None else differences(content_of(other), content_of(row)),
        )
    )


@blueprint.route(f"{_FORM}/questions/new", methods=["GET", "POST"])
def add(number: int) -> Response:
    """Add a question to a draft."""
    verbs.require_manage(writer())
    typed, session = QuestionForm(), db.session()
    if request.method == "GET":
        _require_draft(_seen(number))
        return _question_page(typed, number)
    if typed.validate():
        with errors_in(typed), writing_once(session):
            label = verbs.add_question(session, writer(), number, typed.stated())[1].label
            leads_to(url_for("report_forms.form", number=number))
    if typed.errors:
        return _question_page(typed, number, status=422)
    return go_to(
        url_for("report_forms.form", number=number),
        _("“%(label)s” added to form %(number)s.", label=label, number=number),
    )


@blueprint.route(_QUESTION, methods=["GET", "POST"])
def question(number: int, key: str) -> Response:
    """Reword a question of a draft."""
    verbs.require_manage(writer())
    session = db.session()
    if request.method == "GET":
        row = _seen(number)
        _require_draft(row)
        found = content_of(row).question(key)
        if found is None:
            raise NotFound(_("Question not found"))
        typed = QuestionForm(formdata=None, **form_data(found))
        typed.version.data = str(row.version)
        return _question_page(typed, number, key)
    typed = QuestionForm()
    if not typed.validate():
        return _question_page(typed, number, key, status=422)
    try:
        with errors_in(typed):
            seen = seen_version(typed.version.data)
            with writing_once(session):
                changed = verbs.change_question(
                    session, writer(), number, key, typed.stated(), seen
                )
                label = changed[1].label
    except EditConflict as error:
        clashes = _clashes(typed, number, key, seen, error)
        return _question_page(typed, number, key, status=409, clashes=clashes)
    if typed.errors:
        return _question_page(typed, number, key, status=422)
    return go_to(
        url_for("report_forms.form", number=number),
        _("“%(label)s” saved in form %(number)s.", label=label, number=number),
    )


@blueprint.post(f"{_QUESTION}/move")
def move(number: int, key: str) -> Response:
    """Move a question, or its group, one place."""
    verbs.require_manage(writer())
    step = request.form.get("step", "")
    if step not in _STEPS:
        return _form_page(number, problem=_("A question or its group moves up or down"), status=422)
    verb, steps = _STEPS[step]
    return _done(number, lambda seen: verb(db.session(), writer(), number, key, steps, seen))


@blueprint.post(f"{_QUESTION}/retire")
def retire(number: int, key: str) -> Response:
    """Retire a question."""
    return _done(
        number, lambda seen: verbs.retire_question(db.session(), writer(), number, key, seen)
    )


@blueprint.post(f"{_QUESTION}/restore")
def restore(number: int, key: str) -> Response:
    """Ask it again."""
    return _done(
        number,
        lambda seen: verbs.retire_question(
            db.session(), writer(), number, key, seen, retired=False
        ),
    )


@blueprint.post(f"{_QUESTION}/remove")
def remove(number: int, key: str) -> Response:
    """Remove a question that no form in use has had."""
    return _done(
        number, lambda seen: verbs.remove_question(db.session(), writer(), number, key, seen)
    )


@blueprint.post(f"{_FORM}/publish")
def publish(number: int) -> Response:
    """Put a draft in use from a quarter on."""
    verbs.require_manage(writer())
    typed, session = PublishForm(), db.session()
    if not typed.validate():
        return _form_page(number, publishing=typed, status=422)
    try:
        with errors_in(typed):
            seen = seen_version(typed.version.data)
            quarter, note = typed.first_quarter.data or "", typed.note.data or ""
            with writing_once(session):
                first = verbs.publish(session, writer(), number, quarter, note, seen).first_quarter
    except (EditConflict, MoveNotAllowed) as error:
        return _form_page(number, publishing=typed, problem=_words(error), status=409)
    if typed.errors:
        return _form_page(number, publishing=typed, status=422)
    return go_to(
        url_for("report_forms.form", number=number),
        _(
            "Form %(number)s published for reports of %(first)s and later quarters.",
            number=number,
            first=first,
        ),
    )


@blueprint.post(f"{_FORM}/take-out")
def take_out(number: int) -> Response:
    """Make a form a draft again that no report has used."""
    return _done(
        number,
        lambda seen: verbs.take_out_of_use(db.session(), writer(), number, seen),
        _("Form {} is a draft again."),
    )


@blueprint.post(f"{_FORM}/delete")
def delete(number: int) -> Response:
    """Delete a draft."""
    return _done(
        number,
        lambda seen: verbs.discard_draft(db.session(), writer(), number, seen),
        _("Draft form {} deleted."),
        url_for("report_forms.listing"),
    )


def _may_edit() -> bool:
    return acting().role is Role.ADMIN


def _may_see(row: ReportForm) -> bool:
    return is_published(row) or acting().is_operator


def _seen(number: int) -> ReportForm:
    row = form_of_number(db.session(), number)
    if not _may_see(row):
        raise Forbidden(_("Only operators and admins may see drafts of the questions"))
    return row


def _require_draft(row: ReportForm) -> None:
    if is_published(row):
        raise MoveNotAllowed(
            _(
                "Form %(number)s is published and cannot be changed; create a draft",
                number=row.number,
            )
        )


def _before(row: ReportForm, others: Sequence[ReportForm]) -> ReportForm | None:
    """The form that was in use before this one; of a draft, that which is used last."""
    published = [
        one
        for one in others
        if one.published_at is not None
        and (row.published_at is None or one.published_at <= row.published_at)
    ]
    return max(published, key=lambda one: (one.published_at, one.number), default=None)


def _done(number: int, verb: Callable[[int], Any], said: str = "", place: str = "") -> Response:
    """Carry out a button's verb with the version that the page showed."""
    verbs.require_manage(writer())
    session = db.session()
    try:
        seen = seen_version(request.form.get("version"))
        with writing_once(session):
            verb(seen)
    except (EditConflict, MoveNotAllowed) as error:
        session.rollback()
        return _form_page(number, problem=_words(error), status=409)
    except Invalid as error:
        session.rollback()
        return _form_page(number, problem=error.message, status=422)
    if said:
        flash(said.format(number), "ok")
    return go_to(place or url_for("report_forms.form", number=number))


def _words(error: EditConflict | MoveNotAllowed) -> str:
    if isinstance(error, EditConflict):
        return _(
            "Nothing was saved: somebody else changed this form after you opened the page. "
            "Review the current form below and try again"
        )
    return error.message


def _form_page(
    number: int, *, publishing: PublishForm | None = None, problem: str = "", status: int = 200
) -> Response:
    row, session = _seen(number), db.session()
    if publishing is None:
        publishing = PublishForm(formdata=None)
        publishing.first_quarter.data = str(_proposed_quarter())
    publishing.version.data, publishing.version.raw_data = str(row.version), None
    reports = verbs.reports_with(session, number)
    return make_response(
        render_template(
            "reports/form/form.html",
            row=row,
            content=content_of(row),
            used=uses_of(all_forms(session)).get(number),
            used_keys=verbs.used_keys(session),
            reports=reports,
            is_draft=not is_published(row),
            may_edit=_may_edit(),
            may_take_out=is_published(row) and not reports and not verbs.is_first(session, row),
            publishing=publishing,
            problem=problem,
        ),
        status,
    )


def _proposed_quarter() -> Quarter:
    """The running one, or the first behind all that is signed or has a form of its own."""
    session = db.session()
    signed, newest = verbs.newest_signed(session), verbs.newest_published(session)
    found = [Quarter.of(now()), Quarter.parse(newest.first_quarter or "2009-Q1")]
    return max([*found, signed.next] if signed is not None else found)


def _question_page(
    typed: QuestionForm,
    number: int,
    key: str = "",
    *,
    status: int = 200,
    clashes: Sequence[Clash] = (),
) -> Response:
    content = content_of(form_of_number(db.session(), number))
    if key in verbs.used_keys(db.session()):
        typed.kind.description = _(
            "Cannot be changed: a published form has this question, "
            "and past answers depend on the type."
        )
    return make_response(
        render_template(
            "reports/question_form.html",
            form=typed,
            number=number,
            key=key,
            stored=content.question(key) if key else None,
            groups=[title for title, _asked in content.groups if title],
            clashes=clashes,
        ),
        status,
    )


def _clashes(
    typed: QuestionForm, number: int, key: str, seen: int, error: EditConflict
) -> Sequence[Clash]:
    """Make the form ready to be sent again: what only somebody else changed is taken over."""
    session = db.session()
    stored = content_of(form_of_number(session, number)).question(key)
    if stored is None:
        return []
    both = {one.field for one in error.differences}
    theirs = {
        item.field.removeprefix(f"{key}.")
        for change in changes_of(session, verbs.REPORT_FORM, number, after=seen)
        for item in change.fields
        if item.field.startswith(f"{key}.")
    }
    shown = form_data(stored)
    for name in theirs - both:
        if name in shown:
            typed[name].data, typed[name].raw_data = shown[name], None
    typed.version.data, typed.version.raw_data = str(error.current_version), None
    return [
        Clash(
            PARTS[one.field],
            part_in_words(stored, one.field) or "nothing",
            str(one.mine or "nothing"),
        )
        for one in error.differences
    ]
