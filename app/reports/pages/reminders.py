"""Reminders of quarterly reports, for the chair: what is owed and was sent, and the quiet list."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField

from app.accounts.services.people import find_user, reporters
from app.core.rules.access import Role
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import Choice, one_line, required
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.registry.services.registry import all_sites
from app.registry.services.sites import site_of_key
from app.reports.models.reminders import ReportQuiet
from app.reports.pages.reports import SIGNS, due_days, last_day
from app.reports.rules.reminders import AFTER, BEFORE, step_in_words
from app.reports.services.reminder_exemptions import end_quiet, mute_reminders, quiet_list
from app.reports.services.reminders import owing, remind_now, reminders_sent, require_chair

blueprint = Blueprint("report_reminders", __name__, url_prefix="/reports")
LOOKED_BACK: Final = 4
"""Quarters that have ended and of which outstanding reports are shown."""
_SITE, _PERSON = "site ", "person "


class QuietForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Leave a site or a person in peace."""

    who = Choice(_("Site or person"))
    reason = StringField(
        _("Reason"),
        required(_("Reason")),
        filters=[one_line],
        description=_("Visible to operators and admins."),
    )


class RemindForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Remind a site of a quarter by hand."""

    site = HiddenField()
    quarter = HiddenField()


@blueprint.before_request
def _chair_only() -> None:
    require_chair(acting(), _("see report reminders"))


@blueprint.get("/reminders")
def page() -> str:
    """What is owed with the next reminder of each, and what was sent."""
    before = request.args.get("before", "")
    known = before.isascii() and before.isdigit() and len(before) < 10
    return _page(int(before) if known else None)


@blueprint.post("/reminders")
def remind() -> Response:
    """Remind one site of one quarter now."""
    session, form = db.session(), RemindForm()
    quarter = Quarter.parse(form.quarter.data or "", "quarter")
    key = checked_text("site", form.site.data or "", SHORT_TEXT_LIMIT, label=_("Site"))
    with writing_once(session):
        site = site_of_key(session, key)
        sent = remind_now(session, writer(), site, quarter, due_days())
        name = sent.site.key
    return go_to(
        url_for("report_reminders.page"),
        _("Reminder queued for %(name)s, %(quarter)s.", name=name, quarter=quarter),
    )


@blueprint.get("/quiet")
def quiet() -> Response:
    """Who is not reminded."""
    return _quiet_page(_quiet_form())


@blueprint.post("/quiet")
def add_quiet() -> Response:
    """Leave a site or a person in peace."""
    form = _quiet_form()
    if not form.validate():
        return _quiet_page(form, 422)
    session = db.session()
    who = form.who.data or ""
    try:
        with writing_once(session):
            entry = mute_reminders(
                session,
                writer(),
                site=site_of_key(session, who.removeprefix(_SITE))
                if who.startswith(_SITE)
                else None,
                user=find_user(session, who.removeprefix(_PERSON))
                if who.startswith(_PERSON)
                else None,
                reason=form.reason.data or "",
            )
            name = _name(entry)
    except Invalid as error:
        field = form.reason if error.field == "reason" else form.who
        field.errors = [*field.errors, error.message]
        return _quiet_page(form, 422)
    return go_to(url_for("report_reminders.quiet"), _("%(name)s muted.", name=name))


@blueprint.post("/quiet/<int(max=2147483647):number>/end")
def end(number: int) -> Response:
    """Remind a site or a person again."""
    session = db.session()
    with writing_once(session):
        name = end_quiet(session, writer(), number)
    return go_to(url_for("report_reminders.quiet"), _("%(name)s unmuted.", name=name))


def _page(before: int | None) -> str:
    session, moment, days = db.session(), now(), due_days()
    this = Quarter.of(moment)
    sent, older = reminders_sent(session, before)
    return render_template(
        "reports/reminders.html",
        owing=owing(
            session, moment, days, [this.after(-step) for step in range(1, LOOKED_BACK + 1)]
        ),
        sent=sent,
        older=older,
        is_first=before is None,
        signs=SIGNS,
        last_day=last_day,
        due_days=days,
        before=BEFORE,
        after=AFTER,
        step_words=step_in_words,
        yesterday=moment - timedelta(days=1),
        mends_contacts=acting().role is Role.ADMIN,
    )


def _quiet_form() -> QuietForm:
    session = db.session()
    there = quiet_list(session, acting())
    sites = {one.site_id for one in there}
    people = {one.user_id for one in there}
    form = QuietForm()
    form.who.choices = [
        ("", _("Choose")),
        *(
            (f"{_SITE}{site.key}", site.key)
            for site in all_sites(session)
            if site.tier == 1 and site.id not in sites
        ),
        *(
            (f"{_PERSON}{user.name}", _("%(name)s (reporter)", name=user.name))
            for user in reporters(session)
            if user.id not in people
        ),
    ]
    return form


def _quiet_page(form: QuietForm, status: int = 200) -> Response:
    there = quiet_list(db.session(), acting())
    page = render_template("reports/quiet.html", form=form, entries=there, name=_name)
    return make_response(page, status)


def _name(entry: ReportQuiet) -> str:
    if entry.site is not None:
        return entry.site.key
    return entry.user.name if entry.user is not None else ""
