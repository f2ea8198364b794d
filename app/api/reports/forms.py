"""Reports as they are written: the questions, a draft with its numbers, answers, signing, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, current_app, request

from app.api.caller import session
from app.api.freshness import fresh_figures
from app.api.operations import Call, a_file, operation
from app.api.reports.form_schemas import (
    QuestionForms,
    ReopenBody,
    ReportChange,
    ReportCommentBody,
    ReportComments,
    ReportFile,
    ReportFileQuery,
    WrittenReport,
)
from app.api.reports.reports import DUE_DAYS
from app.api.rows_behind import DETECTED, DUTIES, TICKETS, rows_at
from app.core.rules.access import Door
from app.core.rules.addresses import kept_address
from app.core.rules.attached_files import cleaned_name
from app.core.rules.errors import (
    EditConflict,
    Forbidden,
    Invalid,
    InvalidMany,
    NotFound,
    StaleVersion,
)
from app.core.rules.quarters import Quarter
from app.core.rules.scopes import Scope
from app.core.services.security_log import log_event
from app.matching.services.brought_up import WHOLE
from app.registry.models.registry import Site
from app.registry.services.registry import find_site
from app.reports.models.reports import Report, ReportField
from app.reports.rules.event_explanations import OtherWords
from app.reports.rules.form import ANSWER, EVENT, NUMBER, REASON, ReportQuestion
from app.reports.rules.numbers import ReportNumbers
from app.reports.rules.reports import (
    ReportState,
    may_read_fields,
    refusal_to_accept,
    refusal_to_reopen,
    refusal_to_submit,
    refusal_to_write_report,
    report_status,
)
from app.reports.services import reports
from app.reports.services.attachments import (
    attach_to_report,
    attachments_of_report,
    content_of_report_attachment,
    find_report_attachment,
    remove_report_attachment,
)
from app.reports.services.comments import comment_on_report, comments_on_report
from app.reports.services.event_explanations import other_words
from app.reports.services.first_quarter import reports_from
from app.reports.services.forms import (
    all_forms,
    carried_answers,
    content_of,
    form_for,
    is_published,
    uses_of,
)
from app.reports.services.grid import is_asked, require_quarter_of_reports
from app.reports.services.numbers import numbers_of
from app.reports.services.reports import (
    fields_of,
    find_report,
    open_questions,
    require_see,
    save_fields,
)
from app.reports.services.rows import RowList, rows_of_figure

_READ: Final = (Scope.READ, Scope.REPORTS)
_WRITE: Final = (Scope.REPORTS,)
_LISTS: Final = {
    RowList.EVENTS: DETECTED,
    RowList.DUTIES: DUTIES,
    RowList.TICKETS: TICKETS,
}


@dataclass(frozen=True)
class _Place:
    """One site's report of one quarter; ``report`` None = nothing is stored."""

    site: Site
    quarter: Quarter
    report: Report | None

    @property
    def state(self) -> ReportState | None:
        return None if self.report is None else ReportState(self.report.state)

    @property
    def stored(self) -> Report:
        if self.report is None:
            raise NotFound
        return self.report

    @property
    def fields(self) -> Mapping[str, ReportField]:
        return {} if self.report is None else {one.name: one for one in self.report.fields}


def _place(call: Call) -> _Place:
    try:
        quarter = Quarter.parse(call.keys["quarter"])
    except Invalid:
        raise NotFound from None
    require_quarter_of_reports(session(), quarter, call.now)
    site = find_site(session(), call.keys["site"])
    if site is None:
        raise NotFound
    return _Place(site, quarter, find_report(session(), site.id, quarter))


def _of_writers(call: Call) -> _Place:
    """Raise ``Forbidden`` for those who do not see what is in a draft."""
    place = _place(call)
    if not may_read_fields(call.actor, place.site.id):
        reason = refusal_to_write_report(
            call.actor, place.site.id, place.state, place.quarter, call.now
        )
        raise Forbidden(reason or "")
    return place


# ---- the questions ----


def _bytes() -> bytes:
    return request.get_data()


def _brought_up() -> None:
    """What is signed is up to date: before the transaction in which it is signed."""
    fresh_figures(WHOLE)


@operation("GET", "/v1/report-forms", scopes=_READ, answer=QuestionForms)
def list_report_forms(_call: Call) -> Mapping[str, Any]:
    """List the questions of quarterly reports, by version."""
    rows = all_forms(session())
    uses = uses_of(rows)
    return {
        "items": [
            {
                "number": row.number,
                "first_quarter": row.first_quarter,
                "last_quarter": uses[row.number].last if row.number in uses else row.first_quarter,
                "note": row.note,
                "published": row.published_at,
                "questions": [_question(one) for one in content_of(row).asked],
            }
            for row in rows
            if is_published(row)
        ]
    }


