"""Passkeys: logging in with one, alone or behind the password, and the person's own list of them.

static/passkeys.js asks an ``.../options`` address what to request from the browser, and sends its
answer as a field of the page's own form. Between the two the cookie keeps a
challenge. The portal has passkeys only where browsers have them (``rules.passkeys``), and shows
nothing of them elsewhere.
"""

from __future__ import annotations

from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    make_response,
    render_template,
    request,
    url_for,
)
from flask import (
    session as cookie,
)
from flask_login import current_user

from app.accounts.models.people import User
from app.accounts.pages import browsers
from app.accounts.pages.login import browser, code_page, gone_on, kept_fields, log_in
from app.accounts.pages.passkey_forms import (
    AddPasskeyForm,
    ConfirmedForm,
    PasskeyLoginForm,
    PasskeyNameForm,
)
from app.accounts.pages.people_forms import AskCodeForm, LoginForm, OffForm, recovery_only
from app.accounts.pages.second_factor import from_the_start, refused_code, try_own_code
from app.accounts.rules.passkeys import RelyingParty, relying_party
from app.accounts.services import credentials, logins, people, second_factor
from app.accounts.services import passkeys as verbs
from app.accounts.services.passkeys import Checked, Purpose
from app.accounts.web.failed_logins import log_failed_login
from app.accounts.web.own_password import ask_password
from app.core.database.transactions import transaction
from app.core.rules.errors import AuthenticationFailed, Forbidden, Invalid, TooManyAttempts
from app.core.rules.language import _
from app.core.web.address_limits import LOGIN, limited
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, local_path, log_here, public, remote, writer
from app.core.web.requests.session_cookie import PENDING
from app.core.web.times import now

blueprint = Blueprint("passkeys", __name__)
HERE: Final = "/profile/passkeys"
ONE: Final = f"{HERE}/<int(max=2147483647):number>"
CHALLENGE: Final = "passkey"
"""Under which the cookie holds the random id of a challenge."""
_FAILED: Final = "passkey"
_REFUSED: Final = _(
    "Passkey refused. Try again; it may have been removed here, or the account is disabled."
)
_NOT_HERE: Final = _("Passkeys are not available at this address of the portal")


@blueprint.app_template_global()
def passkeys_here() -> bool:
    """Whether this request came to an address at which browsers have the portal's passkeys."""
    return _party_here() is not None


def _party_here() -> RelyingParty | None:
    party = relying_party(current_app.config["PORTAL"].public_url)
    host = request.host.rpartition(":")[0] or request.host  # a proxy may have another port
    return party if party and host.lower() == party.id else None


def _party() -> RelyingParty:
    party = _party_here()
    if party is None:
        raise Forbidden(_NOT_HERE)
    return party


def _begin(purpose: Purpose, user: User | None = None) -> dict[str, Any]:
    """Make a challenge, inside a transaction unless it is ``ALONE``; the cookie keeps it."""
    cookie[CHALLENGE], options = verbs.begin(db.session(), _party(), purpose, now(), user)
    return options


def _challenge(purpose: Purpose, user_id: int | None = None) -> bytes | None:
    token = str(cookie.pop(CHALLENGE, ""))
    return verbs.take_challenge(db.session(), token, purpose, now(), user_id)


def _check(answer: str, purpose: Purpose, user: User | None = None) -> Checked:
    challenge = _challenge(purpose, user.id if user else None)
    return verbs.check(db.session(), _party(), challenge, answer, now(), purpose, user)


def _count_failure(name: str) -> AuthenticationFailed:
    """Count it as a failed login, inside a transaction; what is to be said."""
    session = db.session()
    tried = credentials.attempt_without_password(session, name, now(), purpose=_FAILED)
    if tried.needs_record:
        tried = credentials.record_attempt(session, tried, now(), remote())
    return tried.error or AuthenticationFailed()


def _words(error: AuthenticationFailed) -> tuple[str, int]:
    many = isinstance(error, TooManyAttempts)
    return (f"{error.message}.", 429) if many else (_REFUSED, 401)


@blueprint.post("/login/passkey/options")
@public
@limited(LOGIN)
def login_options() -> Response:
    """What a browser is requested a login without a name. Anybody may ask, so nothing is stored."""
    return jsonify(get=_begin(Purpose.ALONE))


@blueprint.post("/login/passkey")
@public
@limited(LOGIN)
def login() -> Response:
    """Log in with a passkey alone."""
    form, session, kept = PasskeyLoginForm(), db.session(), kept_fields()
    target = local_path(form.next.data or "")
    token, error = "", AuthenticationFailed()
    with transaction(session):
        checked = _check(form.credential.data or "", Purpose.ALONE)
        if checked.passkey is None:
            error = _count_failure(checked.name)
        else:
            token = _start(checked.passkey.user_id)
    begun = logins.live_login(session, token, now()) if token else None
    if begun is None:
        log_failed_login(checked.name, checked.how)
        problem, status = _words(error)
        again = LoginForm(formdata=None, next=target)
        page = render_template("accounts/login.html", form=again, problem=problem, kept=kept)
        return make_response(page, status)
    cookie.clear()
    log_in(token, begun, "passkey")
    return gone_on(target or url_for("home.page"), kept)


