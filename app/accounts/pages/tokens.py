"""Pages of API tokens: those of systems for admins, and for everybody their own.

Both are the same pages at two addresses. Who makes a secret types the password again. A new secret
is in the answer to the one request that made it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    make_response,
    render_template,
    url_for,
)
from flask_login import current_user

from app.accounts.models.people import ApiToken
from app.accounts.pages.token_forms import OwnTokenForm, TokenForm
from app.accounts.services import tokens as verbs
from app.accounts.services.lapses import lapses_at
from app.accounts.services.logins import verified_user
from app.accounts.services.people import find_user
from app.accounts.services.tokens import NewSecret
from app.accounts.web.own_password import AskPasswordForm, ask_password
from app.core.rules.access import require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import MEANINGS
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now

NUMBER = "/<int(max=2147483647):number>"
_RENAMED = {"scope": "scopes", "expires": "days"}


class TokenPages:
    """The pages at one of the two addresses."""

    def __init__(self, name: str, prefix: str, *, own: bool) -> None:
        self.own = own
        self.name = name
        self.blueprint = Blueprint(name, __name__, url_prefix=prefix)
        add = self.blueprint.add_url_rule
        add("", "listing", self.listing, methods=["GET"])
        add("", "create", self.create, methods=["POST"])
        for do in (self.rotate, self.end_older, self.end):
            word = do.__name__.replace("_", "-")
            add(f"{NUMBER}/{word}", do.__name__, do, methods=["POST"])
        if not own:
            self.blueprint.before_request(_admins_only)

    def listing(self) -> Response:
        """The tokens, and the form of a new one."""
        return self._page()

    def create(self) -> Response:
        """Create a token and show its secret once."""
        form = self._form()
        if not form.validate():
            return self._page(form=form, status=422)
        entered = ask_password(form.password)
        if entered.attempt is None:
            return self._page(form=form, status=entered.status)
        session = db.session()
        verb = verbs.create_own_token if self.own else verbs.create_token
        with errors_in(form, _RENAMED), writing_once(session):
            verified_user(session, entered.attempt)
            made = verb(session, writer(), *form.wanted())
        if form.errors:
            return self._page(form=form, status=422)
        return self._page(made=made)

    def rotate(self, number: int) -> Response:
        """Add a second live secret and show it once."""
        self._found(number)
        form = AskPasswordForm()
        if not form.validate():
            return self._page(problem=form.password.errors[0], status=422)
        entered = ask_password(form.password)
        if entered.attempt is None:
            problem = form.password.errors[0].rstrip(".")
            return self._page(problem=problem, status=entered.status)
        session = db.session()
        try:
            with writing_once(session):
                verified_user(session, entered.attempt)
                made = verbs.rotate_token(session, writer(), self._found(number))
        except Invalid as error:
            return self._page(problem=error.message, status=422)
        return self._page(made=made)

    def end_older(self, number: int) -> Response:
        """End the older of two live secrets."""
        return self._changed(number, verbs.end_older_secret, _("The older secret of {} has ended."))

    def end(self, number: int) -> Response:
        """End a token at once."""
        return self._changed(number, verbs.end_token, _("Token {} has ended."))

    def _changed(self, number: int, verb: Callable[..., None], words: str) -> Response:
        session = db.session()
        try:
            with writing_once(session):
                found = self._found(number)
                verb(session, writer(), found)
                name = found.name
        except Invalid as error:
            return self._page(problem=error.message, status=422)
        return go_to(url_for(f"{self.name}.listing"), words.format(name))

    def _found(self, number: int) -> ApiToken:
        found = verbs.token_of_number(db.session(), writer(), number)
        if self.own and found.user_id != acting().account_id:
            raise NotFound
        return found

    def _form(self, **more: None) -> OwnTokenForm:
        return OwnTokenForm(**more) if self.own else TokenForm(**more)

    def _page(
        self,
        *,
        form: OwnTokenForm | None = None,
        made: NewSecret | None = None,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        session = db.session()
        found = own_tokens() if self.own else verbs.all_tokens(session)
        page = render_template(
            "accounts/tokens/list.html",
            own=self.own,
            me=acting().account_id,
            at=self.name,
            form=form or self._form(formdata=None),
            rows=[(one, verbs.live_secrets(one, now())) for one in found],
            meanings=MEANINGS,
            new_secret=made.secret if made is not None else "",
            new_name=made.token.name if made is not None else "",
            problem=problem,
        )
        return make_response(page, status)


def _admins_only() -> None:
    require_admin(acting(), _("see and manage the tokens of systems"))


def own_tokens() -> Sequence[ApiToken]:
    """The tokens of the person who is logged in."""
    return verbs.tokens_of(db.session(), acting().account_id or 0)


def live_own_tokens() -> int:
    """How many live tokens the person has; for the profile."""
    if not current_user.is_authenticated:
        return 0
    return sum(bool(verbs.live_secrets(one, now())) for one in own_tokens())


def own_access_ends() -> datetime | None:
    """When the tokens and the calendar address of the person end without another sign-on."""
    if not current_user.is_authenticated:
        return None
    session, sign_on = db.session(), current_app.config["PORTAL"].sign_on
    return lapses_at(
        session, find_user(session, current_user.name), sign_on.lapse_days if sign_on else 0
    )


of_systems = TokenPages("tokens", "/admin/tokens", own=False)
of_oneself = TokenPages("own_tokens", "/profile/tokens", own=True)


def register(flask_app: Flask) -> None:
    """Bind both addresses, and what the profile shows of one's own."""
    flask_app.register_blueprint(of_systems.blueprint)
    flask_app.register_blueprint(of_oneself.blueprint)
    flask_app.add_template_global(live_own_tokens)
    flask_app.add_template_global(own_access_ends)