def _question(one: ReportQuestion) -> dict[str, Any]:
    return {
        "name": ANSWER + one.key,
        "group": one.group,
        "label": one.label,
        "help": one.help,
        "kind": str(one.kind),
        "required": one.is_required,
        "choices": one.choices,
        "reusable": one.is_carried,
    }


# ---- one report ----


@operation("GET", "/v1/reports/{site}/{quarter}/draft", scopes=_WRITE, answer=WrittenReport)
def get_report_draft(call: Call) -> Mapping[str, Any]:
    """Get a report draft with live numbers."""
    if request.method == "GET":
        fresh_figures()
    return _content(call)


def _content(call: Call) -> Mapping[str, Any]:
    place = _of_writers(call)
    site, quarter, report = place.site, place.quarter, place.report
    form = content_of(form_for(session(), quarter) if report is None else report.form)
    numbers = numbers_of(session(), site, quarter, call.now)
    written = place.fields
    carried = carried_answers(session(), site.id, quarter, form)
    due_days: int = current_app.extensions[DUE_DAYS]
    standing = report_status(
        quarter,
        place.state,
        None if report is None else report.first_submitted_at,
        call.now,
        is_required=is_asked(site, quarter, reports_from(session())),
        due_days=due_days,
    )

    def field(name: str) -> Mapping[str, Any]:
        row = written.get(name)
        if row is None:
            return {"name": name, "value": "", "version": 0, "changed": None, "changed_by": ""}
        return {
            "name": name,
            "value": row.value,
            "version": row.version,
            "changed": row.changed_at,
            "changed_by": row.changed_by,
        }

    return {
        "key": f"{site.key}/{quarter}",
        "site": site.key,
        "quarter": str(quarter),
        "state": str(standing.shown),
        "late": standing.is_late,
        "due": standing.due_at,
        "version": 0 if report is None else report.version,
        "form": form_for(session(), quarter).number if report is None else report.form_number,
        "moves": _moves(call, place),
        "writable": refusal_to_write_report(call.actor, site.id, place.state, quarter, call.now)
        is None,
        "behind": numbers.is_behind,
        "questions": [
            {
                **_question(one),
                "field": field(ANSWER + one.key),
                "offered": None if field(ANSWER + one.key)["value"] else carried.get(one.key),
            }
            for one in form.asked
        ],
        "numbers": [
            {
                **vars(one),
                "rows": _rows(one.key, site, quarter) if one.rows else None,
                "stated": field(NUMBER + one.key),
                "reason": field(REASON + one.key),
            }
            for one in numbers.figures
        ],
        "events": [
            {**vars(one), "explanation": field(f"{EVENT}{one.id}")} for one in numbers.undocumented
        ],
        "other_events": [
            {**vars(one), "explanation": field(one.field)} for one in _others(report, numbers)
        ],
        "open": open_questions(report, form, numbers),
        "attachments": attachments_of_report(session(), call.actor, report),
        "versions": () if report is None else report.versions,
    }


def _others(report: Report | None, numbers: ReportNumbers) -> Sequence[OtherWords]:
    return other_words(session(), fields_of(report), numbers)


def _rows(key: str, site: Site, quarter: Quarter) -> str | None:
    found = rows_of_figure(key, site.key, quarter, is_t0=site.tier == 0)
    if found is None or found[0] not in _LISTS:
        return None
    return rows_at(_LISTS[found[0]], found[1])


def _moves(call: Call, place: _Place) -> list[str]:
    actor, site, state = call.actor, place.site.id, place.state
    refusals = {
        "submit": refusal_to_submit(actor, site, state, place.quarter, call.now),
        "reopen": refusal_to_reopen(actor, site, state),
        "accept": refusal_to_accept(actor, state),
    }
    return [move for move, refusal in refusals.items() if refusal is None]


@operation(
    "PATCH",
    "/v1/reports/{site}/{quarter}/draft",
    scopes=_WRITE,
    body=ReportChange,
    answer=WrittenReport,
    of=get_report_draft,
)
def save_report(call: Call) -> Mapping[str, Any]:
    """Save the answers of a report draft.

    All answers, or none.
    """
    place = _of_writers(call)
    seen = {name: one.version for name, one in place.fields.items()}
    values = {
        name: (sent["value"], sent.get("version", seen.get(name, 0)))
        for name, sent in call.body["fields"].items()
    }
    done = save_fields(session(), call.writer, place.site, place.quarter, values)
    if done.problems:
        raise InvalidMany({f"fields.{name}": why for name, why in done.problems.items()})
    if done.conflicts:
        raise StaleVersion(done.report_version)
    return _content(call)


