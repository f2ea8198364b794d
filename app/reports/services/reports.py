"""Verbs on quarterly reports: save fields of a draft, submit, reopen, accept.

A field is saved against the version that its writer saw: two people of a site never overwrite each
other unseen. What is signed is frozen with the numbers that are given; reopening keeps it. Each
verb locks the report's row first, and writes one change of the report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from sqlalchemy import Table, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.core.database.upsert import upsert
from app.core.rules.access import Actor, Writer
from app.core.rules.errors import (
    EditConflict,
    FieldConflict,
    Forbidden,
    Invalid,
    InvalidMany,
    MoveNotAllowed,
    NotFound,
)
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.matching.models.matching import DetectedEvent
from app.registry.models.registry import Link, Site
from app.reports.models.reports import Report, ReportField, ReportVersion
from app.reports.rules.form import (
    ANSWER,
    ANSWER_LIMIT,
    EVENT,
    NUMBER,
    REASON,
    Form,
    checked_field,
    contradictions,
    why_it_cannot_be,
)
from app.reports.rules.numbers import ReportNumbers
from app.reports.rules.reports import (
    REPORT,
    ReportState,
    is_chair,
    may_read_fields,
    refusal_to_accept,
    refusal_to_reopen,
    refusal_to_submit,
    refusal_to_write_report,
    sees_report,
)
from app.reports.services.event_explanations import moved_words
from app.reports.services.forms import form_for, form_to_begin
from app.reports.services.mails import mail_report_news
from app.reports.services.numbers import FIGURE_KEYS

MAX_FIELDS: Final = 1000
"""Fields of one report: far more than there are questions, figures and events."""
CHANGE_REASON: Final = "why"
"""The field of a change that holds its reason, as the audit shows it."""
_NO_WORD: Final = _("Explain this event, or link a ticket to it")
_MAX_KEY: Final = 2**31 - 1
_reports = cast(Table, Report.__table__)
_BEGIN: Final = upsert(_reports).on_conflict_do_nothing(index_elements=["quarter", "site_id"])


@dataclass(frozen=True)
class Saved:
    """A field as it is after a save. ``version`` 0 = there was nothing to save: an empty value
    of a field that nobody wrote in yet."""

    version: int
    changed_at: datetime
    changed_by: str
    value: str
    report_version: int
    """That of the whole report; 0 = not started."""


@dataclass(frozen=True)
class SavedMany:
    """What happened to several fields, each by its name in exactly one of the three."""

    saved: Mapping[str, Saved]
    conflicts: Mapping[str, FieldConflict]
    problems: Mapping[str, str]
    """Why a value is not allowed."""
    report_version: int


@dataclass(frozen=True)
class OpenQuestion:
    """What is still to be written before a report can be submitted. ``name`` is the field's."""

    name: str
    label: str
    why: str


# ---- reading ----


def find_report(session: Session, site_id: int, quarter: Quarter) -> Report | None:
    """The report of a site about a quarter, None while nobody has written in it.

    The code that shows it asks ``app.reports.rules.reports`` what the reader may see.
    """
    return session.scalars(
        select(Report).where(Report.site_id == site_id, Report.quarter == str(quarter))
    ).first()


def require_see(actor: Actor, site_id: int, report: Report | None) -> None:
    """Raise ``NotFound`` where this account may not know what is written: a report that is not
    started, or was never submitted, of a site that is not its own."""
    if not sees(actor, site_id, report):
        raise NotFound


def sees(actor: Actor, site_id: int, report: Report | None) -> bool:
    """Whether this account may know what is written."""
    return sees_report(actor, site_id, was_submitted=_was_submitted(report))


def require_write(by: Writer, site_id: int, report: Report | None, quarter: Quarter) -> None:
    """Raise ``NotFound`` as ``require_see``, ``Forbidden`` where this account never writes, and
    ``MoveNotAllowed`` where the report is not to be written now."""
    require_see(by.actor, site_id, report)
    reason = refusal_to_write_report(by.actor, site_id, _state(report), quarter, by.now)
    if reason is not None:
        raise (MoveNotAllowed if may_read_fields(by.actor, site_id) else Forbidden)(reason)


