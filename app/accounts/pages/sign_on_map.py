"""Which role and sites sign-on gives: the map as a form with a preview, its versions, and what an
admin does with the sign-on of one person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from flask import Blueprint, Response, current_app, flash, make_response, render_template, request
from flask import url_for as url

from app.accounts.models.sign_on import Identity
from app.accounts.pages.people_forms import WhyForm
from app.accounts.pages.sign_on import redirect_uri
from app.accounts.pages.sign_on_forms import MapForm
from app.accounts.rules.sign_on import Granted, MapRow, granted, is_mapped, rows_of_json, unmapped
from app.accounts.services import identities, sign_on_requests
from app.accounts.services import sign_on_map as verbs
from app.core.database.transactions import transaction
from app.core.rules.access import Role, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.sign_on_settings import REFUSE
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import attach
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.rows_field import pressed

blueprint = Blueprint("sign_on_map", __name__, url_prefix="/admin")
VERSIONS_SHOWN: Final = 5
_PEOPLE_SHOWN: Final = 100
_VALUES_SHOWN: Final = 100


class Preview(NamedTuple):
    """What one person would get by the rows that are shown, at its next login."""

    identity: Identity
    now: Granted
    then: Granted | None
    """None = refused."""


@blueprint.before_request
def _admins_only() -> None:
    require_admin(acting(), _("see and change which roles sign-on gives"))


@blueprint.get("/sign-on")
def show() -> Response:
    """The map, who has signed on, and which of their values nobody mapped."""
    return _page(_form_in_use())


@blueprint.post("/sign-on")
def save() -> Response:
    """Preview what was typed, or store it as a new version."""
    form, session = MapForm(), db.session()
    if pressed(form, request.form.get("do", "")):
        return _page(form)
    if not form.validate():
        return _page(form, status=422)
    base = form.base.data or ""
    try:
        if request.form.get("do") == "preview":
            return _page(form, verbs.checked_rows(session, form.typed()), is_preview=True)
        with writing_once(session):
            number = int(base) if base.isascii() and base.isdigit() and len(base) < 9 else 0
            version = verbs.save_map(session, writer(), form.typed(), number)
    except Invalid as error:
        if error.field == "base":  # sent again, it counts
            form.base.data = str(_version())
        attach(form, error)
        return _page(form, status=422)
    return go_to(
        url("sign_on_map.show"), _("Version %(version)s of the mapping is in use.", version=version)
    )


@blueprint.post("/people/<person>/follow-map")
def follow(person: str) -> Response:
    """Let a person's role follow the map."""
    return _follow(person, on=True)


@blueprint.post("/people/<person>/leave-map")
def leave(person: str) -> Response:
    """Keep a person's role as it is set here."""
    return _follow(person, on=False)


@blueprint.post("/people/<person>/unlink")
def unlink(person: str) -> Response:
    """Take a person's sign-on off."""
    why, session = WhyForm().why.data or "", db.session()
    issuer = current_app.config["PORTAL"].sign_on.issuer
    try:
        with writing_once(session):
            identities.unlink(session, writer(), person, issuer, why=why)
    except Invalid as error:
        flash(f"{error.message}.", "trouble")
    else:
        flash(_("The sign-on of %(person)s is unlinked.", person=person), "ok")
    return go_to(url("people.show", person=person))


def _follow(person: str, *, on: bool) -> Response:
    why, session = WhyForm().why.data or "", db.session()
    try:
        with transaction(session):
            identities.follow_map(session, writer(), person, on=on, why=why)
    except Invalid as error:
        flash(f"{error.message}.", "trouble")
    else:
        flash(
            _("The mapping sets the role of %(person)s from the next login on.", person=person)
            if on
            else _(
                "The role of %(person)s is set here from now on; the mapping does not change it.",
                person=person,
            ),
            "ok",
        )
    return go_to(url("people.show", person=person))


def _version() -> int:
    newest = verbs.map_in_use(db.session())
    return newest.version if newest is not None else 0


def _form_in_use() -> MapForm:
    newest = verbs.map_in_use(db.session())
    rows = rows_of_json(newest.content) if newest is not None else ()
    return MapForm(
        formdata=None,
        rows=[{"pattern": row.pattern, "role": row.role, "site": row.site} for row in rows],
        base=str(newest.version if newest is not None else 0),
    )


def _page(
    form: MapForm,
    shown: Sequence[MapRow] | None = None,
    *,
    is_preview: bool = False,
    status: int = 200,
) -> Response:
    session = db.session()
    sign_on = current_app.config["PORTAL"].sign_on
    in_use = verbs.rows_in_use(session)
    shown = in_use if shown is None else shown
    known = identities.all_identities(session, sign_on.issuer) if sign_on else ()
    people = [_preview(identity, shown) for identity in known]
    seen = Counter(
        value for one in known for value in unmapped(shown, identities.values_of_identity(one))
    )
    page = render_template(
        "accounts/sign_on/map.html",
        form=form,
        sign_on=sign_on,
        redirect_uri=redirect_uri(),
        people=people[:_PEOPLE_SHOWN],
        more_people=max(len(people) - _PEOPLE_SHOWN, 0),
        values_of=identities.values_of_identity,
        requests=sign_on_requests.requests_at(session, sign_on.issuer) if sign_on else (),
        values_of_request=sign_on_requests.values_of_request,
        most_requests=sign_on_requests.MOST,
        unmapped=seen.most_common(_VALUES_SHOWN),
        more_values=max(len(seen) - _VALUES_SHOWN, 0),
        versions=[
            (one, rows_of_json(one.content))
            for one in verbs.versions_of_map(session, VERSIONS_SHOWN)
        ],
        is_preview=is_preview,
    )
    return make_response(page, status)


def _preview(identity: Identity, rows: Sequence[MapRow]) -> Preview:
    user = identity.user
    has = Granted(Role(user.role), tuple(site.key for site in user.sites))
    if not identity.follows_map:
        return Preview(identity, has, has)
    values, sign_on = identities.values_of_identity(identity), current_app.config["PORTAL"].sign_on
    if sign_on.unmapped == REFUSE and not is_mapped(rows, values):
        return Preview(identity, has, None)
    role, sites = granted(rows, values)
    return Preview(identity, has, Granted(role, tuple(sorted(sites))))
