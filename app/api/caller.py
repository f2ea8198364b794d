"""Who calls: the token of the Authorization header and nothing else, no cookie; and what it may."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Final

from flask import current_app, g, request
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.accounts.services import tokens
from app.api.limits import PREFIX
from app.api.rate_limit import RATE_LIMIT, RateLimit, TooManyRequests
from app.core.database.transactions import begin_read, transaction
from app.core.rules.access import Actor, Door, refusal_by_scope
from app.core.rules.addresses import kept_address
from app.core.rules.errors import AuthenticationFailed, Forbidden
from app.core.rules.scopes import Scope
from app.core.services.refusals import Refusals
from app.core.services.security_log import log_event


class ScopeMissing(Forbidden):
    """The token is not valid for this resource; ``scope`` says what would be enough (RFC 6750)."""

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


LISTS: Final = "lists_logged"
"""Where the application keeps which lists were logged, and when."""
_LIST_EVERY: Final = 3600.0
"""Seconds."""
_MAX_LISTS: Final = 10_000
ENGINE = "portal_engine"
"""Where the application keeps the engine of the portal's database."""


def session() -> Session:
    """The session of this request."""
    if "session" not in g:
        engine = current_app.extensions[ENGINE]
        assert isinstance(engine, Engine)
        g.session = Session(engine)
    found = g.session
    assert isinstance(found, Session)
    return found


def end_session(_error: BaseException | None) -> None:
    """Give the session back at the end of the request."""
    opened = g.pop("session", None)
    if opened is not None:
        opened.close()


def caller(*enough: Scope) -> Actor:
    """The account behind the request's token, which has one of these scopes.

    Raises ``AuthenticationFailed``, ``TooManyRequests``, or ``Forbidden`` naming the scope that is
    missing.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise AuthenticationFailed
    now = datetime.now(UTC)
    begin_read(session())
    use = tokens.use_of_secret(session(), secret.strip(), now)
    if use.is_due:
        with transaction(session(), beside=True):
            tokens.note_use(session(), use, now, kept_address(request.remote_addr))
        begin_read(session())
    g.actor, g.token_id = use.actor, use.token_id
    limit: RateLimit = current_app.extensions[RATE_LIMIT]
    try:
        g.rate_headers = limit.count(use.token_id, monotonic())
    except TooManyRequests as error:
        if error.is_first:
            note("too many requests", request.endpoint or "")
        raise
    reason = refusal_by_scope(use.actor, *enough)
    if reason is not None:
        raise ScopeMissing(reason, " ".join(enough))
    return use.actor


def give_call_back() -> None:
    """Leave the present call out of the token's limit: it was answered that nothing changed."""
    limit: RateLimit = current_app.extensions[RATE_LIMIT]
    g.rate_headers = limit.give_back(g.token_id, monotonic())


def note_refusal(error: Forbidden) -> None:
    """Into the audit, by the address's pattern: what is in the address was sent."""
    actor = g.get("actor")
    if actor is None:
        return
    refusals: Refusals = current_app.extensions["refusals"]
    refusals.note(
        session(),
        actor,
        Door.API,
        what=f"{request.method} {PREFIX}{request.url_rule or ''}",
        reason=error.message,
        remote=request.remote_addr,
        now=datetime.now(UTC),
        thing=" ".join(str(part) for part in (request.view_args or {}).values()),
    )


def note(what: str, thing: str) -> None:
    """One line in the security log about the account that calls."""
    actor = g.get("actor")
    log_event(
        what,
        door=Door.API,
        account=actor.account if actor is not None else "",
        remote=kept_address(request.remote_addr),
        kind="operation",
        thing=thing,
    )


def note_list(name: str) -> None:
    """The same for a list that was read: of one token and operation once an hour of this process,
    as programs page through lists and read them again."""
    listed: dict[tuple[int, str], float] = current_app.extensions.setdefault(LISTS, {})
    key, moment = (g.token_id, name), monotonic()
    if key in listed and moment < listed[key] + _LIST_EVERY:
        return
    if len(listed) >= _MAX_LISTS:
        listed.clear()
    listed[key] = moment
    note("list", name)


def note_failed_login() -> None:
    """One line in the security log for a token that does not exist, or no longer."""
    log_event(
        "failed login",
        door=Door.API,
        account="",
        remote=kept_address(request.remote_addr),
        kind="token",
        how="bearer",
    )
