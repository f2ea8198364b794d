"""The profile of a connection: choice of tickets, maps of values and owners, with versions, as a
form and as a file; and a preview of what would be sent for a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Response, current_app, make_response, render_template, request, url_for

from app.core.database.transactions import dry_run
from app.core.rules.access import require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _, joined, said_word
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.rows_field import pressed
from app.core.web.times import now
from app.exchange.models.connections import Connection, ConnectionProfile
from app.exchange.pages.connections import NUMBER, blueprint
from app.exchange.pages.forms import (
    TICKETS,
    ProfileForm,
    profile_form_of,
    shown_owner,
)
from app.exchange.rules.differences import ProfileChange, differences
from app.exchange.rules.profiles import profile_of
from app.exchange.services.connections.connections import set_profile
from app.exchange.services.overview import connection_of_number, versions_of
from app.exchange.services.planning import profile_in_use
from app.exchange.services.preview import preview
from app.registry.services.choices import choices
from app.tickets.rules.content import LABELS

FILE_LIMIT: Final = 256 * 1024
"""Largest file with a map, in bytes; the largest from a form has some 200 kB."""
_PARTS: Final = {
    "choice": _("Choice of"),
    "group": _("Their queue or group"),
    "map": _("Mapping of"),
    "owner": _("Who decides on"),
}
_MAY: Final = _("change what is exchanged with a partner")


@blueprint.get(f"/{NUMBER}/map")
def show_map(number: int) -> Response:
    """Show the current version as a form, all versions, and the differences between two."""
    session = db.session()
    return _map_page(number, _form_in_use(connection_of_number(session, number)))


@blueprint.post(f"/{NUMBER}/map")
def save_map(number: int) -> Response:
    """Save the form as a new version."""
    session, by, form = db.session(), writer(), ProfileForm()
    require_admin(by.actor, _MAY)
    if pressed(form, request.form.get("do", "")):
        return _map_page(number, form)
    if form.validate():
        with errors_in(form), writing_once(session):
            found = connection_of_number(session, number)
            _require_base(form, found)
            wanted = form.profile(profile_in_use(session, found))
            version = set_profile(session, by, found, wanted.as_json())
    if form.errors:
        return _map_page(number, form, status=422)
    return go_to(_url(number), _("Version %(version)s is in use.", version=version))


@blueprint.post(f"/{NUMBER}/map/roll-back")
def roll_back(number: int) -> Response:
    """Use the content of an earlier version again, as a new one."""
    session, by = db.session(), writer()
    require_admin(by.actor, _MAY)
    wanted = _version(request.form.get("version", ""))
    with writing_once(session):
        found = connection_of_number(session, number)
        earlier = _of_version(versions_of(session, number), wanted)
        version = set_profile(session, by, found, earlier.content)
    return go_to(_url(number), _("Version %(version)s is in use.", version=version))


@blueprint.get(f"/{NUMBER}/map.json")
def export_map(number: int) -> Response:
    """Download the current version, or another one, as a file."""
    session = db.session()
    found = connection_of_number(session, number)
    wanted = _version(request.args.get("version", "")) or found.profile_version
    one = _of_version(versions_of(session, number), wanted)
    answer = make_response(one.content + "\n")
    answer.mimetype = "application/json"
    name = f"{found.partner.code}-{found.kind}-{one.version}.json"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@blueprint.post(f"/{NUMBER}/map/import")
def import_map(number: int) -> Response:
    """Import a file as a new version."""
    session, by = db.session(), writer()
    require_admin(by.actor, _MAY)
    file = request.files.get("file")
    content = file.read(FILE_LIMIT + 1) if file is not None else b""
    try:
        if not content:
            raise Invalid("file", _("Choose a file"))
        if len(content) > FILE_LIMIT:
            raise Invalid("file", _("The file is larger than %(kb)s kB", kb=FILE_LIMIT // 1024))
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Invalid("file", _("The file is not UTF-8 text")) from None
        with writing_once(session):
            version = set_profile(session, by, connection_of_number(session, number), text)
    except Invalid as error:
        form = _form_in_use(connection_of_number(session, number))
        return _map_page(number, form, problem=error.message, status=422)
    return go_to(_url(number), _("Version %(version)s is in use.", version=version))


@blueprint.get(f"/{NUMBER}/preview")
def preview_ticket(number: int) -> Response:
    """Show what would be sent for a ticket, in the partner's words. Nothing is sent or stored."""
    session, typed = db.session(), request.args.get("ticket", "").strip().lstrip("#")
    shown: dict[str, Any] = {"typed": typed, "found": None, "problem": ""}
    if typed:
        key = _version(typed)
        try:
            with dry_run(session):
                connection = connection_of_number(session, number)
                shown["found"] = preview(
                    session,
                    acting(),
                    connection,
                    key,
                    now(),
                    current_app.config["PORTAL"].public_url,
                )
        except NotFound:
            shown["problem"] = _("No ticket has this number")
    page = render_template(
        "exchange/preview.html",
        connection=connection_of_number(session, number),
        labels=LABELS,
        **shown,
    )
    return make_response(page, 422 if shown["problem"] else 200)


def _form_in_use(found: Connection) -> ProfileForm:
    return profile_form_of(profile_in_use(db.session(), found), found.profile_version)


def _require_base(form: ProfileForm, found: Connection) -> None:
    """Raise an error if another version was saved since the form was opened; when submitted again,
    it is accepted."""
    if _version(form.base.data or "") != found.profile_version:
        form.base.data = str(found.profile_version)
        raise Invalid(
            "base",
            _(
                "Version %(version)s was saved in the meantime; compare it,"
                " or save again to replace it",
                version=found.profile_version,
            ),
        )


def _version(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _of_version(found: Sequence[ConnectionProfile], version: int) -> ConnectionProfile:
    for one in found:
        if one.version == version:
            return one
    raise NotFound


def _url(number: int) -> str:
    return url_for("exchange.show_map", number=number)


def _map_page(number: int, form: ProfileForm, *, problem: str = "", status: int = 200) -> Response:
    session = db.session()
    found = connection_of_number(session, number)
    versions = versions_of(session, number)
    in_use = profile_of(_of_version(versions, found.profile_version).content)
    old = _version(request.args.get("from", ""))
    new = _version(request.args.get("to", "")) or found.profile_version
    compared: Sequence[tuple[str, str, str]] | None = None
    if old:
        before, after = (profile_of(_of_version(versions, one).content) for one in (old, new))
        compared = [_shown(change) for change in differences(before, after)]
    page = render_template(
        "exchange/map.html",
        connection=found,
        form=form,
        versions=versions,
        missing=in_use.missing_out(),
        compared=compared,
        old=old,
        new=new,
        labels=LABELS,
        place=_url(number),
        problem=problem,
        **choices(session),
    )
    return make_response(page, status)


def _shown(change: ProfileChange) -> tuple[str, str, str]:
    """The field and both values, as pages show them."""
    field = LABELS.get(change.field) or said_word(change.field)
    what = joined(" ", (_PARTS[change.part], field.lower())) if field else _PARTS[change.part]
    return what, _said(change, change.before), _said(change, change.after)


def _said(change: ProfileChange, value: str) -> str:
    """A value of a difference as pages show it."""
    if change.part == "owner":
        return shown_owner(value)
    if change.field == "tickets":
        return next((word for key, word in TICKETS.items() if key == value), value)
    return said_word(value) if change.field == "categories" else value