def fields_of(report: Report | None) -> dict[str, str]:
    """What is written in a report now, by the field's name; emptied fields are left out."""
    if report is None:
        return {}
    return {one.name: one.value for one in report.fields if one.value.strip()}


def form_of(report: Report) -> Form:
    """The questions of the report's own version of the form."""
    return Form.from_text(report.form.content)


def numbers_of_version(version: ReportVersion) -> ReportNumbers:
    """What the portal counted when this was signed."""
    return ReportNumbers.from_text(version.numbers)


def fields_of_version(version: ReportVersion) -> dict[str, str]:
    """What was written when this was signed, by the field's name."""
    return dict(json.loads(version.fields))


def open_questions(
    report: Report | None, form: Form, numbers: ReportNumbers
) -> Sequence[OpenQuestion]:
    """What keeps a report from being submitted, in the order of the form.

    A mandatory question without an answer; an undocumented event without a word about it (with a
    ticket that documents it, it no longer counts); a number that differs from the portal's without
    a reason; a number or a day that cannot be, saved before such were refused.
    """
    fields = fields_of(report)
    today = numbers.counted_at.astimezone(UTC).date()
    labels = {
        **{NUMBER + one.key: one.label for one in numbers.figures},
        **{ANSWER + one.key: one.label for one in form.asked},
    }
    impossible = {
        name: why
        for name in labels
        if (why := why_it_cannot_be(form, name, fields.get(name, ""), today))
    }
    return [
        *(OpenQuestion(name, labels[name], why) for name, why in impossible.items()),
        *(
            OpenQuestion(f"{EVENT}{one.id}", f"{one.link}, {one.start:%Y-%m-%d %H:%M}", _NO_WORD)
            for one in numbers.undocumented
            if f"{EVENT}{one.id}" not in fields
        ),
        *(
            OpenQuestion(
                REASON + one.key,
                one.label,
                _(
                    "Reason required for %(stated)s, because the portal counts %(counted)s",
                    stated=one.stated,
                    counted=one.counted,
                ),
            )
            for one in contradictions(fields, numbers)
            if one.is_open and NUMBER + one.key not in impossible
        ),
        *(
            OpenQuestion(ANSWER + one.key, one.label, _("Answer required"))
            for one in form.asked
            if one.is_required and ANSWER + one.key not in fields
        ),
    ]


# ---- writing ----


def save_field(
    session: Session,
    by: Writer,
    site: Site,
    quarter: Quarter,
    name: str,
    value: str,
    seen_version: int,
) -> Saved:
    """Save one field as a draft; the first one begins the report.

    ``seen_version`` is the field's version that the writer saw, 0 = none. Raises ``FieldConflict``
    if somebody else saved another value since, ``Invalid`` on ``name`` for a value that is not
    allowed, ``NotFound``, ``Forbidden``, and ``MoveNotAllowed`` where the report is not to be
    written now. The same value as is there is no change and no conflict.
    """
    result = save_fields(session, by, site, quarter, {name: (value, seen_version)})
    if name in result.conflicts:
        raise result.conflicts[name]
    if name in result.problems:
        raise Invalid(name, result.problems[name])
    return result.saved[name]


def save_fields(
    session: Session,
    by: Writer,
    site: Site,
    quarter: Quarter,
    values: Mapping[str, tuple[str, int]],
) -> SavedMany:
    """Save several fields at once, by name: value and seen version, as ``save_field``.

    What fits is saved; what somebody else changed meanwhile, or what is not allowed, is left as it
    unchanged and is reported field by field. Raises ``NotFound``, ``Forbidden`` and
    ``MoveNotAllowed``.
    """
    report = _locked(session, site.id, str(quarter))
    require_write(by, site.id, report, quarter)
    form = form_of(report) if report else Form.from_text(form_for(session, quarter).content)
    written = set() if report is None else {one.name for one in report.fields}
    fitting: dict[str, tuple[str, int]] = {}
    problems: dict[str, str] = {}
    for name, (sent, seen) in values.items():
        try:
            known = name in written
            value = _checked(session, site, quarter, form, name, sent, is_known=known)
            why = why_it_cannot_be(form, name, value, by.now.astimezone(UTC).date())
            if why:
                raise Invalid(name, why)
        except Invalid as error:
            problems[name] = error.message
        else:
            fitting[name] = value, seen
    if report is None:
        if not any(value for value, _ in fitting.values()):
            nothing = Saved(0, by.now, by.shown_author, "", 0)
            return SavedMany(dict.fromkeys(fitting, nothing), {}, problems, 0)
        report = report_to_write(session, by, site, quarter)
    return _save(session, by, report, fitting, problems)


