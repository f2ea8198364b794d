"""Each field of a report saves itself, and shows what others wrote meanwhile.

An answer replaces what is below the field, or the whole field if the person chose that:
what is being typed is never touched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response, make_response, render_template, request

from app.core.database.transactions import transaction
from app.core.rules.errors import FieldConflict, Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.htmx import go_to, wants_fragment
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.reports.pages.form import may_write
from app.reports.pages.form_context import (
    DIGEST,
    PLACE,
    VERSION,
    ReportContext,
    blueprint,
    report_context,
    sent_version,
)
from app.reports.pages.form_fields import FieldView, digest, field_of, with_notice, with_row
from app.reports.pages.form_saving import theirs_of
from app.reports.rules.reports import may_read_fields
from app.reports.services.reports import save_field

FIELD: Final = f"{PLACE}/fields/<name>"
MAX_SAVE: Final = 60
"""Seconds that a save may take from its moment to its commit."""


@blueprint.post(FIELD)
def save_one(site: str, quarter: str, name: str) -> Response:
    """Save one field; its state then."""
    place = report_context(site, quarter)
    value = request.form.get(name, "").replace("\r\n", "\n")
    seen, was = sent_version(VERSION + name), request.form.get(DIGEST + name, "")
    view = replace(_empty(place, name), value=value, version=seen, was=was)
    session = db.session()
    try:
        with transaction(session):
            done = save_field(session, writer(), place.site, place.quarter, name, value, seen)
            view = replace(
                view,
                value=done.value,
                version=done.version,
                was=digest(done.value),
                changed_by=done.changed_by,
                changed_at=done.changed_at,
            )
            # drawn before the commit: behind it nothing is read that could fail
            return _standing(place, with_notice(view, place.quarter), saved=True)
    except FieldConflict as conflict:
        return _standing(place, replace(view, theirs=theirs_of(conflict)), 409)
    except MoveNotAllowed as error:
        return _standing(place, replace(view, error=f"Not saved. {error.message}"), 409)
    except Invalid as error:
        return _standing(place, replace(view, error=f"Not saved. {error.message}"), 422)


def _standing(
    place: ReportContext, view: FieldView, status: int = 200, *, saved: bool = False
) -> Response:
    """What is below a field."""
    page = render_template(
        "reports/form/_field_standing.html", f=view, address=place.address, saved=saved
    )
    return make_response(page, status)


@blueprint.get(FIELD)
def one(site: str, quarter: str, name: str) -> Response:
    """One field as it is stored; for a browser without a script the whole page."""
    place = _read_place(site, quarter)
    if not wants_fragment():
        return go_to(place.address)
    row = next((row for row in place.fields if row.name == name), None)
    view = with_notice(with_row(_empty(place, name), row), place.quarter)
    page = render_template("reports/form/_one_field.html", f=view, address=place.address)
    return make_response(page)


@blueprint.get(f"{PLACE}/changes")
def changes(site: str, quarter: str) -> Response:
    """The fields that were written since the page's last request (``since``, seconds of the epoch),
    and a fresh token: a person who logged in again elsewhere continues saving.

    A save that had started before may be committed after; so some are sent twice, and the page
    knows them by their version.
    """
    place = _read_place(site, quarter)
    if not wants_fragment():
        return go_to(place.address)
    since = _sent_time() - MAX_SAVE
    form = place.form
    views = (
        (field_of(form, row.name), row)
        for row in place.fields
        if row.changed_at.timestamp() >= since
    )
    page = render_template(
        "reports/form/_changes.html",
        place=place,
        since=int(now().timestamp()),
        may_write=may_write(place),
        news=[
            with_notice(with_row(view, row), place.quarter)
            for view, row in views
            if view is not None
        ],
    )
    return make_response(page)


def _read_place(site: str, quarter: str) -> ReportContext:
    """Only for those who read drafts; the others are answered as if there were none."""
    place = report_context(site, quarter)
    if not may_read_fields(acting(), place.site.id):
        raise NotFound
    return place


def _sent_time() -> int:
    text = request.args.get("since", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0


def _empty(place: ReportContext, name: str) -> FieldView:
    found = field_of(place.form, name)
    if found is None:
        raise NotFound(_("Unknown field"))
    return found
