"""Verbs on drafts of a report's questions: make one, change it, put it in use, take it back.

Only admins may. A form in use never changes: a draft is a copy, and a form that no report has used
becomes a draft again when it is taken out of use. Each verb writes one change of the form. Those
that do not merge take the version that the admin saw, and raise ``EditConflict`` for an older one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Difference, EditConflict, Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change, take_number
from app.reports.models.reports import Report, ReportForm, ReportVersion
from app.reports.rules.form import Form, ReportQuestion
from app.reports.rules.questions import (
    PARTS,
    checked_first_quarter,
    checked_question,
    checked_to_publish,
    group_moved,
    key_for,
    moved,
    part_in_words,
    stated_question,
    with_question,
    without_question,
)
from app.reports.services.forms import all_forms, content_of, form_of_number, is_published

REPORT_FORM: Final = "report form"
"""The kind of thing in the change log; its key is the form's number."""
_MANAGE: Final = _("change the questions of quarterly reports")
_NOTE_LIMIT: Final = 1000


def require_manage(by: Writer) -> None:
    """Raise ``Forbidden`` unless this account may change the questions."""
    require_admin(by.actor, _MANAGE)


def make_draft(session: Session, by: Writer) -> ReportForm:
    """A draft with the questions of the form that was published last."""
    require_manage(by)
    take_number(session, REPORT_FORM, 0)  # the lock alone: no two drafts get one number
    newest = newest_published(session)
    known = session.scalar(select(func.max(ReportForm.number))) or 0
    logged = session.scalar(select(func.max(Change.thing_id)).where(Change.kind == REPORT_FORM))
    made = ReportForm(
        number=max(known, logged or 0) + 1,  # that of a deleted draft stays its own in the log
        content=newest.content,
        author=by.shown_author,
        created_at=by.now,
    )
    session.add(made)
    session.flush()
    _record(session, by, made, [FieldChange("copy_of", None, f"form {newest.number}")])
    return made


def add_question(
    session: Session, by: Writer, number: int, stated: Mapping[str, Any]
) -> tuple[ReportForm, ReportQuestion]:
    """Add a question to a draft, behind the others of its group. Raises ``InvalidMany``."""
    row, form = _draft(session, by, number)
    taken = {one.key for other in all_forms(session) for one in content_of(other).questions}
    asked = stated_question(key_for(str(stated["label"]), taken), stated)
    asked = checked_question(form, asked, is_used=False)
    return _store(session, by, row, with_question(form, asked)), asked


def change_question(
    session: Session, by: Writer, number: int, key: str, stated: Mapping[str, Any], seen: int
) -> tuple[ReportForm, ReportQuestion]:
    """Reword a question of a draft.

    What somebody else changed since version ``seen`` stays unless it is stated differently; where
    both changed a part, ``EditConflict`` names it, and nothing is stored.
    """
    row, form = _draft(session, by, number)
    before = _question_of(form, key)
    asked = replace(stated_question(key, stated), is_retired=before.is_retired)
    asked = _merged(session, row, before, asked, seen)
    asked = checked_question(form, asked, is_used=key in used_keys(session))
    return _store(session, by, row, with_question(form, asked)), asked


def move_question(
    session: Session, by: Writer, number: int, key: str, steps: int, seen: int
) -> ReportForm:
    """Move a question of a draft one place up (-1) or down (1) within its group."""
    row, form = _draft(session, by, number, seen)
    _question_of(form, key)
    return _store(session, by, row, moved(form, key, steps))


def move_group(
    session: Session, by: Writer, number: int, key: str, steps: int, seen: int
) -> ReportForm:
    """Move the group of a draft's question one place up (-1) or down (1)."""
    row, form = _draft(session, by, number, seen)
    _question_of(form, key)
    return _store(session, by, row, group_moved(form, key, steps))


