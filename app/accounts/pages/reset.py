"""Setting a password by a one-time link, without a login.

The link's random id is taken out of the address at once and stored in the browser's own cookie: the
page with the form has nothing in its address that could be passed on. Opening the link uses
nothing up, as mail scanners open links too.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, url_for
from flask import session as cookie
from flask_login import current_user

from app.accounts.services import people
from app.accounts.services.credentials import attempt_without_password, record_attempt
from app.accounts.services.reset_links import find_reset_link, use_reset_link
from app.accounts.web.failed_logins import log_failed_login
from app.accounts.web.new_password import ResetForm
from app.core.database.transactions import transaction
from app.core.rules.access import Door, Writer
from app.core.rules.errors import NotFound, TooManyAttempts
from app.core.rules.language import _
from app.core.web.address_limits import LOGIN, limited
from app.core.web.extensions import db
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import public, remote
from app.core.web.times import now

blueprint = Blueprint("reset", __name__)
_KEPT = "reset"
_MAX_LENGTH = 100
_PURPOSE = "one-time link"


@blueprint.get("/reset/<token>")
@public
def take(token: str) -> Response:
    """Take the random id out of the address; whether it is any good shows the next page."""
    cookie[_KEPT] = token[:_MAX_LENGTH]
    answer = go_to(url_for("reset.reset"))
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@blueprint.route("/reset", methods=["GET", "POST"])
@public
@limited(LOGIN, methods=("GET", "POST"))
def reset() -> Response:
    """The form, and setting the password."""
    token, session = str(cookie.get(_KEPT, "")), db.session()
    try:
        user = find_reset_link(session, token, now()).user
    except NotFound:
        return _no_link(token)
    form = ResetForm()
    if not form.is_submitted():
        return _form_page(form, user.name)
    if not form.validate():
        return _form_page(form, user.name, 422)
    name = user.name
    by = Writer(actor=people.actor_of_user(user), door=Door.PORTAL, now=now(), remote=remote())
    try:
        with errors_in(form, {"password": "new"}), transaction(session):
            use_reset_link(session, by, token, form.new.data or "")
            if current_user.is_authenticated:
                people.end_login(session, current_user.token, now())
    except NotFound:  # used at this very moment by somebody else
        return _no_link("")
    if form.errors:
        return _form_page(form, name, 422)
    cookie.clear()
    return go_to(url_for("login.login"), _("Password set. Log in with it."))


def _no_link(token: str) -> Response:
    """One answer for links that are over, used, replaced or never were; guesses are counted."""
    session, status = db.session(), 404
    if token:
        cookie.pop(_KEPT, None)
        with transaction(session):
            tried = attempt_without_password(session, "", now(), purpose=_PURPOSE)
            if tried.needs_record:
                tried = record_attempt(session, tried, now(), remote())
        status = 429 if isinstance(tried.error, TooManyAttempts) else 404
        log_failed_login("", "one-time link")
    return make_response(
        render_template("accounts/reset.html", form=None, many=status == 429), status
    )


def _form_page(form: ResetForm, name: str, status: int = 200) -> Response:
    return make_response(render_template("accounts/reset.html", form=form, name=name), status)