def _start(user_id: int, *, sign_on: bool = False) -> str:
    """Begin a login in place of that of this browser's cookie; its random id."""
    session, old = db.session(), cookie.get("_user_id")
    if isinstance(old, str):
        people.end_login(session, old, now())
    return people.start_login(
        session,
        user_id,
        now(),
        remote=remote(),
        browser=browser(),
        second_factor=True,
        sign_on=sign_on,
    )


@blueprint.post("/login/code/passkey/options")
@public
@limited(LOGIN)
def second_options() -> Response:
    """What the browser has to answer after the password."""
    session = db.session()
    pending = logins.find_pending(session, str(cookie.get(PENDING, "")), now())
    if pending is None:
        return _problem(_("Log in again: the second step took too long"), 401)
    with transaction(session, beside=True):
        return jsonify(get=_begin(Purpose.SECOND, pending.user))


@blueprint.post("/login/code/passkey")
@public
@limited(LOGIN)
def second() -> Response:
    """Give a passkey behind the password."""
    form, session, kept = PasskeyLoginForm(), db.session(), kept_fields()
    target = local_path(form.next.data or "")
    pending = logins.find_pending(session, str(cookie.get(PENDING, "")), now())
    if pending is None:
        return from_the_start(target, kept)
    key, user, name, person = pending.id, pending.user, pending.user.name, pending.user_id
    signed_on = pending.sign_on
    token, error = "", AuthenticationFailed()
    with transaction(session):
        checked = _check(form.credential.data or "", Purpose.SECOND, user)
        if checked.passkey is None:
            error = _count_failure(name)
            logins.count_wrong_code(session, key)
        elif logins.take_pending(session, key):
            token = _start(person, sign_on=signed_on)
    begun = logins.live_login(session, token, now()) if token else None
    if begun is None:
        log_here("second factor wrong", name, "person", person, how=checked.how)
        pending = logins.find_pending(session, str(cookie.get(PENDING, "")), now())
        if pending is None:
            return from_the_start(target, kept)
        problem, status = _words(error)
        again = AskCodeForm(formdata=None, next=target)
        return code_page(again, pending.user, status, kept, problem=problem)
    cookie.clear()
    log_in(token, begun, "sign-on and passkey" if signed_on else "password and passkey")
    return gone_on(target or url_for("home.page"), kept)


@blueprint.get(HERE)
def show() -> Response:
    """One's own passkeys."""
    return _list_page()


@blueprint.post(f"{HERE}/options")
def add_options() -> Response:
    """What a browser is requested a new passkey, or before it for one that there is; by the
    password or what stands for it."""
    form, session = AddPasskeyForm(), db.session()
    user = people.find_user(session, current_user.name)
    try:
        verbs.require_room(session, user)
    except Invalid as error:
        return _problem(f"{error.message}.")
    if form.by.data == "passkey" and not form.credential.data:
        with transaction(session, beside=True):
            return jsonify(get=_begin(Purpose.CONFIRM, user), again=True)
    if form.by.data == "passkey":
        with transaction(session):
            refused = _try_passkey(form.credential.data or "", user)
            if refused is None:
                return jsonify(create=_begin(Purpose.ADD, user))
        return _problem(*_words(refused))
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _problem(str(form.password.errors[0]), entered.status)
    with transaction(session):
        return jsonify(create=_begin(Purpose.ADD, logins.verified_user(session, entered.attempt)))


@blueprint.post(HERE)
def add() -> Response:
    """Add the passkey that the device created; the right to do so was checked with the
    challenge."""
    form, session = AddPasskeyForm(), db.session()
    name = form.name.data or browsers.in_words(request.user_agent.string)
    try:
        with writing_once(session):
            was_on = second_factor.is_on(session, acting().account_id or 0)
            challenge = _challenge(Purpose.ADD, acting().account_id)
            answer = form.credential.data or ""
            codes = verbs.add_passkey(
                session, writer(), current_user.name, _party(), challenge, answer, name
            )
            if not was_on:
                user = people.find_user(session, current_user.name)
                logins.mark_second_factor(session, current_user.token)
                logins.end_logins_without_factor(session, writer(), user, current_user.token)
    except Invalid as error:
        if error.field == "name":
            attach(form, error)
        return _list_page(form, problem="" if error.field == "name" else error.message, status=422)
    if codes:
        return _list_page(codes=codes)
    return go_to(url_for("passkeys.show"), _("Passkey “%(name)s” added.", name=name))


