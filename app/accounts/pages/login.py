"""Logging in and out, and the login check: whatever is not marked public needs a login.

The cookie carries a random id of which the database keeps the hash. The session is emptied at
login and logout, so that nobody can be given a session beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    g,
    make_response,
    render_template,
    request,
    url_for,
)
from flask import (
    session as cookie,
)
from flask_login import UserMixin, current_user, login_user, logout_user

from app.accounts.models.people import Login, User
from app.accounts.pages import browsers
from app.accounts.pages.people_forms import AskCodeForm, LoginForm, recovery_only
from app.accounts.services import credentials, logins, people, second_factor
from app.accounts.web.failed_logins import MAX_NAME_LENGTH, log_failed_login
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind
from app.core.rules.errors import AuthenticationFailed, Forbidden, TooManyAttempts
from app.core.rules.language import _, counted
from app.core.web.address_limits import LOGIN, limited
from app.core.web.errors import (
    SECRET_FIELDS,
    carried,
    echoed,
    from_our_own_page,
    sent_values,
    typed_values,
)
from app.core.web.extensions import db, login_manager
from app.core.web.htmx import asking_page, go_to
from app.core.web.person import (
    PUBLIC,
    asks_by_itself,
    local_path,
    log_here,
    public,
    remote,
    secret_key,
)
from app.core.web.requests.session_cookie import LOGGED_OUT, PENDING, sender_held_login
from app.core.web.times import now

blueprint = Blueprint("login", __name__)
_SAME_WORDS = _("Name or password is wrong, or the account is disabled.")
SEND_TO = "send-to"
"""The field of the login's form that holds the address to which a form was sent without a login."""
KEPT = "kept."
"""Before the names of that form's fields."""
FRESH_FOR = timedelta(minutes=10)
"""So long a sign-on stands for a password that is requested again."""
SIGN_ON_INSTEAD = _(
    "You have no password here: leave this empty, and sign in again at most ten minutes before"
    " (profile, Sign-on)."
)
PROVED_AT = "proved_at"
"""Under which the cookie holds when the person proved to a provider who it is (seconds, 1970)."""
LEAVING = "leaving"
"""Under which the cookie names the login, by its number, that ends at the provider as well."""
_SET_UP = frozenset(
    {
        "second_factor.show",
        "second_factor.begin",
        "second_factor.confirm",
        "passkeys.show",
        "passkeys.add_options",
        "passkeys.add",
        "profile.theme",
    }
)
"""All that an admin may do who still has to set up a second factor."""


class Person(UserMixin):  # type: ignore[misc]  # flask-login is untyped
    """The person behind a live login."""

    def __init__(self, token: str, login: Login, cursor: int = 0) -> None:
        actor = people.actor_of_user(login.user)
        self.token = token
        self.login_id = login.id
        self.second_factor = login.second_factor
        self.actor = actor
        self.name = actor.account
        self.role = str(actor.role)
        self.time_zone = actor.time_zone
        self.list_columns = login.user.list_columns
        self.visited_at = login.user.visited_at
        self.seen_until = login.user.seen_until
        self.shortcuts = login.user.shortcuts
        self.updates = login.user.updates
        self.cursor = cursor
        """The change log's newest id when this request began."""
        self.must_set_up = not login.sign_on and second_factor.must_set_up(db.session(), login.user)
        """A second factor, before anything else. Who signs on: the provider answers for that."""
        self.signed_on = login.sign_on
        """Whether a provider of identities said who it is."""
        self.signed_on_lately = login.sign_on and _is_proved_lately(login)
        self.instead_of_password = "" if login.user.password_hash else SIGN_ON_INSTEAD
        """What stands for the password that this person does not have; "" = there is one."""
        self.unseen = logins.needs_seen(login, now())
        """For so long that the last use is to be written."""

    def get_id(self) -> str:
        """What the cookie carries."""
        return self.token


def _is_proved_lately(login: Login) -> bool:
    """Whether the person behind a sign-on proved a moment ago who it is, and was not only known to
    the provider still: there, or by the second factor here."""
    since = now() - FRESH_FOR
    here = login.second_factor and login.created_at > since
    return here or cookie.get(PROVED_AT, 0) > since.timestamp()


def browser() -> str:
    """What the browser calls itself, as stored."""
    return browsers.as_kept(request.user_agent.string)


