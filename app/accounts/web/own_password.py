"""Asking the person who is logged in for the password again, before what a stolen cookie alone must
not do: a new token or calendar address, a second factor, its recovery codes, another password,
where secrets of partners are sent."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_login import current_user
from flask_wtf import FlaskForm

from app.accounts.services import credentials
from app.accounts.web.failed_logins import log_failed_login
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind
from app.core.rules.errors import TooManyAttempts
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.forms import own_password
from app.core.web.person import acting, remote, secret_key
from app.core.web.times import now

WRONG = _("This is not your password")
SIGN_ON_AGAIN = _("Sign in again first (profile, Sign-on), then repeat this within ten minutes")


class AskPasswordForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A step that requires the password again."""

    password = own_password()


class Asked(NamedTuple):
    """Result: ``attempt`` if the password is right, else the answer's ``status``."""

    attempt: credentials.Attempt | None
    status: int = 200


def ask_password(field: Any) -> Asked:
    """Try what was typed into a form's password field; what is wrong is said at the field.

    People who only use sign-on have no password: a fresh sign-on replaces it.

    The next step uses ``logins.verified_user`` with the attempt in its own transaction.
    """
    session, name = db.session(), current_user.name
    if current_user.instead_of_password:
        if current_user.signed_on_lately:
            return Asked(credentials.Attempt("", acting().account_id))
        field.errors = [SIGN_ON_AGAIN]
        return Asked(None, 422)
    tried = credentials.attempt(
        session, ActorKind.PERSON, name, field.data or "", now(), secret_key()
    )
    if tried.needs_record:
        with transaction(session):
            tried = credentials.record_attempt(session, tried, now(), remote())
    if tried.account_id is not None:
        return Asked(tried)
    many = isinstance(tried.error, TooManyAttempts)
    log_failed_login(name, "password asked again")
    field.errors = [f"{tried.error.message}." if many and tried.error else WRONG]
    return Asked(None, 429 if many else 422)
