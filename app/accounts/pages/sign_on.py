"""Signing on with a provider of identities: the way there and back, linking an account, logout.

What a sign-on was started with (state, nonce, PKCE verifier) is in the browser's signed cookie,
once and for ten minutes: who brings an answer of the provider into another browser gets nothing. No
form leads to the provider, as the pages' policy lets forms lead to this portal only: links do.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
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

from app.accounts.adapters.openid import (
    LEEWAY,
    Client,
    OpenIdProvider,
    ProviderUnavailable,
    SignOnRefused,
)
from app.accounts.models.people import Login
from app.accounts.pages.login import LEAVING, PROVED_AT, browser, log_in
from app.accounts.rules.sign_on import Claimed, claimed
from app.accounts.services import identities, logins, people, second_factor
from app.accounts.web.own_password import AskPasswordForm, ask_password
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.addresses import network_of
from app.core.rules.errors import RETRY_AFTER, AuthenticationFailed, Invalid, NotFound
from app.core.rules.language import _
from app.core.settings import Settings
from app.core.sign_on_settings import REFUSE, SignOnSettings
from app.core.web.address_limits import SIGN_ON, limited
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.htmx import go_to
from app.core.web.person import acting, local_path, log_here, public, remote, writer
from app.core.web.requests.session_cookie import PENDING
from app.core.web.times import now

_log = logging.getLogger(__name__)
blueprint = Blueprint("sign_on", __name__)
OWN: Final = "/profile/sign-on"
BEGUN: Final = "sign_on"
"""Under which the cookie holds what sign-ons were started with, by their state."""
MAY_LINK: Final = "may_link"
"""Under which it holds who gave the password to link an account, and when."""
MAX_SECONDS: Final = 600
"""From the way to the provider to the way back."""
LINK_SECONDS: Final = 300
_MAX_BEGUN: Final = 3
"""Sign-ons begun in one browser, in several tabs: a cookie has 4 kB."""
_MAX_NEXT: Final = 300
_MAX_CODE: Final = 4096


class Begun(NamedTuple):
    """What one sign-on was started with."""

    nonce: str
    verifier: str
    next: str
    at: float
    """Seconds since 1970."""
    person: int
    """Whose account is to be linked; 0 = a login."""
    again: bool
    """Whether the provider was to ask who it is, even if it knew."""


def settings() -> SignOnSettings:
    """The provider's; raises ``NotFound`` if none exists."""
    found: Settings = current_app.config["PORTAL"]
    if not found.sign_on:
        raise NotFound
    return found.sign_on


def redirect_uri() -> str:
    """The address that is registered at the provider."""
    return f"{current_app.config['PORTAL'].public_url}{url_for('sign_on.done')}"


def _provider() -> OpenIdProvider:
    """The provider, with this process's cache of its document and keys."""
    found: OpenIdProvider | None = current_app.extensions.get("sign_on")
    if found is None:
        wanted = settings()
        found = current_app.extensions["sign_on"] = OpenIdProvider(
            Client(
                issuer=wanted.issuer,
                client_id=wanted.client_id,
                client_secret=wanted.client_secret,
                scopes=wanted.scopes,
                redirect_uri=redirect_uri(),
                private_hosts=current_app.config["PORTAL"].outbound_private_hosts,
            )
        )
    return found


@blueprint.get("/login/sign-on")
@public
@limited(SIGN_ON, methods=("GET",))
def begin() -> Response:
    """Lead to the provider."""
    settings()
    wanted = local_path(request.args.get("next", ""))
    linking = "link" in request.args
    again = linking or "again" in request.args
    public_url = current_app.config["PORTAL"].public_url
    if request.host.lower() != urlsplit(public_url).netloc.lower() and "moved" not in request.args:
        # the provider leads back to that host, where the cookie of this one is not sent
        more: dict[str, Any] = {name: "1" for name in ("link", "again") if name in request.args}
        there = url_for("sign_on.begin", moved="1", next=wanted or None, **more)
        return go_to(f"{public_url}{there}")
    person = _may_link() if linking else 0
    if person is None:
        return go_to(url_for("sign_on.own"))
    state, nonce, verifier = (secrets.token_urlsafe(size) for size in (24, 24, 48))
    try:
        address = _provider().authorization_url(
            state, nonce, verifier, again=again, caller=network_of(remote())
        )
    except ProviderUnavailable as error:
        return _unavailable(error)
    if len(wanted) > _MAX_NEXT:
        wanted = ""
    begun = Begun(nonce, verifier, wanted, now().timestamp(), person, again)
    before = sorted(cookie.get(BEGUN, {}).items(), key=lambda one: Begun(*one[1]).at)
    cookie[BEGUN] = dict(before[1 - _MAX_BEGUN :]) | {state: begun}
    return go_to(address)