def _load(token: str) -> Person | None:
    found = logins.live_login_here(db.session(), token, now())
    if found is None:
        return None
    login, g.demo, cursor = found
    if logins.is_idle(login, now(), timedelta(hours=_idle_hours())):
        g.idle_login = (token, login.id, login.user.name)
        return None
    return Person(token, login, cursor)


def _idle_hours() -> int:
    hours: int = current_app.config["PORTAL"].login_idle_hours
    return hours


def _end_idle_login() -> str:
    """End the login of this request if it was not used for too long, and say so; else ""."""
    idle = g.pop("idle_login", None)
    if idle is None:
        return ""
    token, number, name = idle
    session, hours = db.session(), _idle_hours()
    with transaction(session):
        people.end_login(session, token, now())
    log_here("logout", name, "login", number, how="not used for too long")
    return counted(
        "Your session expired because it was not used for %(num)s hour.",
        "Your session expired because it was not used for %(num)s hours.",
        hours,
    )


def _gate() -> Response | None:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static" or getattr(view, PUBLIC, False):
        return None
    if current_user.is_authenticated:
        return _gate_of_the_known(by_itself=asks_by_itself(view))
    ended = _end_idle_login()
    if asks_by_itself(view):  # it must not lead the page away from what is being written there
        _flash_ended(ended)
        return Response(status=401)
    if request.method not in ("GET", "HEAD"):
        back = urlsplit(asking_page() or request.headers.get("Referer", "")).path
        typed = typed_values()
        if asking_page() or not typed:
            _flash_ended(ended)
            return go_to(url_for("login.login", next=local_path(back) or None))
        form = LoginForm(formdata=None, next=local_path(back))
        kept = _to_send_again()
        ended = ended or _("Your session has expired.")
        problem = (
            _(
                "%(ended)s Nothing was stored. What you typed is below; send it again after"
                " you log in.",
                ended=ended,
            )
            if kept
            else _(
                "%(ended)s Nothing was stored. What you typed is below; copy it if you need it.",
                ended=ended,
            )
        )
        page = render_template(
            "accounts/login.html", form=form, problem=problem, typed=echoed(typed), kept=kept
        )
        return make_response(page, 401)
    if asking_page():
        parts = urlsplit(asking_page())
        path = parts.path + (f"?{parts.query}" if parts.query else "")
    else:
        path = request.full_path.rstrip("?")
    wanted = local_path(path)
    _flash_ended(ended)
    return go_to(url_for("login.login", next=wanted if wanted != "/" else None))


def _flash_ended(ended: str) -> None:
    if ended:
        flash(_("%(ended)s Log in to continue.", ended=ended), "waiting")


def _to_send_again() -> list[tuple[str, str]]:
    """What was sent, and where to, as fields of the login's own form; none of what came from
    another site, or holds files or secrets."""
    if (
        not from_our_own_page()
        or request.files
        or SECRET_FIELDS & ({*request.form} - {"csrf_token"})
    ):
        return []
    fields = [(KEPT + name, value) for name, value in carried(sent_values())]
    return [(SEND_TO, request.full_path.rstrip("?")), *fields] if fields else []


def kept_fields() -> list[tuple[str, str]]:
    """What the login's form carries of that."""
    sent = request.form.items(multi=True)
    named = carried([(name, value) for name, value in sent if name.startswith(KEPT)])
    to = local_path(request.form.get(SEND_TO, ""), "POST")
    return [(SEND_TO, to), *named] if to else []


def _gate_of_the_known(*, by_itself: bool) -> Response | None:
    if current_user.unseen and not by_itself:
        session = db.session()
        with transaction(session, beside=True):
            logins.note_seen(session, current_user.login_id, now())
    if not current_user.must_set_up or request.endpoint in _SET_UP:
        return None
    if request.method not in ("GET", "HEAD"):
        raise Forbidden(_("Admins need a second factor: set one up, then send this again"))
    return go_to(url_for("second_factor.show"))


