"""Pages on which administrators keep the calendar of the LHC."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField

from app.calendar.models.lhc import LhcPeriod
from app.calendar.pages.calendar import blueprint
from app.calendar.rules.lhc_calendar import FIELDS, Certainty, PeriodKind
from app.calendar.services.lhc_calendar import (
    add_period,
    change_period,
    period_of_id,
    remove_period,
    stated_of,
)
from app.core.rules.access import require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import Choice, attach, errors_in, lines, one_line, options, required
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer

_KEY = "<int(max=2147483647):number>"
_TIME_HELP = _("CERN local time, as exact as the source: 2013-02-14 07:24, 2013-02-14 or 2013-02")
_STANDING_HELP = _("attested: it happened; planned: it was announced; sample: no source")


class PeriodForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """All fields of a period; what is allowed is checked by the domain."""

    version = HiddenField()
    name = StringField(FIELDS["name"], required(_("Name")), filters=[one_line])
    kind = Choice(
        FIELDS["kind"],
        choices=options(*PeriodKind),
        default=PeriodKind.PHYSICS,
        description=_(
            "The detectors run in physics and ion seasons, except during stops and shutdowns."
        ),
    )
    begin = StringField(
        FIELDS["begin"], required(_("Start")), filters=[one_line], description=_TIME_HELP
    )
    begin_standing = Choice(
        FIELDS["begin_standing"], choices=options(*Certainty), description=_STANDING_HELP
    )
    end = StringField(
        FIELDS["end"],
        filters=[one_line],
        description=_("The end day or month is part of the period. Leave empty while ongoing."),
    )
    end_standing = Choice(FIELDS["end_standing"], choices=options(*Certainty))
    source = StringField(
        FIELDS["source"],
        filters=[one_line],
        description=_("Required, except for a sample."),
    )
    note = TextAreaField(FIELDS["note"], filters=[lines])
    why = StringField(
        _("Reason"), filters=[one_line], description=_("Shown in the calendar's history.")
    )

    def stated(self) -> dict[str, str]:
        """What was stated, as texts."""
        return {name: self[name].data or "" for name in FIELDS}


class RemoveForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why a period is removed."""

    why = StringField(_("Reason"), required(_("Reason")), filters=[one_line])


@blueprint.route("/lhc/new", methods=["GET", "POST"])
def new_period() -> Response:
    """Add a period."""
    _admins_only()
    form = PeriodForm()
    if request.method == "GET":
        return _page(form, None)
    if form.validate():
        session = db.session()
        with errors_in(form), writing_once(session):
            name = add_period(session, writer(), form.stated(), form.why.data or "").name
            leads_to(url_for("calendar.lhc"))
    if form.errors:
        return _page(form, None, status=422)
    return go_to(
        url_for("calendar.lhc"),
        _("%(name)s is added. Required tickets are recalculated.", name=name),
    )


@blueprint.route(f"/lhc/{_KEY}/edit", methods=["GET", "POST"])
def edit_period(number: int) -> Response:
    """Change a period."""
    _admins_only()
    session = db.session()
    row = period_of_id(session, number)
    if request.method == "GET":
        return _page(PeriodForm(data={**stated_of(row).texts(), "version": row.version}), row)
    form = PeriodForm()
    if form.validate():
        try:
            with writing_once(session):
                row = change_period(
                    session,
                    writer(),
                    number,
                    form.stated(),
                    seen_version=_version(form.version.data),
                    why=form.why.data or "",
                )
                name = row.name
                leads_to(url_for("calendar.lhc"))
            return go_to(
                url_for("calendar.lhc"),
                _("%(name)s is saved. Required tickets are recalculated.", name=name),
            )
        except Invalid as error:
            session.rollback()
            row = period_of_id(session, number)
            if error.field == "version":
                form.version.data = str(row.version)
            attach(form, error, renamed={"version": ""})
    return _page(form, row, status=422)


@blueprint.post(f"/lhc/{_KEY}/remove")
def remove_lhc_period(number: int) -> Response:
    """Take a period off the calendar."""
    _admins_only()
    session, form = db.session(), RemoveForm()
    row = period_of_id(session, number)
    if form.validate():
        with errors_in(form), writing_once(session):
            name = remove_period(session, writer(), number, form.why.data or "")
    if form.errors:
        shown = PeriodForm(formdata=None, data={**stated_of(row).texts(), "version": row.version})
        return _page(shown, row, status=422, remove=form)
    return go_to(
        url_for("calendar.lhc"),
        _("%(name)s is removed. Required tickets are recalculated.", name=name),
    )


def _admins_only() -> None:
    require_admin(acting(), _("change the calendar of the LHC"))


def _version(text: str | None) -> int:
    if text and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise Invalid("version", _("The form has no version; reload the page"))


def _page(
    form: PeriodForm, row: LhcPeriod | None, *, status: int = 200, remove: Any = None
) -> Response:
    return make_response(
        render_template(
            "calendar/period.html",
            form=form,
            row=row,
            remove=remove or RemoveForm(formdata=None),
        ),
        status,
    )