def retire_question(
    session: Session, by: Writer, number: int, key: str, seen: int, *, retired: bool = True
) -> ReportForm:
    """Retire a question of a draft, or restore it."""
    row, form = _draft(session, by, number, seen)
    asked = replace(_question_of(form, key), is_retired=retired)
    checked = checked_question(form, asked, is_used=True)
    return _store(session, by, row, with_question(form, checked))


def remove_question(session: Session, by: Writer, number: int, key: str, seen: int) -> ReportForm:
    """Remove a question from a draft; only one that no form in use has had."""
    row, form = _draft(session, by, number, seen)
    _question_of(form, key)
    if key in used_keys(session):
        raise Invalid(
            "questions",
            _("A published form has this question. Retire it instead: past answers stay readable"),
        )
    return _store(session, by, row, without_question(form, key))


def publish(
    session: Session, by: Writer, number: int, first_quarter: str, note: str, seen: int
) -> ReportForm:
    """Put a draft in use for reports of a quarter and later ones that are started from now on.

    Drafts of reports keep the form with which they were started. Raises ``Invalid`` (first_quarter,
    note, questions).
    """
    take_number(session, REPORT_FORM, 0)  # two forms are published one after the other
    row, form = _draft(session, by, number, seen)
    checked_to_publish(form)
    newest = newest_published(session)
    assert newest.first_quarter is not None
    quarter = checked_first_quarter(
        first_quarter,
        Quarter.of(by.now),
        newest_signed(session),
        (newest.number, Quarter.parse(newest.first_quarter)),
    )
    note = checked_text("note", note.strip(), _NOTE_LIMIT, label=_("Reason"))
    if not note:
        raise Invalid("note", _("Reason is required. It is shown with the form"))
    fields = [
        FieldChange("first_quarter", None, str(quarter)),
        FieldChange("note", row.note or None, note),
    ]
    row.first_quarter, row.note, row.published_at = str(quarter), note, by.now
    row.version += 1
    _record(session, by, row, fields)
    return row


def take_out_of_use(session: Session, by: Writer, number: int, seen: int) -> ReportForm:
    """Make a published form a draft again; only while no report was started with it."""
    require_manage(by)
    row = _locked(session, number, seen)
    if not is_published(row):
        raise MoveNotAllowed(_("Form %(number)s is a draft, not published", number=number))
    if is_first(session, row):
        raise MoveNotAllowed(
            _("The first form cannot be unpublished: reports would have no questions")
        )
    if reports_with(session, number):
        raise MoveNotAllowed(
            _(
                "Reports were started with form %(number)s; publish another form instead",
                number=number,
            )
        )
    fields = [FieldChange("first_quarter", row.first_quarter, None)]
    row.first_quarter = row.published_at = None
    row.version += 1
    _record(session, by, row, fields)
    return row


def discard_draft(session: Session, by: Writer, number: int, seen: int) -> None:
    """Delete a draft; the change log keeps its questions."""
    row, form = _draft(session, by, number, seen)
    row.version += 1
    _record(session, by, row, [FieldChange("discarded", form.as_text(), None)])
    session.delete(row)
    session.flush()


def newest_published(session: Session) -> ReportForm:
    """The form that was published last; drafts are copies."""
    return session.scalars(
        select(ReportForm)
        .where(ReportForm.published_at.is_not(None))
        .order_by(ReportForm.published_at.desc(), ReportForm.number.desc())
        .limit(1)
    ).one()


def newest_signed(session: Session) -> Quarter | None:
    """The newest quarter of which a report was ever signed."""
    found = session.scalar(select(func.max(Report.quarter)).join(ReportVersion))
    return None if found is None else Quarter.parse(found)


def is_first(session: Session, row: ReportForm) -> bool:
    """Whether reports of the first quarters would have no form without this one."""
    first = session.scalars(
        select(ReportForm.number)
        .where(ReportForm.published_at.is_not(None))
        .order_by(ReportForm.first_quarter, ReportForm.published_at)
        .limit(1)
    ).one()
    return first == row.number