def _save(
    session: Session,
    by: Writer,
    report: Report,
    values: Mapping[str, tuple[str, int]],
    problems: dict[str, str],
) -> SavedMany:
    rows = {one.name: one for one in report.fields}
    conflicts: dict[str, FieldConflict] = {}
    changes: list[FieldChange] = []
    for name, (value, seen) in values.items():
        row = rows.get(name)
        old = "" if row is None else row.value
        if old == value:
            continue
        if row is None and len(rows) >= MAX_FIELDS:
            problems[name] = _("A report has at most %(max_fields)s fields", max_fields=MAX_FIELDS)
            continue
        if row is None:
            row = rows[name] = ReportField(name=name, version=0)
            report.fields.append(row)
        elif row.version != seen:
            conflicts[name] = FieldConflict(
                name,
                value=old,
                mine=value,
                version=row.version,
                changed_at=row.changed_at,
                changed_by=row.changed_by,
            )
            continue
        row.value = value
        row.version += 1
        row.changed_at, row.changed_by = by.now, by.shown_author
        changes.append(FieldChange(name, old or None, value or None))
    changes += _words_gone_along(session, by, report)
    if changes:
        change_written(session, by, report, changes)
    nothing = Saved(0, by.now, by.shown_author, "", report.version)
    saved = {
        name: _saved(rows[name], report) if name in rows else nothing
        for name in values
        if name not in conflicts and name not in problems
    }
    return SavedMany(saved, conflicts, problems, report.version)


def submit_report(
    session: Session,
    by: Writer,
    site: Site,
    quarter: Quarter,
    numbers: ReportNumbers,
    seen_version: int,
) -> ReportVersion:
    """Sign the report with name and time, and freeze it with these live numbers.

    ``seen_version`` is the report's version that the signer saw, 0 = not started. Raises
    ``EditConflict`` if it is another by now: nobody signs what they have not read. ``InvalidMany``
    names each field that is still to be written (``open_questions``). Raises also ``NotFound``,
    ``Forbidden`` and ``MoveNotAllowed`` (it is submitted already, or the quarter is not over).
    """
    assert (numbers.site, numbers.quarter) == (site.key, str(quarter)), "numbers of another report"
    report = _locked(session, site.id, str(quarter))
    require_write(by, site.id, report, quarter)
    reason = refusal_to_submit(by.actor, site.id, _state(report), quarter, by.now)
    if reason is not None:
        raise MoveNotAllowed(reason)
    if report is None:
        report = _begun(session, by, site, quarter)
    if report.version != seen_version:
        raise EditConflict(report.version, (), "report")
    went = _words_gone_along(session, by, report)
    if went:
        change_written(session, by, report, went)
    missing = open_questions(report, form_of(report), numbers)
    if missing:
        raise InvalidMany({one.name: f"{one.label}: {one.why}" for one in missing})
    version = ReportVersion(
        number=len(report.versions) + 1,
        form_number=report.form_number,
        numbers=numbers.as_text(),
        fields=json.dumps(fields_of(report), ensure_ascii=False),
        submitted_at=by.now,
        submitted_by=by.shown_author,
    )
    report.versions.append(version)
    report.submitted_at, report.submitted_by = by.now, by.shown_author
    report.first_submitted_at = report.first_submitted_at or by.now
    _move(
        session, by, report, ReportState.SUBMITTED, FieldChange("signed", None, str(version.number))
    )
    return version


