"""The second step of a login, and setting a second factor up or turning it off.

After the password the cookie holds only the random id of a waiting step; a login begins when the
code was right. A new secret and new recovery codes are in the answer to the request that made them,
nowhere else: a stolen cookie cannot read them afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import segno
from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    render_template,
    request,
    url_for,
)
from flask import (
    session as cookie,
)
from flask_login import current_user
from markupsafe import Markup

from app.accounts.models.people import PendingLogin
from app.accounts.pages.login import browser, code_page, gone_on, kept_fields, log_in
from app.accounts.pages.people_forms import AskCodeForm, CodesForm, ConfirmForm, LoginForm, OffForm
from app.accounts.services import credentials, logins, people
from app.accounts.services import second_factor as verbs
from app.accounts.web.own_password import AskPasswordForm, ask_password
from app.core.database.transactions import transaction
from app.core.rules.access import Door, Writer
from app.core.rules.errors import AuthenticationFailed, Invalid, TooManyAttempts
from app.core.rules.language import _
from app.core.web.address_limits import LOGIN, limited
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, local_path, log_here, public, remote, secret_key, writer
from app.core.web.requests.session_cookie import PENDING
from app.core.web.times import now

blueprint = Blueprint("second_factor", __name__)
HERE = "/profile/second-factor"
_FIELD = {"code": "one_time_code"}


@blueprint.route("/login/code", methods=["GET", "POST"])
@public
@limited(LOGIN)
def ask() -> Response:
    """Ask for the code behind the password."""
    form = AskCodeForm(next=request.args.get("next", ""))
    target = local_path(form.next.data or "")
    session, kept = db.session(), kept_fields()
    pending = logins.find_pending(session, str(cookie.get(PENDING, "")), now())
    if pending is None:
        return from_the_start(target, kept)
    if request.method == "GET":
        return code_page(form, pending.user)
    if not form.validate():
        return code_page(form, pending.user, 422, kept)
    name, person = pending.user.name, pending.user_id
    try:
        token, tried = _try(pending, form.one_time_code.data or "")
        if token is None:
            tried.verified_account()
            raise AuthenticationFailed  # the step was used or ended at this moment
    except TooManyAttempts as error:
        log_here("second factor wrong", name, "person", person, how="too many attempts")
        form.one_time_code.errors = [f"{error.message}."]
        return code_page(form, pending.user, 429, kept)
    except AuthenticationFailed:
        log_here("second factor wrong", name, "person", person, how="code")
        if logins.find_pending(session, str(cookie.get(PENDING, "")), now()) is None:
            return from_the_start(target, kept)
        form.one_time_code.errors = [verbs.wrong_code(session, pending.user.name, now())]
        return code_page(form, pending.user, 401, kept)
    except Invalid as error:
        attach(form, error, _FIELD)
        return code_page(form, pending.user, 422, kept)
    login = logins.live_login(session, token, now())
    if login is None:
        return from_the_start(target, kept)
    cookie.clear()
    log_in(token, login, "second factor")
    return gone_on(target or url_for("home.page"), kept)


def _try(pending: PendingLogin, code: str) -> tuple[str | None, credentials.Attempt]:
    """Try the code; the new login's random id if it was right."""
    session, key, user, signed_on = db.session(), pending.id, pending.user, pending.sign_on
    by = Writer(actor=people.actor_of_user(user), door=Door.PORTAL, now=now(), remote=remote())
    with transaction(session):
        tried = verbs.try_code(session, by, user, code, secret_key())
        if tried.account_id is None:
            if tried.failed_as is not None:
                logins.count_wrong_code(session, key)
            return None, tried
        if not logins.take_pending(session, key):
            return None, tried
        token = people.start_login(
            session,
            tried.account_id,
            now(),
            remote=remote(),
            browser=browser(),
            second_factor=True,
            sign_on=signed_on,
        )
    return token, tried


def from_the_start(target: str, kept: Sequence[tuple[str, str]]) -> Response:
    """Where somebody goes whose second step is over."""
    if PENDING in cookie:
        flash(_("Log in again: the code took too long or was wrong too often."), "waiting")
    if kept:  # the cookie stays what it is: it is why so large a form is taken
        form = LoginForm(formdata=None, next=target)
        return make_response(
            render_template("accounts/login.html", form=form, problem=None, kept=kept), 401
        )
    cookie.pop(PENDING, None)
    return go_to(url_for("login.login", next=target or None))


@blueprint.get(HERE)
def show() -> Response:
    """The second factor as it is: off, being set up, or on."""
    return _page()


