"""Verbs on API tokens: make, rotate, end, and who acts with one.

A system's token is made by an admin, a person's own by that person, who needs to be logged in for
it: no token makes another. A secret is returned once, when it is created, and stored as SHA-256
only: it has 256 random bits, so that nothing slower is needed against guessing, and wrong ones are
counted against nobody. Times are UTC.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session, selectinload

from app.accounts.models.partners import AccountSite, Partner, PartnerAccount
from app.accounts.models.people import ApiToken, TokenSecret, User, UserSite
from app.accounts.services.partners import ACCOUNT, actor_of_rows, find_account
from app.accounts.services.people import check_name
from app.accounts.services.personal_secrets import TOKENS
from app.accounts.services.security_notices import notify_person
from app.core.rules.access import Actor, ActorKind, Role, Writer, require_admin
from app.core.rules.errors import AuthenticationFailed, Forbidden, Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import LIVE_SECRETS, PREFIX, Scope, checked_lifetime, checked_scopes
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change, take_number
from app.core.services.security_log import log_on_commit

MAX_OWN = 20
"""Live tokens that one person may have."""
USE_NOTED_AFTER = timedelta(minutes=1)
"""The last use is written at most so often."""
_LOCK = "api token"
"""The counter whose lock lets one at a time look whether a name is taken, or how many live."""
_MANAGE = _("manage the tokens of systems")
_MAX_SECRET_LENGTH = 200
_MAX_NAME_LENGTH = 100


@dataclass(frozen=True)
class NewSecret:
    """A token and its new secret; the portal stores only its hash."""

    token: ApiToken
    secret: str


def create_token(
    session: Session,
    by: Writer,
    name: str,
    scopes: Iterable[str],
    days: int,
    account: str = "",
) -> NewSecret:
    """Create a system's token that lives ``days`` days (1 to 400), or one of the partner's account
    with the login ``account``. Only admins may."""
    _require_admin(by.actor)
    check_name("name", name, _("Name"))
    wanted = list(scopes)
    if Scope.ADMIN in wanted:
        raise Invalid(
            "scope", _("Only a personal token can have the scope admin: create one in your profile")
        )
    owner = None
    if account:
        checked_text("account", account, _MAX_NAME_LENGTH, label=_("Partner's account"))
        try:
            owner = find_account(session, account)
        except NotFound:
            raise Invalid("account", _("No partner has an account with this login")) from None
    return _create(session, by, owner, name, wanted, days)


def create_own_token(
    session: Session, by: Writer, label: str, scopes: Iterable[str], days: int
) -> NewSecret:
    """Create a token of the person who asks; its name is ``PERSON/LABEL``."""
    owner = _logged_in_person(session, by)
    check_name("name", label, _("Name"))
    name = f"{owner.name}/{label}"
    if len(name) > _MAX_NAME_LENGTH:
        room = _MAX_NAME_LENGTH - len(owner.name) - 1
        raise Invalid("name", _("Name: at most %(room)s characters after your own name", room=room))
    return _create(session, by, owner, name, scopes, days)


def find_token(session: Session, name: str) -> ApiToken:
    """The token of this name, ended or not; ``NotFound`` otherwise."""
    token = session.scalars(select(ApiToken).where(ApiToken.name == name)).first()
    if token is None:
        raise NotFound(_("There is no token with this name"))
    return token


def token_of_number(session: Session, by: Writer, number: int) -> ApiToken:
    """The token of this database key if the actor may manage it; ``NotFound`` otherwise, and for
    admins ``Forbidden`` never."""
    token = session.get(ApiToken, number)
    if token is None or _refusal(by.actor, token) is not None:
        raise NotFound(_("There is no such token"))
    return token


def all_tokens(session: Session) -> Sequence[ApiToken]:
    """Every token with its secrets: those of systems first, each part by name."""
    return session.scalars(
        select(ApiToken)
        .options(selectinload(ApiToken.secrets), selectinload(ApiToken.partner_account))
        .order_by(ApiToken.user_id.is_not(None), ApiToken.name)
    ).all()


def tokens_of(session: Session, user_id: int) -> Sequence[ApiToken]:
    """A person's own tokens with their secrets, by name."""
    return session.scalars(
        select(ApiToken)
        .where(ApiToken.user_id == user_id)
        .options(selectinload(ApiToken.secrets))
        .order_by(ApiToken.name)
    ).all()


def live_secrets(token: ApiToken, now: datetime) -> list[TokenSecret]:
    """The secrets with which the token can be used at ``now``, older first."""
    if token.ended_at is not None:
        return []
    return [one for one in token.secrets if one.ended_at is None and one.expires_at > now]