@blueprint.post(f"{HERE}/confirm")
def confirm_options() -> Response:
    """What the browser has to answer if a passkey confirms a step."""
    session = db.session()
    user = people.find_user(session, current_user.name)
    with transaction(session, beside=True):
        return jsonify(get=_begin(Purpose.CONFIRM, user))


@blueprint.post(f"{HERE}/codes")
def codes() -> Response:
    """Create new recovery codes, by a passkey."""
    session, made = db.session(), []
    user = people.find_user(session, current_user.name)
    with transaction(session):
        error = _try_passkey(ConfirmedForm().credential.data or "", user)
        if error is None:
            made = second_factor.new_recovery_codes(session, writer(), current_user.name)
    if error is not None:
        problem, status = _words(error)
        return _list_page(problem=problem, status=status)
    return _list_page(codes=made)


@blueprint.get(ONE)
def one(number: int) -> Response:
    """One of one's passkeys."""
    return _one_page(number)


@blueprint.post(f"{ONE}/rename")
def rename(number: int) -> Response:
    """Give it another name."""
    form, session = PasskeyNameForm(), db.session()
    if form.validate():
        with errors_in(form), transaction(session):
            name = form.name.data or ""
            verbs.rename_passkey(session, writer(), current_user.name, number, name)
    if form.errors:
        return _one_page(number, name_form=form, status=422)
    return go_to(url_for("passkeys.show"), _("Name saved."))


@blueprint.post(f"{ONE}/remove")
def remove(number: int) -> Response:
    """Remove it, by password and code."""
    session, form = db.session(), OffForm()
    if not form.validate():
        return _one_page(number, remove_form=form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _one_page(number, remove_form=form, status=entered.status)
    try:
        with errors_in(form, {"code": "one_time_code"}):
            with transaction(session):
                tried = try_own_code(form.one_time_code.data or "")
                if tried.account_id is not None:
                    verbs.remove_passkey(session, writer(), current_user.name, number)
            tried.verified_account()
    except AuthenticationFailed as error:
        return _one_page(number, remove_form=form, status=refused_code(form.one_time_code, error))
    if form.errors:
        return _one_page(number, remove_form=form, status=422)
    return _removed()


@blueprint.post(f"{ONE}/remove-by-passkey")
def remove_by_passkey(number: int) -> Response:
    """Remove it, by this one or another one."""
    session = db.session()
    user = people.find_user(session, current_user.name)
    verbs.find_passkey(session, user.id, number)
    with transaction(session):
        error = _try_passkey(ConfirmedForm().credential.data or "", user)
        if error is None:
            verbs.remove_passkey(session, writer(), current_user.name, number)
    if error is not None:
        problem, status = _words(error)
        return _one_page(number, problem=problem, status=status)
    return _removed()


def _removed() -> Response:
    return go_to(
        url_for("passkeys.show"),
        _("Passkey removed.")
        if second_factor.is_on(db.session(), acting().account_id or 0)
        else _("Passkey removed. Your password alone logs you in now."),
    )


def _try_passkey(answer: str, user: User) -> AuthenticationFailed | None:
    """Take a passkey instead of password and code, inside a transaction; what is wrong with it."""
    checked = _check(answer, Purpose.CONFIRM, user)
    if checked.passkey is not None:
        return None
    log_here("second factor wrong", user.name, "person", user.id, how=checked.how)
    return _count_failure(user.name)


def _problem(words: str, status: int = 422) -> Response:
    answer = jsonify(problem=words)
    answer.status_code = status
    return answer


def _list_page(
    form: AddPasskeyForm | None = None,
    *,
    codes: list[str] | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    session = db.session()
    user = people.find_user(session, current_user.name)
    page = render_template(
        "accounts/people/passkeys.html",
        user=user,
        passkeys=verbs.passkeys_of(session, user.id),
        left=second_factor.codes_left(session, user),
        demanded=second_factor.must_set_up(session, user),
        form=form or AddPasskeyForm(formdata=None),
        codes=codes or [],
        problem=problem,
    )
    return make_response(page, status)


def _one_page(
    number: int,
    *,
    name_form: PasskeyNameForm | None = None,
    remove_form: OffForm | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    session = db.session()
    user = people.find_user(session, current_user.name)
    found = verbs.find_passkey(session, user.id, number)
    remove_form = remove_form or OffForm(formdata=None)
    if user.totp_since is None:
        recovery_only(remove_form.one_time_code)
    page = render_template(
        "accounts/people/passkey.html",
        user=user,
        passkey=found,
        is_last=len(verbs.passkeys_of(session, user.id)) == 1,
        name_form=name_form or PasskeyNameForm(formdata=None, name=found.name),
        remove_form=remove_form,
        problem=problem,
    )
    return make_response(page, status)