@blueprint.post(f"{HERE}/begin")
def begin() -> Response:
    """Make a secret, by the password; it is in this answer and nowhere else."""
    form = AskPasswordForm()
    if not form.validate():
        return _page(begin_form=form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _page(begin_form=form, status=entered.status)
    session = db.session()
    try:
        with writing_once(session):
            logins.verified_user(session, entered.attempt)
            verbs.begin_setup(session, writer(), current_user.name, secret_key())
    except Invalid as error:
        flash(f"{error.message}.", "trouble")
        return go_to(url_for("second_factor.show"))
    return _page(is_new=True)


@blueprint.post(f"{HERE}/confirm")
def confirm() -> Response:
    """Take it in use; ends the other logins, which were made without it."""
    form = ConfirmForm()
    if not form.validate():
        return _page(confirm_form=form, status=422)
    session, code = db.session(), form.one_time_code.data or ""
    with errors_in(form, _FIELD), writing_once(session):
        codes = verbs.confirm_setup(session, writer(), current_user.name, code, secret_key())
        user = people.find_user(session, current_user.name)
        logins.mark_second_factor(session, current_user.token)
        logins.end_logins_without_factor(session, writer(), user, current_user.token)
    if form.errors:
        return _page(confirm_form=form, status=422)
    if not codes:
        return go_to(
            url_for("second_factor.show"),
            _("Your authenticator app is set up. Your recovery codes stay as they are."),
        )
    return _page(codes=codes)


@blueprint.post(f"{HERE}/codes")
def codes() -> Response:
    """Create new recovery codes, by password and code."""
    form = CodesForm()
    if not form.validate():
        return _page(codes_form=form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _page(codes_form=form, status=entered.status)
    session, made = db.session(), []
    try:
        with errors_in(form, _FIELD):
            with transaction(session):
                tried = try_own_code(form.one_time_code.data or "")
                if tried.account_id is not None:
                    made = verbs.new_recovery_codes(session, writer(), current_user.name)
            tried.verified_account()
    except AuthenticationFailed as error:
        return _page(codes_form=form, status=refused_code(form.one_time_code, error))
    if form.errors:
        return _page(codes_form=form, status=422)
    return _page(codes=made)


@blueprint.post(f"{HERE}/off")
def off() -> Response:
    """Turn it off, by password and code."""
    form = OffForm()
    if not form.validate():
        return _page(off_form=form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _page(off_form=form, status=entered.status)
    session, name = db.session(), current_user.name
    try:
        with errors_in(form, _FIELD):
            with transaction(session):
                tried = try_own_code(form.one_time_code.data or "")
                if tried.account_id is not None:
                    verbs.turn_off(session, writer(), name)
            tried.verified_account()
    except AuthenticationFailed as error:
        return _page(off_form=form, status=refused_code(form.one_time_code, error))
    if form.errors:
        return _page(off_form=form, status=422)
    return go_to(
        url_for("profile.show"),
        _("Your authenticator app is turned off. Your passkeys remain your second factor.")
        if verbs.has_passkey(session, acting().account_id or 0)
        else _("The second factor is off. Your password alone logs you in now."),
    )


def try_own_code(code: str) -> credentials.Attempt:
    """Try one's own code, inside a transaction."""
    session = db.session()
    user = people.find_user(session, current_user.name)
    return verbs.try_code(session, writer(), user, code, secret_key())


def refused_code(field: object, error: AuthenticationFailed) -> int:
    """Say at the code's field what was wrong; the answer's status."""
    log_here("second factor wrong", current_user.name, "person", acting().account_id)
    many = isinstance(error, TooManyAttempts)
    words = verbs.wrong_code(db.session(), current_user.name, now())
    setattr(field, "errors", [f"{error.message}." if many else words])  # noqa: B010  # untyped
    return 429 if many else 422


def _page(
    *,
    is_new: bool = False,
    begin_form: AskPasswordForm | None = None,
    confirm_form: ConfirmForm | None = None,
    codes_form: CodesForm | None = None,
    off_form: OffForm | None = None,
    codes: list[str] | None = None,
    status: int = 200,
) -> Response:
    session = db.session()
    user = people.find_user(session, current_user.name)
    secret, picture, problem = "", "", ""
    if is_new:
        try:
            secret = verbs.secret_of(user, secret_key())
            picture = _qr_code(verbs.address_of(user, secret_key()))
        except Invalid as error:
            problem = error.message
    return make_response(
        render_template(
            "accounts/people/second_factor.html",
            user=user,
            pending=bool(user.totp_secret) and user.totp_since is None,
            secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
            picture=picture,
            problem=problem,
            codes=codes or [],
            left=verbs.codes_left(session, user),
            demanded=verbs.must_set_up(session, user),
            has_passkey=verbs.has_passkey(session, user.id),
            begin_form=begin_form or AskPasswordForm(formdata=None),
            confirm_form=confirm_form or ConfirmForm(formdata=None),
            codes_form=codes_form or CodesForm(formdata=None),
            off_form=off_form or OffForm(formdata=None),
        ),
        status,
    )


def _qr_code(address: str) -> Markup:
    """The address as a picture of paths: no script, no style, nothing to fetch."""
    code = segno.make(address, error="m", micro=False)
    drawing = code.svg_inline(dark="#000", light="#fff", border=4, omitsize=True, svgclass="qr")
    return Markup(drawing)  # noqa: S704  # made of numbers by segno