def rotate_token(
    session: Session, by: Writer, token: ApiToken, days: int | None = None
) -> NewSecret:
    """Give a token a second live secret, so that its program can change over without a gap.

    Without ``days`` it lives as long as the newest one did from its making. A person's token gets
    one from that person only: it lets its holder act as that person.
    """
    _require(by.actor, token)
    if token.user_id is not None and not _is_own(by.actor, token):
        raise Forbidden(
            _("You cannot add a secret to another person's token: it acts as that person")
        )
    _lock(session, token)
    if token.ended_at is not None:
        raise Invalid("token", _("This token has ended; create a new one"))
    if len(live_secrets(token, by.now)) >= LIVE_SECRETS:
        raise Invalid(
            "token",
            _(
                "A token has at most %(live_secrets)s active secrets; end the older one first",
                live_secrets=LIVE_SECRETS,
            ),
        )
    if days is not None:
        lifetime = checked_lifetime(days)
    else:
        newest = token.secrets[-1]
        lifetime = newest.expires_at - newest.created_at
    return NewSecret(token, _add_secret(session, by, token, lifetime))


def end_older_secret(session: Session, by: Writer, token: ApiToken) -> None:
    """End the older one of two live secrets at once; ``Invalid`` if there is only one."""
    _require(by.actor, token)
    _lock(session, token)
    live = live_secrets(token, by.now)
    if len(live) < LIVE_SECRETS:
        raise Invalid(
            "token", _("This token has no second active secret; rotate it first, or end it")
        )
    live[0].ended_at = by.now
    changed = [FieldChange("older_secret", "live", "ended")]
    _record(session, by, token, changed, _("The older secret of your API token {} was ended"))
    log_on_commit(session, by, "token ended", TOKENS, token.name, how="the older secret")


def end_token(session: Session, by: Writer, token: ApiToken) -> None:
    """End a token with all its secrets at once; a second time changes nothing."""
    _require(by.actor, token)
    _lock(session, token)
    if token.ended_at is not None:
        return
    token.ended_at = by.now
    changed = [FieldChange("ended", "no", "yes")]
    _record(session, by, token, changed, _("Your API token {} was ended"))
    log_on_commit(session, by, "token ended", TOKENS, token.name)


@dataclass(frozen=True)
class TokenUse:
    """Who acts with a secret, and whether its use is to be noted."""

    actor: Actor
    token_id: int
    is_due: bool


_tokens, _secrets, _users, _user_sites, _accounts, _account_sites, _partners = (
    row.__table__
    for row in (ApiToken, TokenSecret, User, UserSite, PartnerAccount, AccountSite, Partner)
)
_LIVE_SECRET = (
    # tables, not rows, and one read: it is part of each call
    select(
        _secrets.c.secret_hash,
        _tokens.c.id.label("token_id"),
        _tokens.c.name.label("token_name"),
        *(_tokens.c.scopes, _tokens.c.used_at, _tokens.c.partner_account_id, _tokens.c.user_id),
        _users.c.name.label("user_name"),
        _users.c.disabled_at.label("user_disabled_at"),
        *(_users.c.role, _users.c.time_zone, _user_sites.c.site_id.label("user_site")),
        *ACCOUNT,
    )
    .join(_tokens, _tokens.c.id == _secrets.c.token_id)
    .outerjoin(_users, _users.c.id == _tokens.c.user_id)
    .outerjoin(_user_sites, _user_sites.c.user_id == _users.c.id)
    .outerjoin(
        _accounts,
        (_accounts.c.id == _tokens.c.partner_account_id) & _accounts.c.disabled_at.is_(None),
    )
    .outerjoin(_partners, _partners.c.id == _accounts.c.partner_id)
    .outerjoin(_account_sites, _account_sites.c.account_id == _accounts.c.id)
    .where(
        _secrets.c.secret_hash == bindparam("digest"),
        _secrets.c.ended_at.is_(None),
        _secrets.c.expires_at > bindparam("now"),
        _tokens.c.ended_at.is_(None),
    )
)
"""A row for each site of the token's person or partner's account, one if there is none."""


def use_of_secret(session: Session, secret: str, now: datetime) -> TokenUse:
    """Who acts with this secret. Writes nothing; ``note_use`` does, if ``is_due``.

    Raises ``AuthenticationFailed``, the same for an unknown, expired or ended secret, an ended
    token and a disabled person.
    """
    if not secret.startswith(PREFIX) or len(secret) > _MAX_SECRET_LENGTH:
        raise AuthenticationFailed
    digest = digest_of(secret)
    rows = session.connection().execute(_LIVE_SECRET, {"digest": digest, "now": now}).all()
    if not rows or not hmac.compare_digest(rows[0].secret_hash, digest):
        raise AuthenticationFailed
    token = rows[0]
    scopes = _scopes(token.scopes)
    if token.partner_account_id is not None:
        if token.id is None:
            raise AuthenticationFailed
        actor = replace(actor_of_rows(rows), scopes=scopes)
    elif token.user_id is not None:
        if token.user_disabled_at is not None:
            raise AuthenticationFailed
        actor = Actor(
            kind=ActorKind.PERSON,
            account=token.user_name,
            account_id=token.user_id,
            role=Role(token.role),
            site_ids=frozenset(row.user_site for row in rows if row.user_site is not None),
            time_zone=token.time_zone,
            scopes=scopes,
        )
    else:
        actor = Actor(
            kind=ActorKind.TOKEN, account=token.token_name, account_id=token.token_id, scopes=scopes
        )
    is_due = token.used_at is None or token.used_at <= now - USE_NOTED_AFTER
    return TokenUse(actor, token.token_id, is_due)