@blueprint.get("/login/sign-on/done")
@public
@limited(SIGN_ON, methods=("GET",))
def done() -> Response:
    """Come back from the provider: log in, or link the account that started it."""
    issuer = settings().issuer
    begun = _taken(request.args.get("state", ""))
    if begun is None:
        return _refused(
            _(
                "This sign-in was not started in this browser, was finished before, or took more"
                " than ten minutes."
            ),
            "state",
        )
    if request.args.get("iss", issuer) != issuer:  # RFC 9207
        return _refused(_("The response came from another provider."), "issuer")
    code = request.args.get("code", "")
    if "error" in request.args or not code or len(code) > _MAX_CODE or not code.isprintable():
        _log.warning("sign-on: the provider answers %r", request.args.get("error", "")[:100])
        return _refused(
            _("%(name)s did not sign you in.", name=settings().name), "refused by the provider"
        )
    try:
        said, proved_at = _said(code, begun)
    except ProviderUnavailable as error:
        return _unavailable(error)
    except SignOnRefused as error:
        _log.warning("sign-on: %s", error)
        return _refused(
            _("The response from %(name)s could not be verified.", name=settings().name),
            "proof",
            502,
        )
    if begun.person:
        return _link(begun.person, said)
    return _log_in(said, begun.next, proved_at)


def _said(code: str, begun: Begun) -> tuple[Claimed, int]:
    """What the provider says, and when the person proved to it who it is; 0 = not known."""
    claims, id_token = _provider().claims(
        code, begun.verifier, begun.nonce, now(), network_of(remote())
    )
    said = claimed(settings().issuer, claims, settings().claims, id_token)
    if said is None:
        raise SignOnRefused("it names nobody")
    at = claims.get("auth_time", 0)  # required from a provider after a request with max_age
    is_time = isinstance(at, int | float) and 0 < at <= _seconds() + LEEWAY
    return said, int(at) if is_time else 0


def _log_in(said: Claimed, wanted: str, proved_at: int) -> Response:
    session, old = db.session(), cookie.get("_user_id")
    by = Writer(actor=SYSTEM, door=Door.PORTAL, now=now(), remote=remote())
    try:
        with transaction(session):
            refuse = settings().unmapped == REFUSE
            user = identities.sign_on(session, by, said, refuse_unmapped=refuse)
            if user is not None:
                if isinstance(old, str):
                    people.end_login(session, old, now())
                name, key = user.name, user.id
                if needs_code := second_factor.is_on(session, key):
                    token = logins.begin_pending(session, key, now(), sign_on=True)
                else:
                    token = people.start_login(
                        session, key, now(), remote=remote(), browser=browser(), sign_on=True
                    )
    except AuthenticationFailed:
        return _refused(
            _("Your account is disabled here; an administrator can enable it."), "disabled", 403
        )
    if user is None:
        return _without_role(said)
    cookie.clear()
    if needs_code:
        cookie[PENDING] = token
        log_here("second factor asked", name, "person", key)
        return go_to(url_for("second_factor.ask", next=wanted or None))
    login = logins.live_login(session, token, now())
    if login is None:  # disabled at this moment
        return go_to(url_for("login.login"))
    log_in(token, login, "sign-on")
    cookie[PROVED_AT] = proved_at
    return go_to(wanted or url_for("home.page"))


def _without_role(said: Claimed) -> Response:
    """The page for somebody to whom the map gives no role: what to do, and what is known now."""
    name, contact = settings().name, settings().contact
    log_here("failed login", "", "person", "", how="sign-on: no role")
    message = _(
        "%(name)s signed you in, but none of your groups or entitlements there has a role in this"
        " portal.",
        name=name,
    )
    page = render_template(
        "accounts/sign_on/refused.html",
        heading=_("You have no access yet"),
        message=message,
        contact=contact,
        said=said,
    )
    return make_response(page, 403)


def _link(person: int, said: Claimed) -> Response:
    if not current_user.is_authenticated or acting().account_id != person:
        return _refused(
            _("The account to link is no longer logged in. Log in and start again."), "link"
        )
    session = db.session()
    try:
        with transaction(session):
            identities.link(session, writer(), current_user.name, said)
    except Invalid as error:
        flash(f"{error.message}.", "trouble")
    else:
        flash(_("Your account is linked to %(name)s.", name=settings().name), "ok")
    return go_to(url_for("sign_on.own"))


