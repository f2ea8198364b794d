"""Attaching files to a report, removing one, and commenting on it."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, request

from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted
from app.core.web.attached_files import chosen_files, problems_of
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.htmx import wants_fragment
from app.core.web.person import acting, writer
from app.reports.pages.attachments import FILE, FILES, blueprint
from app.reports.pages.discussion import Below
from app.reports.pages.form import after, report_page
from app.reports.pages.form_context import PLACE, ReportContext, report_context
from app.reports.pages.form_saving import COMMENT, Typed, saved, tell_of_chosen_files, without
from app.reports.services.attachments import attach_to_report, remove_report_attachment
from app.reports.services.comments import comment_on_report
from app.reports.services.reports import require_see, require_write


@blueprint.post(FILES)
def attach(site: str, quarter: str) -> Response:
    """Attach all files that were sent, or none of them."""
    place, session = report_context(site, quarter), db.session()
    typed = saved(place)
    if not typed.refusal:
        # before the files are looked at
        require_write(writer(), place.site.id, place.report, place.quarter)
    files = chosen_files()
    problems = list(problems_of(files))
    if problems or typed.refusal:
        status = 409 if typed.refusal else 422
        return report_page(
            report_context(site, quarter), typed, status, below=Below(problems=problems)
        )
    with writing_once(session):
        for name, content in files:
            attach_to_report(session, writer(), place.site, place.quarter, name, content)
        leads_to(f"{place.address}#attachments")
    words = counted("%(num)s file attached.", "%(num)s files attached.", len(files))
    return _after(place, typed, "attachments", words)


@blueprint.post(f"{FILE}/remove")
def remove(site: str, quarter: str, number: int) -> Response:
    """Delete a file's content."""
    place, session = _seen(site, quarter), db.session()
    typed = saved(place)
    with writing_once(session):
        remove_report_attachment(session, writer(), report_context(site, quarter).stored, number)
        leads_to(f"{place.address}#attachments")
    return _after(place, typed, "attachments", _("File %(number)s is removed.", number=number))


@blueprint.post(f"{PLACE}/comment")
def comment(site: str, quarter: str) -> Response:
    """Say something about the report."""
    place, session = _seen(site, quarter), db.session()
    text, typed = request.form.get(COMMENT, ""), saved(place)
    try:
        with writing_once(session):
            comment_on_report(session, writer(), report_context(site, quarter).stored, text)
            leads_to(f"{place.address}#comments")
    except Invalid as error:
        typed = replace(typed, words={**typed.words, COMMENT: text})
        below = Below(comment_error=error.message)
        return report_page(report_context(site, quarter), typed, 422, below=below)
    return _after(place, without(typed, COMMENT), "comments", _("Comment sent."))


def _seen(site: str, quarter: str) -> ReportContext:
    """The report that the address names, for those who may see it."""
    place = report_context(site, quarter)
    require_see(acting(), place.site.id, place.report)
    return place


def _after(place: ReportContext, typed: Typed, part: str, words: str) -> Response:
    """The part of the page as it is now; without a script the page."""
    tell_of_chosen_files()
    if wants_fragment():
        return report_page(report_context(place.site.key, str(place.quarter)))
    return after(place, typed, words, part)