@operation(
    "POST",
    "/v1/reports/{site}/{quarter}/submit",
    scopes=_WRITE,
    reads=_brought_up,
    answer=WrittenReport,
    of=get_report_draft,
)
def submit_report(call: Call) -> Mapping[str, Any]:
    """Sign and submit a report.

    The report as it was read, with the numbers that were read.
    """
    if "If-Match" not in request.headers:
        raise Invalid(
            "If-Match", "Signing takes the ETag of getReportDraft: what is signed was read before"
        )
    place = _of_writers(call)
    numbers = numbers_of(session(), place.site, place.quarter, call.now)
    version = 0 if place.report is None else place.report.version
    try:
        reports.submit_report(session(), call.writer, place.site, place.quarter, numbers, version)
    except EditConflict as error:
        raise StaleVersion(error.current_version) from error
    return _content(call)


@operation(
    "POST",
    "/v1/reports/{site}/{quarter}/reopen",
    scopes=_WRITE,
    body=ReopenBody,
    answer=WrittenReport,
    of=get_report_draft,
)
def reopen_report(call: Call) -> Mapping[str, Any]:
    """Reopen a report.

    The signed version is not changed.
    """
    place = _of_writers(call)
    reports.reopen_report(session(), call.writer, place.stored, call.body["reason"])
    return _content(call)


@operation(
    "POST",
    "/v1/reports/{site}/{quarter}/accept",
    scopes=_WRITE,
    answer=WrittenReport,
    of=get_report_draft,
)
def accept_report(call: Call) -> Mapping[str, Any]:
    """Accept a submitted report."""
    place = _of_writers(call)
    try:
        reports.accept_report(session(), call.writer, place.stored, call.version)
    except EditConflict as error:
        raise StaleVersion(error.current_version) from error
    return _content(call)


# ---- comments and files ----


@operation("GET", "/v1/reports/{site}/{quarter}/comments", scopes=_WRITE, answer=ReportComments)
def list_report_comments(call: Call) -> Mapping[str, Any]:
    """List the comments on a report."""
    return {"items": comments_on_report(call.actor, _of_writers(call).report)}


@operation(
    "POST",
    "/v1/reports/{site}/{quarter}/comments",
    scopes=_WRITE,
    body=ReportCommentBody,
    answer=ReportComments,
)
def comment_report(call: Call) -> Mapping[str, Any]:
    """Comment on a report."""
    place = _of_writers(call)
    comment_on_report(session(), call.writer, place.stored, call.body["text"])
    return {"items": comments_on_report(call.actor, place.stored)}


@operation(
    "POST",
    "/v1/reports/{site}/{quarter}/attachments",
    scopes=_WRITE,
    query=ReportFileQuery,
    takes=a_file,
    reads=_bytes,
    media=("application/octet-stream",),
    answer=ReportFile,
    location=lambda made: f"/v1/reports/{made['key']}/attachments/{made['number']}",
)
def attach_report_file(call: Call) -> Mapping[str, Any]:
    """Add a file to a report."""
    place = _of_writers(call)
    name = call.query["name"]
    made = attach_to_report(session(), call.writer, place.site, place.quarter, name, call.body)
    return {**_file(made), "key": f"{place.site.key}/{place.quarter}"}


@operation(
    "GET",
    "/v1/reports/{site}/{quarter}/attachments/{file}",
    scopes=_READ,
    gives=("application/octet-stream",),
)
def get_report_file(call: Call) -> Response:
    """Download an attachment of a report.

    To be saved, and never to be shown as a page.
    """
    place = _place(call)
    require_see(call.actor, place.site.id, place.report)
    found = find_report_attachment(session(), call.actor, place.report, call.number("file"))
    log_event(
        "download",
        door=Door.API,
        account=call.actor.account,
        remote=kept_address(request.remote_addr),
        kind="report attachment",
        thing=f"{place.site.key}/{place.quarter}/{found.number}",
    )
    answer = Response(
        content_of_report_attachment(session(), found), content_type="application/octet-stream"
    )
    answer.headers.set("Content-Disposition", "attachment", filename=cleaned_name(found.name))
    return answer


@operation("DELETE", "/v1/reports/{site}/{quarter}/attachments/{file}", scopes=_WRITE)
def remove_report_file(call: Call) -> Mapping[str, Any]:
    """Remove an attachment of a report."""
    place = _of_writers(call)
    remove_report_attachment(session(), call.writer, place.stored, call.number("file"))
    return {}


def _file(row: Any) -> dict[str, Any]:
    names = ("number", "name", "size", "first_version", "created_at", "author")
    return {name: getattr(row, name) for name in names}