def reports_with(session: Session, number: int) -> int:
    """How many reports were started, or signed once, with a form."""
    signed = select(ReportVersion.report_id).where(ReportVersion.form_number == number)
    return (
        session.scalar(
            select(func.count())
            .select_from(Report)
            .where(or_(Report.form_number == number, Report.id.in_(signed)))
        )
        or 0
    )


def used_keys(session: Session) -> set[str]:
    """The keys of all questions that forms in use have or had."""
    return {
        one.key
        for row in all_forms(session)
        if is_published(row)
        for one in content_of(row).questions
    }


def _locked(session: Session, number: int, seen: int | None) -> ReportForm:
    form_of_number(session, number)
    row = session.scalars(
        select(ReportForm)
        .where(ReportForm.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise NotFound(_("Form not found"))
    if seen is not None and row.version != seen:
        raise EditConflict(row.version, (), "draft")
    return row


def _draft(
    session: Session, by: Writer, number: int, seen: int | None = None
) -> tuple[ReportForm, Form]:
    require_manage(by)
    row = _locked(session, number, seen)
    if is_published(row):
        raise MoveNotAllowed(
            _(
                "Form %(number)s is in use from %(first_quarter)s and cannot be changed; "
                "create a draft",
                number=number,
                first_quarter=row.first_quarter,
            )
        )
    return row, content_of(row)


def _question_of(form: Form, key: str) -> ReportQuestion:
    found = form.question(key)
    if found is None:
        raise NotFound(_("Question not found"))
    return found


def _merged(
    session: Session, row: ReportForm, before: ReportQuestion, asked: ReportQuestion, seen: int
) -> ReportQuestion:
    """What is stated, with what only somebody else changed since ``seen``."""
    rows = session.execute(
        select(ChangedField.field, ChangedField.old)
        .join(Change)
        .where(Change.kind == REPORT_FORM, Change.thing_id == row.number, Change.version > seen)
        .order_by(Change.version.desc())
    )
    base = {item.field: item.old or "" for item in rows}  # the oldest stays
    kept: dict[str, Any] = {}
    conflicts = []
    for name in PARTS:
        field = f"{before.key}.{name}"
        mine, theirs = part_in_words(asked, name), part_in_words(before, name)
        if field not in base or mine == theirs:
            continue
        if mine == base[field]:
            kept[name] = getattr(before, name)
        else:
            conflicts.append(Difference(name, base[field], theirs, mine))
    if conflicts:
        raise EditConflict(row.version, tuple(conflicts), "question")
    return replace(asked, **kept)


def _store(session: Session, by: Writer, row: ReportForm, form: Form) -> ReportForm:
    fields = _differing(content_of(row), form)
    if fields:
        row.content = form.as_text()
        row.version += 1
        _record(session, by, row, fields)
    return row


def _differing(before: Form, after: Form) -> Sequence[FieldChange]:
    old = {one.key: one for one in before.questions}
    new = {one.key: one for one in after.questions}
    fields = [
        FieldChange(f"{key}.{name}", was, now)
        for key in dict.fromkeys([*old, *new])
        for name in PARTS
        if (was := _part(old, key, name)) != (now := _part(new, key, name))
    ]
    were, are = [one.key for one in before.asked], [one.key for one in after.asked]
    if [key for key in were if key in are] != [key for key in are if key in were]:
        fields.append(FieldChange("order", ", ".join(were), ", ".join(are)))
    return fields


def _part(questions: Mapping[str, ReportQuestion], key: str, name: str) -> str | None:
    found = questions.get(key)
    return None if found is None else part_in_words(found, name)


def _record(session: Session, by: Writer, row: ReportForm, fields: Sequence[FieldChange]) -> None:
    record_change(
        session,
        by,
        kind=REPORT_FORM,
        thing_id=row.number,
        version=row.version,
        fields=[one for one in fields if one.old != one.new],
    )
