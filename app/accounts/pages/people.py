"""Pages of people, for admins: roles and sites, disabling, one-time links, logins, second factors.

A one-time link is in the answer to the one request that made it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)

from app.accounts.pages import browsers
from app.accounts.pages.people_forms import DemandForm, LinkForm, NewPersonForm, RoleForm, WhyForm
from app.accounts.services import identities, logins, reset_links, second_factor
from app.accounts.services import people as verbs
from app.accounts.services.copies import copies_today
from app.accounts.services.passkeys import passkeys_of
from app.accounts.web.own_password import ask_password
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted
from app.core.services.changes import newest_changes_of
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.registry.services.choices import choices

blueprint = Blueprint("people", __name__, url_prefix="/admin")
PERSON = "/people/<person>"
CHANGES_SHOWN = 50


@blueprint.before_request
def _admins_only() -> None:
    require_admin(acting(), _("see and manage people"))


@blueprint.get("/people")
def listing() -> Response:
    """Everybody, and whether admins need a second factor."""
    return _list_page()


@blueprint.post("/second-factor")
def demand() -> Response:
    """Say whether admins need a second factor."""
    form = DemandForm()
    if not form.validate():
        return _list_page(form, 422)
    session, on = db.session(), form.demand.data == "yes"
    with errors_in(form), transaction(session):
        changed = second_factor.demand_of_admins(session, writer(), on=on, why=form.why.data or "")
    if form.errors:
        return _list_page(form, 422)
    words = _("need a second factor") if on else _("need no second factor")
    return go_to(
        url_for("people.listing"),
        _("Admins %(words)s.", words=words)
        if changed
        else _("Admins %(words)s, as before.", words=words),
    )


@blueprint.route("/new-person", methods=["GET", "POST"])
def new() -> Response:
    """Create a person; shows the one-time link, with which the person sets a password."""
    form = NewPersonForm()
    if request.method == "GET" or not form.validate():
        return _form_page(form)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _form_page(form, entered.status)
    session, name = db.session(), form.name.data or ""
    with errors_in(form), writing_once(session):
        logins.verified_user(session, entered.attempt)
        verbs.create_user(
            session,
            writer(),
            name,
            form.role.data,
            sites=form.site_names(),
            mail=form.mail.data or "",
            why=form.why.data or "",
        )
        token = reset_links.make_reset_link(session, writer(), name)
        leads_to(_base(name))
    if form.errors:
        return _form_page(form)
    return _person_page(name, token=token)


@blueprint.get(PERSON)
def show(person: str) -> Response:
    """One person."""
    return _person_page(person)


@blueprint.post(f"{PERSON}/role")
def role(person: str) -> Response:
    """Set role and sites."""
    form = RoleForm()
    if not form.validate():
        return _person_page(person, role_form=form, status=422)
    session = db.session()
    with errors_in(form), transaction(session):
        changed = verbs.change_person(
            session, writer(), person, form.role.data, form.site_names(), why=form.why.data or ""
        )
    if form.errors:
        return _person_page(person, role_form=form, status=422)
    return go_to(
        _base(person),
        _(
            "Role and sites of %(person)s are %(how)s.",
            person=person,
            how=_("saved") if changed else _("unchanged"),
        ),
    )


@blueprint.post(f"{PERSON}/disable")
def disable(person: str) -> Response:
    """Disable a person immediately."""

    def verb(why: str) -> str:
        session = db.session()
        verbs.disable_user(session, writer(), verbs.find_user(session, person), why=why)
        return _(
            "%(person)s is disabled; all sessions and API tokens of this person have ended.",
            person=person,
        )

    return _with_reason(person, verb)


@blueprint.post(f"{PERSON}/enable")
def enable(person: str) -> Response:
    """Enable a disabled person."""

    def verb(why: str) -> str:
        session = db.session()
        verbs.enable_user(session, writer(), verbs.find_user(session, person), why=why)
        return _("%(person)s is enabled, with the previous password.", person=person)

    return _with_reason(person, verb)


@blueprint.post(f"{PERSON}/end-logins")
def end_logins(person: str) -> Response:
    """End all logins of a person, the API tokens and the calendar address."""

    def verb(why: str) -> str:
        session = db.session()
        found = verbs.find_user(session, person)
        ended = logins.end_other_logins(session, writer(), found, why=why)
        more = _(", and %(secrets)s", secrets=ended.secrets) if ended.secrets else ""
        return counted(
            "%(num)s session of %(person)s ended%(more)s.",
            "%(num)s sessions of %(person)s ended%(more)s.",
            ended.logins,
            person=person,
            more=more,
        )

    return _with_reason(person, verb)


@blueprint.post(f"{PERSON}/take-off-second-factor")
def take_off(person: str) -> Response:
    """Take the second factor off somebody who lost it."""

    def verb(why: str) -> str:
        taken = second_factor.take_off(db.session(), writer(), person, why=why)
        words = _("has no second factor now") if taken else _("had no second factor")
        return _("%(person)s %(words)s; the password alone logs in.", person=person, words=words)

    return _with_reason(person, verb)


@blueprint.post(f"{PERSON}/link")
def link(person: str) -> Response:
    """Make a one-time link and show it once, by one's own password."""
    form, session = LinkForm(), db.session()
    verbs.find_user(session, person)
    if not form.validate():
        return _person_page(person, link_form=form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _person_page(person, link_form=form, status=entered.status)
    try:
        with writing_once(session):
            logins.verified_user(session, entered.attempt)
            token = reset_links.make_reset_link(session, writer(), person, why=form.why.data or "")
    except Invalid as error:
        return _person_page(person, problem=error.message, status=422)
    return _person_page(person, token=token)


def _with_reason(person: str, verb: Callable[[str], str]) -> Response:
    """Carry out a verb that takes a reason and says what it did."""
    why = WhyForm().why.data or ""
    try:
        with transaction(db.session()):
            said = verb(why)
    except Invalid as error:
        return _person_page(person, problem=error.message, why=why, status=422)
    return go_to(_base(person), said)


def _base(person: str) -> str:
    return url_for("people.show", person=person)


def _list_page(form: DemandForm | None = None, status: int = 200) -> Response:
    session = db.session()
    needed = second_factor.admins_need_it(session)
    everybody = verbs.all_users(session)
    with_passkeys = second_factor.people_with_passkeys(session)
    page = render_template(
        "accounts/people/list.html",
        people=everybody,
        last=logins.last_logins(session),
        with_sign_on=identities.people_with_sign_on(session),
        needed=needed,
        with_passkeys=with_passkeys,
        without=[
            user.name
            for user in everybody
            if user.role == "admin"
            and user.disabled_at is None
            and user.totp_since is None
            and user.id not in with_passkeys
        ],
        form=form or DemandForm(formdata=None, demand="yes" if needed else "no"),
    )
    return make_response(page, status)


def _form_page(form: NewPersonForm, status: int = 0) -> Response:
    page = render_template("accounts/people/new.html", form=form, **choices(db.session()))
    return make_response(page, status or (422 if form.errors or form.form_errors else 200))


def _person_page(
    person: str,
    *,
    role_form: RoleForm | None = None,
    link_form: LinkForm | None = None,
    token: str = "",
    problem: str = "",
    why: str = "",
    status: int = 200,
) -> Response:
    session = db.session()
    user = verbs.find_user(session, person)
    identity = identities.identity_of(session, user, current_app.config["PORTAL"].sign_on.issuer)
    link = ""
    if token:
        link = current_app.config["PORTAL"].public_url + url_for("reset.take", token=token)
    page = render_template(
        "accounts/people/person.html",
        user=user,
        identity=identity,
        with_sign_on={user.id} if identity is not None else (),
        logins=logins.logins_of(session, user, now()),
        in_words=browsers.in_words,
        waiting=reset_links.live_reset_link(session, user, now()),
        passkeys=len(passkeys_of(session, user.id)),
        changes=newest_changes_of(session, verbs.PERSON, user.id, CHANGES_SHOWN),
        role_form=role_form
        or RoleForm(formdata=None, role=user.role, sites=[site.key for site in user.sites]),
        link_form=link_form or LinkForm(formdata=None),
        new_link=link,
        problem=problem,
        why=why,
        copies=copies_today(session, ActorKind.PERSON, user.id, now().date()),
        copies_per_day=current_app.config["PORTAL"].copies_per_day,
        **choices(db.session()),
    )
    return make_response(page, status)
