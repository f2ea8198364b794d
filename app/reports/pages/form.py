"""The page of one site's report of one quarter: where it is written, signed and read.

Without a script its one form is saved by a button, whichever button that is: what was typed is
stored before anything else is done (``reports_form_saving``). With a script each field saves itself
(``reports_form_autosave``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from flask import Response, flash, make_response, render_template, request

from app.core.rules.access import refusal_to_create
from app.core.rules.errors import EditConflict, Invalid, InvalidMany, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.evidence.services.downtimes import downtimes_beside
from app.matching.services.by_hand import link_by_hand
from app.reports.pages.discussion import Below, below_report
from app.reports.pages.form_context import (
    PLACE,
    ReportContext,
    blueprint,
    report_context,
    sent_version,
)
from app.reports.pages.form_fields import (
    Fields,
    FieldView,
    fields_of,
    with_carried_words,
    with_notice,
    with_rows,
)
from app.reports.pages.form_saving import (
    COMMENT,
    REASON_TO_REOPEN,
    Typed,
    Unstored,
    saved,
    tell_of_chosen_files,
    typed_beside,
    without,
)
from app.reports.pages.form_versions import signed_view
from app.reports.pages.reports import SIGNS, due_days
from app.reports.rules.event_explanations import carried_words
from app.reports.rules.numbers import ReportNumbers
from app.reports.rules.reports import (
    ReportStatus,
    refusal_to_accept,
    refusal_to_reopen,
    refusal_to_submit,
    refusal_to_write_report,
    report_status,
)
from app.reports.services import reports as verbs
from app.reports.services.event_explanations import other_words
from app.reports.services.first_quarter import reports_from
from app.reports.services.forms import carried_answers
from app.reports.services.grid import is_asked

_LINK_REASON: Final = _("Linked from the site's quarterly report")
_UNSENT: Final = _("The comment is not sent yet: send or clear it, then submit")
_UNLINKED: Final = _("This ticket is not linked yet: link it or clear the field, then submit")


@blueprint.get(PLACE)
def page(site: str, quarter: str) -> Response:
    """The form for those who write, the signed report for everybody."""
    place = report_context(site, quarter)
    if site != place.site.key:
        return go_to(place.address)
    return report_page(place)


@blueprint.post(PLACE)
def save(site: str, quarter: str) -> Response:
    """Save all fields, then do what the button says (``do``)."""
    place = report_context(site, quarter)
    what, _dot, about = request.form.get("do", "save").partition(".")
    typed = saved(place, what, about, is_asked=True)
    tell_of_chosen_files()
    if not typed.is_done:
        return report_page(report_context(site, quarter), typed)
    if what == "submit":
        return _asked_to_sign(report_context(site, quarter), typed=typed)
    if what == "link":
        return _linked(place, about, typed)
    return after(place, typed, _("Draft saved."))


def after(place: ReportContext, typed: Typed, words: str, part: str = "") -> Response:
    """Something is done: the page again, at one of its parts. Where not all that came with it could
    be stored, or sent, the page is answered with the rest in it: nothing typed is lost."""
    flash(words, "ok")
    if typed.is_done and not typed.words:
        return go_to(place.address + (f"#{part}" if part else ""))
    return report_page(report_context(place.site.key, str(place.quarter)), typed)


def _linked(place: ReportContext, event: str, typed: Typed) -> Response:
    """A ticket documents an event of the report, the site says."""
    session = db.session()
    if not (event.isascii() and event.isdigit() and len(event) < 10):
        raise NotFound(_("Event not found"))
    ticket = request.form.get(f"ticket.{event}", "").strip().removeprefix("#")
    reason = request.form.get(f"why.{event}", "").strip() or _LINK_REASON
    try:
        if not (ticket.isascii() and ticket.isdigit() and len(ticket) <= 12):
            raise Invalid("ticket", _("Enter a ticket number"))
        with writing_once(session):
            link_by_hand(session, writer(), int(event), int(ticket), reason)
    except Invalid as error:
        return report_page(place, replace(typed, errors={f"link.{event}": error.message}))
    typed = without(typed, f"link.{event}", f"why.{event}")
    return after(
        place, typed, _("Ticket %(ticket)s linked to event %(event)s.", ticket=ticket, event=event)
    )


def _asked_to_sign(
    place: ReportContext, status: int = 200, *, typed: Typed | None = None
) -> Response:
    """What is still open, or the page that asks to sign."""
    typed = typed or Typed()
    reason = refusal_to_submit(acting(), place.site.id, place.state, place.quarter, now())
    if reason is not None:
        return report_page(place, replace(typed, errors={"submit": reason}), 409)
    numbers = place.numbers()
    fields, report = form_fields(place, numbers), place.report
    still_open = verbs.open_questions(report, place.form, numbers)
    if still_open:
        order = {one.name: at for at, one in enumerate(fields)}
        still_open = sorted(still_open, key=lambda one: order.get(one.name, len(order)))
        return report_page(place, replace(typed, still_open=still_open), 422)
    unsent = {
        name: _UNSENT if name == COMMENT else _UNLINKED
        for name in typed.words
        if name == COMMENT or name.startswith("link.")
    }
    if unsent:
        return report_page(place, replace(typed, errors=unsent))
    page = render_template(
        "reports/report_sign.html",
        place=place,
        fields=fields,
        numbers=numbers,
        version=0 if report is None else report.version,
        number=1 if report is None else len(report.versions) + 1,
    )
    return make_response(page, status)


@blueprint.post(f"{PLACE}/submit")
def submit(site: str, quarter: str) -> Response:
    """Sign the report as it was shown, with the numbers that were shown."""
    place, session = report_context(site, quarter), db.session()
    numbers, seen = place.numbers(), sent_version("version")
    refusal = refusal_to_submit(acting(), place.site.id, place.state, place.quarter, now())
    if refusal is None and request.form.get("numbers", "") != numbers.read_as:
        flash(_("The numbers have changed: review them before you sign."), "waiting")
        return _asked_to_sign(place, 409)
    try:
        with writing_once(session):
            signed = verbs.submit_report(
                session, writer(), place.site, place.quarter, numbers, seen
            )
            number = signed.number
    except (EditConflict, InvalidMany) as error:
        if isinstance(error, EditConflict):
            flash(_("The report has changed: review it before you sign."), "waiting")
        return _asked_to_sign(report_context(site, quarter), 409)
    return go_to(
        place.address, _("Version %(number)s of the report signed and submitted.", number=number)
    )


@blueprint.post(f"{PLACE}/reopen")
def reopen(site: str, quarter: str) -> Response:
    """Reopen the report for changes; the signed version stays."""
    place, session = report_context(site, quarter), db.session()
    reason = request.form.get(REASON_TO_REOPEN, "").replace("\r\n", "\n").strip()
    typed = Typed(words=typed_beside())
    try:
        with writing_once(session):
            verbs.reopen_report(session, writer(), place.stored, reason)
    except Invalid as error:
        typed = replace(typed, errors={REASON_TO_REOPEN: error.message})
        return report_page(report_context(site, quarter), typed)
    except MoveNotAllowed as error:
        unstored = [Unstored(_("Reason for reopening"), reason)] if reason else []
        typed = replace(typed, refusal=error.message, unstored=unstored)
        return report_page(report_context(site, quarter), typed)
    return after(place, without(typed, REASON_TO_REOPEN), _("Report reopened."))


@blueprint.post(f"{PLACE}/accept")
def accept(site: str, quarter: str) -> Response:
    """The chair has read it, and takes it."""
    place, session = report_context(site, quarter), db.session()
    try:
        with writing_once(session):
            verbs.accept_report(session, writer(), place.stored, sent_version("version"))
    except EditConflict:
        flash(_("The report has been signed again: review it before you accept it."), "waiting")
        return report_page(report_context(site, quarter), Typed(words=typed_beside()), 409)
    except MoveNotAllowed as error:
        typed = Typed(words=typed_beside(), refusal=error.message)
        return report_page(report_context(site, quarter), typed)
    return after(place, Typed(words=typed_beside()), _("Report accepted."))


# ---- the page ----


def may_write(place: ReportContext) -> bool:
    """Whether this person may write in the report now."""
    return _refusal_to_write(place) is None


def _refusal_to_write(place: ReportContext) -> str | None:
    return refusal_to_write_report(acting(), place.site.id, place.state, place.quarter, now())


def report_page(
    place: ReportContext, typed: Typed | None = None, status: int = 0, *, below: Below | None = None
) -> Response:
    """The form where this person may write now, else what was signed last. A draft of others looks
    like a report that nobody began, as it does in the grid. ``status`` 0 = as what was typed asks
    for."""
    actor, typed = acting(), typed or Typed()
    below = replace(below or Below(), comment=typed.words.get(COMMENT, ""))
    if not verbs.sees(actor, place.site.id, place.report):
        place = replace(place, report=None)
    writes = may_write(place)
    versions = () if place.report is None else place.report.versions
    numbers = place.numbers() if writes or versions else None
    fields = signed = None
    if writes and numbers is not None:
        fields = marked(form_fields(place, numbers), typed)
    elif versions and numbers is not None:
        signed = signed_view(place, versions[-1], numbers)
    page = render_template(
        "reports/report.html",
        place=place,
        report=place.report,
        standing=standing(place),
        downtimes=downtimes_beside(
            db.session(),
            [place.site.id],
            place.quarter.begin,
            place.quarter.end - timedelta(microseconds=1),
        ),
        signs=SIGNS,
        fields=fields,
        numbers=numbers,
        signed=signed,
        versions=versions,
        typed=typed,
        refusal=_refusal_to_write(place),
        refusal_to_submit=refusal_to_submit(
            actor, place.site.id, place.state, place.quarter, now()
        ),
        may_reopen=refusal_to_reopen(actor, place.site.id, place.state) is None,
        may_accept=refusal_to_accept(actor, place.state) is None,
        may_open_ticket=refusal_to_create(actor) is None,
        since=int(now().timestamp()),
        **below_report(place, below, signed.version.number if signed else 0),
    )
    return make_response(page, status or typed.status)


def standing(place: ReportContext) -> ReportStatus:
    """The state of the report, as the grid shows it."""
    return report_status(
        place.quarter,
        place.state,
        None if place.report is None else place.report.first_submitted_at,
        now(),
        is_required=is_asked(place.site, place.quarter, reports_from(db.session())),
        due_days=due_days(),
    )


def form_fields(place: ReportContext, numbers: ReportNumbers) -> Fields:
    """All fields as they are stored, with what earlier quarters offer."""
    carried = carried_answers(db.session(), place.site.id, place.quarter, place.form)
    rows = {one.name: one for one in place.fields}
    others = other_words(db.session(), verbs.fields_of(place.report), numbers)
    fields = fields_of(place.form, numbers, place.rows_behind(numbers), carried, others)
    along = carried_words(others, rows, {one.id for one in numbers.undocumented})
    shown = with_carried_words(with_rows(fields, rows), along)
    return shown.changed(lambda one: with_notice(one, place.quarter))


def marked(fields: Fields, typed: Typed) -> Fields:
    """With what was typed and could not be stored, what is wrong with it, and what is open."""
    wanting = {one.name: one.why for one in typed.still_open}
    first = next((one.name for one in fields if one.name in wanting), "")

    def mark(one: FieldView) -> FieldView:
        sent = typed.fields.get(one.name)
        if sent is not None:
            one = replace(one, value=sent.value, version=sent.version, was=sent.was)
        return replace(
            one,
            error=typed.errors.get(one.name, wanting.get(one.name, "")),
            theirs=typed.theirs.get(one.name),
            is_first_open=one.name == first,
        )

    return fields.changed(mark)