def reopen_report(session: Session, by: Writer, report: Report, reason: str) -> Report:
    """Let a submitted report be changed; the signed version stays. A reason is required.

    Raises ``NotFound``, ``Forbidden``, ``MoveNotAllowed``, ``Invalid`` on ``reason``.
    """
    report = locked_report(session, by.actor, report)
    state = ReportState(report.state)
    refusal = refusal_to_reopen(by.actor, report.site_id, state)
    if refusal is not None:
        of_site = may_read_fields(by.actor, report.site_id)
        may_never = not of_site or state is ReportState.ACCEPTED
        raise (Forbidden if may_never else MoveNotAllowed)(refusal)
    reason = checked_text(
        "reason", one_kind_of_line(reason).strip(), ANSWER_LIMIT, label=_("Reason")
    )
    if not reason:
        raise Invalid("reason", _("Reason is required. It is shown with the report"))
    newest = report.versions[-1]
    newest.reopened_at, newest.reopened_by, newest.reopen_reason = by.now, by.shown_author, reason
    report.accepted_at, report.accepted_by = None, ""
    _move(session, by, report, ReportState.REOPENED, FieldChange(CHANGE_REASON, None, reason))
    return report


def accept_report(
    session: Session, by: Writer, report: Report, seen_version: int | None = None
) -> Report:
    """Accept what was submitted; only the chair may.

    ``seen_version`` is the report's version that was read. ``EditConflict`` if it is another now,
    as it was reopened and signed again meanwhile. None = whatever is signed now. Raises
    ``NotFound``, ``Forbidden``, ``MoveNotAllowed``.
    """
    report = locked_report(session, by.actor, report)
    refusal = refusal_to_accept(by.actor, ReportState(report.state))
    if refusal is not None:
        raise (MoveNotAllowed if is_chair(by.actor) else Forbidden)(refusal)
    if seen_version is not None and seen_version != report.version:
        raise EditConflict(report.version, (), "report")
    newest = report.versions[-1]
    newest.accepted_at = report.accepted_at = by.now
    newest.accepted_by = report.accepted_by = by.shown_author
    _move(session, by, report, ReportState.ACCEPTED)
    return report


def locked_report(session: Session, actor: Actor, report: Report) -> Report:
    """The report as it is now, locked until the transaction ends. ``NotFound`` for those who may
    not know of it (``require_see``)."""
    found = _locked(session, report.site_id, report.quarter)
    if found is None:
        raise NotFound
    require_see(actor, found.site_id, found)
    return found


def report_to_write(session: Session, by: Writer, site: Site, quarter: Quarter) -> Report:
    """The report locked, started if it was not: call ``change_written`` then.

    Raises ``NotFound``, ``Forbidden``, and ``MoveNotAllowed`` where it is not to be written now.
    """
    report = _locked(session, site.id, str(quarter))
    require_write(by, site.id, report, quarter)
    if report is None:
        report = _begun(session, by, site, quarter)
        require_write(by, site.id, report, quarter)  # somebody else may have begun it
    return report


def change_written(
    session: Session, by: Writer, report: Report, fields: Sequence[FieldChange]
) -> None:
    """Make a new version of a locked report, with one change in the log."""
    report.version += 1
    report.changed_at, report.changed_by = by.now, by.shown_author
    record_on_report(session, by, report, fields)


def record_on_report(
    session: Session, by: Writer, report: Report, fields: Sequence[FieldChange]
) -> None:
    """Write one change of a report. The log counts a report's changes by itself: a comment is one
    too, and does not make a new version of what is written. Who is notified is defined in the
    same transaction."""
    change_id = record_change(session, by, kind=REPORT, thing_id=report.id, fields=fields)
    mail_report_news(session, by, report, fields, change_id)