@blueprint.get(OWN)
def own() -> Response:
    """One's own link to the provider."""
    return _own_page()


@blueprint.post(f"{OWN}/link")
def link() -> Response:
    """Take the password, and offer the way to the provider."""
    settings()
    form = AskPasswordForm()
    if not form.validate():
        return _own_page(form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _own_page(form, status=entered.status)
    cookie[MAY_LINK] = [acting().account_id, _seconds()]
    return go_to(url_for("sign_on.own"))


@blueprint.post(f"{OWN}/unlink")
def unlink() -> Response:
    """Take the link off, by the password."""
    issuer, form = settings().issuer, AskPasswordForm()
    if not form.validate():
        return _own_page(form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _own_page(form, status=entered.status)
    session = db.session()
    try:
        with writing_once(session):
            logins.verified_user(session, entered.attempt)
            identities.unlink(session, writer(), current_user.name, issuer)
    except (Invalid, NotFound) as error:
        return _own_page(form, problem=f"{error.message}.", status=422)
    return go_to(
        url_for("sign_on.own"), _("Your account is unlinked from %(name)s.", name=settings().name)
    )


@blueprint.get("/logout/sign-on")
@public
def leave() -> Response:
    """After logging out here: the way to the end of the session at the provider."""
    number = cookie.pop(LEAVING, None)
    address, found = "", current_app.config["PORTAL"].sign_on
    if isinstance(number, int) and found:
        session = db.session()
        login = session.get(Login, number)
        known = login and identities.identity_of(session, login.user, found.issuer)
        id_token = known.id_token if known else ""
        session.rollback()
        try:
            home = f"{current_app.config['PORTAL'].public_url}{url_for('login.login')}"
            address = _provider().logout_url(id_token, home, network_of(remote()))
        except ProviderUnavailable as error:
            _log.warning("sign-on: %s", error)
    if not address:
        return go_to(url_for("login.login"))
    return make_response(render_template("accounts/sign_on/leave.html", address=address))


def _taken(state: str) -> Begun | None:
    """What this state was started with, used up; None if it is not one of this browser's, or too
    old."""
    begun = dict(cookie.get(BEGUN, {}))
    known = next((one for one in begun if hmac.compare_digest(one.encode(), state.encode())), None)
    if known is None:
        return None
    found = Begun(*begun.pop(known))
    cookie[BEGUN] = begun
    return found if _seconds() - found.at <= MAX_SECONDS else None


def _may_link() -> int | None:
    """Who gave the password to link an account; used up. None if nobody did, or long ago."""
    if not current_user.is_authenticated:
        return None
    person, at = cookie.pop(MAY_LINK, (0, 0))
    fresh = _seconds() - at <= LINK_SECONDS
    return person if fresh and person == acting().account_id else None


def _seconds() -> int:
    return int(now().timestamp())


def _unavailable(error: ProviderUnavailable) -> Response:
    _log.warning("sign-on: %s", error)
    name = settings().name
    answer = _message(
        503,
        _("%(name)s is not available", name=name),
        _(
            "%(name)s does not respond, or not correctly. Try again in a few minutes. If you"
            " have a password for the portal, you can log in with it.",
            name=name,
        ),
    )
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _refused(message: str, how: str, status: int = 400) -> Response:
    log_here("failed login", "", "person", "", how=f"sign-on: {how}")
    return _message(status, _("You are not signed in"), message)


def _message(status: int, heading: str, message: str) -> Response:
    page = render_template("accounts/sign_on/refused.html", heading=heading, message=message)
    return make_response(page, status)


def _own_page(
    form: AskPasswordForm | None = None, *, problem: str = "", status: int = 200
) -> Response:
    session, issuer = db.session(), settings().issuer
    user = people.find_user(session, current_user.name)
    person, at = cookie.get(MAY_LINK, (0, 0))
    page = render_template(
        "accounts/sign_on/own.html",
        identity=identities.identity_of(session, user, issuer),
        user=user,
        form=form or AskPasswordForm(formdata=None),
        may_link=person == user.id and _seconds() - at <= LINK_SECONDS,
        problem=problem,
    )
    return make_response(page, status)


def _surroundings() -> dict[str, Any]:
    """What people call the provider, for every page; "" if none exists."""
    return {"sign_on_name": current_app.config["PORTAL"].sign_on.name}


def register(flask_app: Flask) -> None:
    """Bind the pages, and what others show of sign-on."""
    flask_app.register_blueprint(blueprint)
    flask_app.context_processor(_surroundings)