def note_use(session: Session, use: TokenUse, now: datetime, remote: str) -> None:
    """Write the last use and its address, unless somebody did within the last minute."""
    session.execute(
        update(ApiToken)
        .where(
            ApiToken.id == use.token_id,
            or_(ApiToken.used_at.is_(None), ApiToken.used_at <= now - USE_NOTED_AFTER),
        )
        .values(used_at=now, used_from=remote)
    )


def _scopes(words: str) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in words.split())


def _create(
    session: Session,
    by: Writer,
    owner: User | PartnerAccount | None,
    name: str,
    scopes: Iterable[str],
    days: int,
) -> NewSecret:
    wanted = checked_scopes(scopes)
    lifetime = checked_lifetime(days)
    take_number(session, _LOCK)
    if session.scalars(select(ApiToken.id).where(ApiToken.name == name)).first() is not None:
        raise Invalid("name", _("A token with this name already exists, active or ended"))
    if isinstance(owner, User):
        live = [one for one in tokens_of(session, owner.id) if live_secrets(one, by.now)]
        if len(live) >= MAX_OWN:
            raise Invalid(
                "name",
                _(
                    "You have %(max_own)s active tokens, the maximum; end one first",
                    max_own=MAX_OWN,
                ),
            )
    words = " ".join(scope.value for scope in Scope if scope in wanted)
    token = ApiToken(
        name=name,
        user_id=owner.id if isinstance(owner, User) else None,
        partner_account_id=owner.id if isinstance(owner, PartnerAccount) else None,
        scopes=words,
        created_at=by.now,
    )
    session.add(token)
    session.flush()
    fields = [FieldChange("name", None, name), FieldChange("scopes", None, words)]
    if isinstance(owner, PartnerAccount):
        fields.append(FieldChange("account", None, owner.login))
    return NewSecret(token, _add_secret(session, by, token, lifetime, fields))


def _add_secret(
    session: Session,
    by: Writer,
    token: ApiToken,
    lifetime: timedelta,
    fields: Sequence[FieldChange] = (),
) -> str:
    secret = PREFIX + secrets.token_urlsafe(32)
    expires = by.now + lifetime
    token.secrets.append(
        TokenSecret(secret_hash=digest_of(secret), created_at=by.now, expires_at=expires)
    )
    session.flush()
    until = FieldChange("secret_until", None, f"{expires:%Y-%m-%d %H:%M}Z")
    words = (
        _("Your API token {} was created")
        if fields
        else _("A second secret of your API token {} was created")
    )
    _record(session, by, token, [*fields, until], words)
    log_on_commit(session, by, "token created", TOKENS, token.name)
    return secret


def _record(
    session: Session, by: Writer, token: ApiToken, fields: Sequence[FieldChange], words: str
) -> None:
    """Into the change log; and the person whose token it is is told in these words."""
    change = record_change(session, by, kind=TOKENS, thing_id=token.id, fields=fields)
    if token.user is not None:
        text = words.format(token.name)
        notify_person(session, by, token.user, change, _("An API token of yours was changed"), text)


def _logged_in_person(session: Session, by: Writer) -> User:
    actor = by.actor
    if actor.kind is not ActorKind.PERSON or actor.scopes is not None:
        raise Forbidden(_("Only a person who is logged in can have personal tokens"))
    return session.get_one(User, actor.account_id)


def _refusal(actor: Actor, token: ApiToken) -> str | None:
    """Why this account may not manage the token, or None: admins and its person may."""
    if _is_own(actor, token):
        return None
    try:
        _require_admin(actor)
    except Forbidden as error:
        return error.message
    return None


def _require_admin(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor is an admin who acts without a token."""
    if actor.scopes is not None:
        raise Forbidden(_("Tokens cannot manage tokens; log in to do that"))
    require_admin(actor, _MANAGE)


def _is_own(actor: Actor, token: ApiToken) -> bool:
    """Whether it is a token of this person, who is logged in."""
    logged_in = actor.kind is ActorKind.PERSON and actor.scopes is None
    return logged_in and token.user_id is not None and actor.account_id == token.user_id


def _require(actor: Actor, token: ApiToken) -> None:
    reason = _refusal(actor, token)
    if reason is not None:
        raise Forbidden(reason)


def _lock(session: Session, token: ApiToken) -> None:
    """Nobody else changes this token or its secrets until the transaction ends."""
    session.execute(select(ApiToken.id).where(ApiToken.id == token.id).with_for_update())
    session.refresh(token)
    session.refresh(token, ["secrets"])


def digest_of(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