def one_kind_of_line(text: str) -> str:
    """The text with its line ends as they are stored: forms send others than scripts."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# ---- parts ----


def _state(report: Report | None) -> ReportState | None:
    return None if report is None else ReportState(report.state)


def _was_submitted(report: Report | None) -> bool:
    return report is not None and report.first_submitted_at is not None


def _locked(session: Session, site_id: int, quarter: str) -> Report | None:
    report = session.scalars(
        select(Report)
        .where(Report.site_id == site_id, Report.quarter == quarter)
        .with_for_update(of=Report)
        .execution_options(populate_existing=True)
    ).first()
    if report is not None:  # what was read before the lock may be older than it
        session.expire(report, ("versions", "comments"))
        set_committed_value(report, "fields", _fields(session, report.id))
    return report


def _fields(session: Session, report_id: int) -> list[ReportField]:
    found = select(ReportField).where(ReportField.report_id == report_id).order_by(ReportField.name)
    return list(session.scalars(found.execution_options(populate_existing=True)))


def _begun(session: Session, by: Writer, site: Site, quarter: Quarter) -> Report:
    """Begin the report, unless somebody else did in this moment; locked."""
    session.connection().execute(
        _BEGIN,
        {
            "site_id": site.id,
            "quarter": str(quarter),
            "state": ReportState.DRAFT.value,
            "form_number": form_to_begin(session, quarter).number,
            "version": 0,
            "created_at": by.now,
            "created_by": by.shown_author,
            "changed_at": by.now,
            "changed_by": by.shown_author,
            "submitted_by": "",
            "accepted_by": "",
        },
    )
    report = _locked(session, site.id, str(quarter))
    assert report is not None
    return report


def _checked(
    session: Session,
    site: Site,
    quarter: Quarter,
    form: Form,
    name: str,
    sent: str,
    *,
    is_known: bool,
) -> str:
    """The value as it is stored. Raises ``Invalid`` for a name or a value that is not allowed.

    An event that vanished keeps what is written of it, which may still be changed.
    """
    value = checked_field(form, name, sent)
    if is_known:
        return value
    prefix, _dot, key = name.partition(".")
    if f"{prefix}." in (NUMBER, REASON) and key not in FIGURE_KEYS:
        raise Invalid(name, _("Unknown number"))
    if not value or not name.startswith(EVENT):
        return value
    if not _is_event_of(session, name, site, quarter):
        raise Invalid(name, _("This site has no such event in the quarter"))
    return value


def _is_event_of(session: Session, name: str, site: Site, quarter: Quarter) -> bool:
    event_id = int(name.removeprefix(EVENT))
    if event_id > _MAX_KEY:
        return False
    at_site = or_(
        *(
            column == site.id
            for column in (
                DetectedEvent.t1_id,
                DetectedEvent.other_t1_id,
                Link.end_a_id,
                Link.end_b_id,
            )
        )
    )
    found = (
        select(DetectedEvent.id)
        .join(Link, Link.id == DetectedEvent.link_id)
        .where(DetectedEvent.id == event_id, DetectedEvent.quarter == str(quarter), at_site)
    )
    return session.scalar(found) is not None


def _words_gone_along(session: Session, by: Writer, report: Report) -> list[FieldChange]:
    """Words about an event that became a part of another one go to that one's field, unless
    somebody wrote there: then they stay where they are, to be seen and decided on."""
    rows = {one.name: one for one in report.fields}
    changes = []
    for name, target in moved_words(session, fields_of(report)).items():
        row, into = rows[name], rows.get(target)
        words = row.value
        if into is None and len(rows) < MAX_FIELDS:
            into = rows[target] = ReportField(name=target, version=1, value=words)
            into.changed_at, into.changed_by = row.changed_at, row.changed_by
            report.fields.append(into)
            changes.append(FieldChange(target, None, words))
        if into is not None and words in into.value:
            row.value, row.version = "", row.version + 1
            row.changed_at, row.changed_by = by.now, by.shown_author
            changes.append(FieldChange(name, words, None))
    return changes


def _saved(row: ReportField, report: Report) -> Saved:
    return Saved(row.version, row.changed_at, row.changed_by, row.value, report.version)


def _move(
    session: Session, by: Writer, report: Report, to: ReportState, *more: FieldChange
) -> None:
    before = report.state
    report.state = to.value
    change_written(session, by, report, [FieldChange("state", before, to.value), *more])