@blueprint.route("/login", methods=["GET", "POST"])
@public
@limited(LOGIN)
def login() -> Response:
    """The login page, and the login itself."""
    form = LoginForm(next=request.args.get("next", ""))
    target = local_path(form.next.data or "") or url_for("home.page")
    if request.method == "GET":
        if current_user.is_authenticated:
            return go_to(target)
        return make_response(render_template("accounts/login.html", form=form, problem=None))
    kept = kept_fields()
    if not form.validate():
        page = render_template("accounts/login.html", form=form, problem=None, kept=kept)
        return make_response(page, 422)
    try:
        token, login = _begin(form.name.data or "", form.password.data or "")
    except AuthenticationFailed as error:
        many = isinstance(error, TooManyAttempts)
        log_failed_login(form.name.data or "", _("too many attempts") if many else "password")
        problem = f"{error.message}." if many else _SAME_WORDS
        page = render_template("accounts/login.html", form=form, problem=problem, kept=kept)
        return make_response(page, 429 if many else 401)
    cookie.clear()
    if login is None:
        cookie[PENDING] = token
        wanted = local_path(form.next.data or "")
        pending = logins.find_pending(db.session(), token, now())
        if pending is not None:
            log_here("second factor asked", pending.user.name, "person", pending.user_id)
        if pending is not None and kept:
            g.pop("csrf_token", None)  # flask-wtf's of the emptied session
            return code_page(AskCodeForm(formdata=None, next=wanted), pending.user, kept=kept)
        return go_to(url_for("second_factor.ask", next=wanted or None))
    log_in(token, login)
    return gone_on(target, kept)


def log_in(token: str, login: Login, how: str = "password") -> None:
    """Give this browser a login that has started."""
    login_user(Person(token, login))
    log_here("login", login.user.name, "login", login.id, how=how)


def gone_on(target: str, kept: Sequence[tuple[str, str]]) -> Response:
    """Where a person goes who is logged in now: to send again what was sent without a login, else
    to the page that was wanted."""
    if not kept:
        return go_to(target)
    g.pop("csrf_token", None)  # flask-wtf's of the emptied session
    (_, send_to), *fields = kept
    again = [(name.removeprefix(KEPT), value) for name, value in fields]
    typed = echoed([(name, value) for name, value in again if value])
    page = render_template(
        "accounts/login_again.html", send_to=send_to, carried=again, typed=typed, home=target
    )
    return make_response(page)


def code_page(
    form: AskCodeForm,
    user: User,
    status: int = 200,
    kept: Sequence[tuple[str, str]] = (),
    *,
    problem: str = "",
) -> Response:
    """The page that asks for the code or passkey behind the password; it carries what was
    ``kept``, and says ``problem`` of a passkey."""
    many = second_factor.needs_two_codes(db.session(), user.name, now())
    two = second_factor.TWO_CODES if many and user.totp_since else ""
    if user.totp_since is None:
        recovery_only(form.one_time_code)
    page = render_template(
        "accounts/login_code.html",
        form=form,
        name=user.name,
        two=two,
        kept=kept,
        problem=problem,
        has_app=user.totp_since is not None,
        has_passkey=second_factor.has_passkey(db.session(), user.id),
    )
    return make_response(page, status)


def _begin(name: str, password: str) -> tuple[str, Login | None]:
    """The new login and its random id; or None, where the second factor is to be asked for."""
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        name = ""  # nobody has such a name; it costs what any unknown one costs
    session = db.session()
    tried = credentials.attempt(session, ActorKind.PERSON, name, password, now(), secret_key())
    if tried.needs_record:
        with transaction(session, beside=True):
            tried = credentials.record_attempt(session, tried, now(), remote())
    tried.verified_account()
    with transaction(session):
        account = logins.verified_user(session, tried).id
        old = cookie.get("_user_id")
        if isinstance(old, str):
            people.end_login(session, old, now())
        if second_factor.is_on(session, account):
            return logins.begin_pending(session, account, now()), None
        token = people.start_login(session, account, now(), remote=remote(), browser=browser())
    login = logins.live_login(session, token, now())
    if login is None:
        raise AuthenticationFailed
    return token, login


@blueprint.post("/logout")
@public
def logout() -> Response:
    """End the login."""
    had_login, leaving = sender_held_login(), None
    if current_user.is_authenticated:
        leaving = current_user.login_id if current_user.signed_on else None
        session = db.session()
        with transaction(session):
            people.end_login(session, current_user.token, now())
        log_here("logout", current_user.name, "login", current_user.login_id)
        logout_user()
    cookie.clear()
    if had_login:
        cookie[LOGGED_OUT] = True
    flash(_("You are logged out."), "ok")
    if leaving is not None:
        cookie[LEAVING] = leaving
        return go_to(url_for("sign_on.leave"))
    return go_to(url_for("login.login"))


def register(flask_app: Flask) -> None:
    """Bind the login check and the loader of people."""
    login_manager.user_loader(_load)
    login_manager.session_protection = None  # the login is a row; addresses may change
    flask_app.before_request(_gate)
    flask_app.register_blueprint(blueprint)
