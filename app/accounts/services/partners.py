"""Verbs on partners: a code, its accounts with their switches, and the accounts' secrets.

Only admins and the portal itself may; who else tries gets ``Forbidden``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.models.partners import AccountSecret, AccountSite, Partner, PartnerAccount
from app.accounts.models.people import ApiToken
from app.accounts.rules.passwords import MAX_PASSWORD_LENGTH, checked_secret
from app.accounts.services.credentials import REMEMBERED, hash_password, remembered_by
from app.accounts.services.people import check_name
from app.core.models.changes import Change
from app.core.rules.access import (
    CONTRACT_YEARS,
    Actor,
    ActorKind,
    TicketAccess,
    Writer,
    require_admin,
)
from app.core.rules.errors import AuthenticationFailed, Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_choice, checked_text
from app.core.services.changes import FieldChange, record_change, take_number
from app.core.services.security_log import log_on_commit
from app.registry.models.registry import Site
from app.registry.services.registry import require_site

LIVE_SECRETS = 2
"""An account may have two live secrets, so that it can be rotated without a gap."""
MAX_CODE_LENGTH = 50
_LOCK = "partner account"
"""The counter whose lock lets one admin at a time look whether a code or login is taken."""
_MANAGE = _("manage partners and their accounts")


def new_secret() -> str:
    """A secret that nobody has to think of: 256 random bits in 43 letters, digits, - and _."""
    return secrets.token_urlsafe(32)


def create_partner_account(
    session: Session,
    by: Writer,
    code: str,
    login: str,
    password: str,
    *,
    access: str,
    read_only: bool = False,
    internal: bool = False,
    contract_year: int = 2016,
    sites: Sequence[str] = (),
) -> PartnerAccount:
    """Create an account of the partner ``code``; the partner too if none exists of this code.

    ``sites`` (any of a site's names) are those in whose name it answers to changes.
    """
    require_admin(by.actor, _MANAGE)
    _check_code(code)
    check_name("login", login, _("Login"))
    checked_secret(password)
    _check_switches(access, contract_year)
    found = _sites(session, sites)
    take_number(session, _LOCK)
    if session.scalars(select(PartnerAccount).where(PartnerAccount.login == login)).first():
        raise Invalid("login", _("An account with this login already exists"))
    partner = partner_named(session, by, code)
    account = PartnerAccount(
        partner=partner,
        login=login,
        access=access,
        read_only=read_only,
        internal=internal,
        contract_year=contract_year,
        created_at=by.now,
        sites=found,
    )
    session.add(account)
    session.flush()
    fields = [FieldChange("login", None, login)]
    fields += [
        FieldChange(name, None, value) for name, value in _switches(account).items() if value
    ]
    record_change(session, by, kind="account", thing_id=account.id, fields=fields)
    how = _in_words(_switches(account))
    log_on_commit(session, by, "partner account created", "account", login, how=how)
    _add(session, by, account, password)
    return account


def partner_named(session: Session, by: Writer, code: str) -> Partner:
    """The partner ``code``, who is made if none exists. Raises ``Invalid`` for a bad code."""
    require_admin(by.actor, _MANAGE)
    _check_code(code)
    partner = session.scalars(select(Partner).where(Partner.code == code)).first()
    if partner is None:
        partner = Partner(code=code, created_at=by.now)
        session.add(partner)
        session.flush()
        record_change(
            session,
            by,
            kind="partner",
            thing_id=partner.id,
            fields=[FieldChange("code", None, code)],
        )
    return partner


def _check_code(code: str) -> None:
    check_name("code", code, _("Code"))
    if len(code) > MAX_CODE_LENGTH:
        raise Invalid(
            "code",
            _("Code: at most %(max_code_length)s characters", max_code_length=MAX_CODE_LENGTH),
        )


def find_account(session: Session, login: str) -> PartnerAccount:
    """The account of this login, disabled or not; ``NotFound`` otherwise."""
    account = session.scalars(select(PartnerAccount).where(PartnerAccount.login == login)).first()
    if account is None:
        raise NotFound(_("No partner account has this login"))
    return account


def all_accounts(session: Session) -> Sequence[PartnerAccount]:
    """Every account, by partner and login."""
    return session.scalars(
        select(PartnerAccount).join(Partner).order_by(Partner.code, PartnerAccount.login)
    ).all()


def all_partners(session: Session) -> Sequence[Partner]:
    """Every partner, by code."""
    return session.scalars(select(Partner).order_by(Partner.code)).all()


def account_of_number(session: Session, number: int) -> PartnerAccount:
    """The account of this database key, disabled or not; ``NotFound`` otherwise."""
    account = session.get(PartnerAccount, number)
    if account is None:
        raise NotFound(_("There is no such partner account"))
    return account


def change_account(
    session: Session,
    by: Writer,
    account: PartnerAccount,
    *,
    access: str | None = None,
    read_only: bool | None = None,
    internal: bool | None = None,
    contract_year: int | None = None,
    sites: Sequence[str] | None = None,
) -> bool:
    """Set an account's switches and sites (any of a site's names); None leaves a value unchanged.
    Whether anything changed."""
    require_admin(by.actor, _MANAGE)
    _lock(session, account)
    wanted = {
        "access": access,
        "read_only": read_only,
        "internal": internal,
        "contract_year": contract_year,
    }
    before = _switches(account)
    for name, value in wanted.items():
        if value is not None:
            setattr(account, name, value)
    _check_switches(account.access, account.contract_year)
    found = account.sites if sites is None else _sites(session, sites)
    if {site.id for site in account.sites} != {site.id for site in found}:
        account.sites = found
    after = _switches(account)
    fields = [
        FieldChange(name, before[name], after[name])
        for name in after
        if after[name] != before[name]
    ]
    if fields:
        record_change(session, by, kind="account", thing_id=account.id, fields=fields)
        how = _in_words({field.field: after[field.field] for field in fields})
        log_on_commit(session, by, "partner account changed", "account", account.login, how=how)
    return bool(fields)


def set_account_password(
    session: Session, by: Writer, account: PartnerAccount, password: str
) -> None:
    """Replace all live secrets of an account by this one."""
    require_admin(by.actor, _MANAGE)
    checked_secret(password)
    _lock(session, account)
    for secret in live_secrets(session, account):
        _end(session, by, secret)
    _add(session, by, account, password)


def add_secret(session: Session, by: Writer, account: PartnerAccount, password: str) -> None:
    """Give an account a second live secret, so that its client can change over without a gap."""
    require_admin(by.actor, _MANAGE)
    checked_secret(password)
    _lock(session, account)
    _add(session, by, account, password)


def end_secret(session: Session, by: Writer, account: PartnerAccount, secret_id: int) -> None:
    """End one of an account's two live secrets at once; the only one left is never ended."""
    require_admin(by.actor, _MANAGE)
    _lock(session, account)
    live = live_secrets(session, account)
    ended = next((secret for secret in live if secret.id == secret_id), None)
    if ended is None:
        raise Invalid("secret", _("This secret is no longer active, or belongs to another account"))
    if len(live) == 1:
        raise Invalid(
            "secret",
            _("This is the only active secret; add a second one first, or disable the account"),
        )
    _end(session, by, ended)


def end_older_secret(session: Session, by: Writer, account: PartnerAccount) -> None:
    """End the older one of an account's two live secrets; ``Invalid`` if there is only one."""
    live = live_secrets(session, account)
    if not live:
        raise Invalid("secret", _("This account has no active secret; add one"))
    end_secret(session, by, account, live[0].id)


def disable_account(session: Session, by: Writer, account: PartnerAccount) -> None:
    """Disable an account at once; a second time changes nothing."""
    require_admin(by.actor, _MANAGE)
    _lock(session, account)
    if account.disabled_at is not None:
        return
    account.disabled_at = by.now
    record_change(
        session,
        by,
        kind="account",
        thing_id=account.id,
        fields=[FieldChange("disabled", "no", "yes")],
    )
    log_on_commit(session, by, "partner account disabled", "account", account.login)
    _end_tokens(session, by, account)


def _end_tokens(session: Session, by: Writer, account: PartnerAccount) -> None:
    """End the API tokens of an account for good (decisions, section 5)."""
    ended = session.scalars(
        update(ApiToken)
        .where(ApiToken.partner_account_id == account.id, ApiToken.ended_at.is_(None))
        .values(ended_at=by.now)
        .returning(ApiToken.name)
    ).all()
    for name in ended:
        log_on_commit(session, by, "token ended", "token", name, how="with its account")


def enable_account(session: Session, by: Writer, account: PartnerAccount) -> None:
    """Re-enable a disabled account, with the secrets that are still active."""
    require_admin(by.actor, _MANAGE)
    _lock(session, account)
    if account.disabled_at is None:
        return
    account.disabled_at = None
    record_change(
        session,
        by,
        kind="account",
        thing_id=account.id,
        fields=[FieldChange("disabled", "yes", "no")],
    )
    log_on_commit(session, by, "partner account enabled", "account", account.login)


def changes_of_account(
    session: Session, account: PartnerAccount, limit: int = 100
) -> Sequence[Change]:
    """The newest changes of an account and of its secrets, newest first."""
    of_account = select(AccountSecret.id).where(AccountSecret.account_id == account.id)
    return session.scalars(
        select(Change)
        .where(
            or_(
                and_(Change.kind == "account", Change.thing_id == account.id),
                and_(Change.kind == "secret", Change.thing_id.in_(of_account)),
            )
        )
        .order_by(Change.id.desc())
        .limit(limit)
    ).all()


_accounts, _partners, _secrets, _account_sites = (
    row.__table__ for row in (PartnerAccount, Partner, AccountSecret, AccountSite)
)
# tables, not rows: at each call of each partner the mapper's part would cost as much again
ACCOUNT: Final = (
    _accounts.c.id,
    _accounts.c.login,
    _accounts.c.partner_id,
    _partners.c.code,
    _accounts.c.access,
    _accounts.c.read_only,
    _accounts.c.internal,
    _accounts.c.contract_year,
    _account_sites.c.site_id,
)
"""What ``actor_of_rows`` reads: a row for each site of an account, one if it has none."""
_ENABLED_ACCOUNT = (
    select(*ACCOUNT)
    .join(_partners, _partners.c.id == _accounts.c.partner_id)
    .outerjoin(_account_sites, _account_sites.c.account_id == _accounts.c.id)
    .where(_accounts.c.disabled_at.is_(None))
)
_ACCOUNT_WITH_SECRETS = (
    _ENABLED_ACCOUNT.add_columns(_secrets.c.password_hash, REMEMBERED.label("remembered"))
    .join(_secrets, _secrets.c.account_id == _accounts.c.id)
    .where(_accounts.c.login == bindparam("name"), _secrets.c.ended_at.is_(None))
    .order_by(_secrets.c.id)
)
"""A row for each live secret and site."""
_MAX_LOGINS = 10_000
_seen_hashes: dict[str, tuple[str, ...]] = {}
"""The live hashes of a login as they were read last: what is remembered is requested with them in
the same read that says whether they are still the live ones."""


def actor_of_account(session: Session, account_id: int) -> Actor:
    """The rights of a partner's account; ``AuthenticationFailed`` if it is disabled by now."""
    rows = session.execute(_ENABLED_ACCOUNT.where(_accounts.c.id == account_id)).all()
    if not rows:
        raise AuthenticationFailed
    return actor_of_rows(rows)


def remembered_actor(
    connection: Connection, login: str, password: str, now: datetime, key: bytes
) -> Actor | None:
    """The account of credentials that were verified shortly before, mostly in one read.

    None says nothing about them: ``credentials.attempt`` has to find out. Account, secrets and
    what is remembered are read at each call, by the rules of ``attempt``.
    """
    if len(password) > MAX_PASSWORD_LENGTH:
        return None
    hashes = _seen_hashes.get(login, ())
    for _attempt in range(2):
        given = remembered_by(ActorKind.PARTNER, login, password, hashes, now, key)
        rows = connection.execute(_ACCOUNT_WITH_SECRETS, {"name": login, **given}).all()
        stored = tuple(dict.fromkeys(row.password_hash for row in rows))
        if not 1 <= len(stored) <= LIVE_SECRETS:
            return None
        if stored == hashes:
            return actor_of_rows(rows) if rows[0].remembered is not None else None
        if len(_seen_hashes) >= _MAX_LOGINS:
            _seen_hashes.clear()
        _seen_hashes[login] = hashes = stored
    return None


def actor_of_rows(rows: Sequence[Any]) -> Actor:
    """The rights of the account in these rows (``ACCOUNT``)."""
    account = rows[0]
    return Actor(
        kind=ActorKind.PARTNER,
        account=account.login,
        account_id=account.id,
        site_ids=frozenset(row.site_id for row in rows if row.site_id is not None),
        partner_id=account.partner_id,
        partner_code=account.code,
        access=TicketAccess(account.access),
        read_only=account.read_only,
        internal=account.internal,
        contract_year=account.contract_year,
    )


def live_secrets(session: Session, account: PartnerAccount) -> Sequence[AccountSecret]:
    """The secrets with which an account may log in, older first."""
    return session.scalars(
        select(AccountSecret)
        .where(AccountSecret.account_id == account.id, AccountSecret.ended_at.is_(None))
        .order_by(AccountSecret.id)
    ).all()


def _check_switches(access: str, contract_year: int) -> None:
    checked_choice("access", access, TicketAccess, _("Access"))
    if contract_year not in CONTRACT_YEARS:
        raise Invalid("contract", _("Contract: choose 2012, 2013 or 2016"))


def _sites(session: Session, names: Sequence[str]) -> list[Site]:
    checked = [checked_text("sites", name, SHORT_TEXT_LIMIT, label=_("Sites")) for name in names]
    found = {site.id: site for site in (require_site(session, name, "sites") for name in checked)}
    return sorted(found.values(), key=lambda site: site.key)


def _switches(account: PartnerAccount) -> dict[str, str | None]:
    """What an account may, as the change log keeps it."""
    return {
        "access": account.access,
        "read_only": "yes" if account.read_only else "no",
        "internal": "yes" if account.internal else "no",
        "contract_year": str(account.contract_year),
        "sites": "; ".join(site.key for site in account.sites) or None,
    }


def _in_words(switches: Mapping[str, str | None]) -> str:
    """For the security log: ``access all, internal yes``."""
    return ", ".join(f"{name} {value or 'none'}" for name, value in switches.items())


def _lock(session: Session, account: PartnerAccount) -> None:
    """Nobody else changes this account or its secrets until the transaction ends.

    The weaker lock: it does not hold up whoever writes a row that refers to the account.
    """
    session.execute(
        select(PartnerAccount.id)
        .where(PartnerAccount.id == account.id)
        .with_for_update(key_share=True)
    )
    session.refresh(account)


def _add(session: Session, by: Writer, account: PartnerAccount, password: str) -> None:
    if len(live_secrets(session, account)) >= LIVE_SECRETS:
        raise Invalid(
            "password",
            _(
                "An account has at most %(live_secrets)s active secrets; end the older one first",
                live_secrets=LIVE_SECRETS,
            ),
        )
    secret = AccountSecret(
        account_id=account.id, password_hash=hash_password(password), created_at=by.now
    )
    session.add(secret)
    session.flush()
    record_change(
        session,
        by,
        kind="secret",
        thing_id=secret.id,
        fields=[FieldChange("account", None, account.login)],
    )
    log_on_commit(session, by, "partner secret created", "account", account.login)


def _end(session: Session, by: Writer, secret: AccountSecret) -> None:
    secret.ended_at = by.now
    record_change(
        session, by, kind="secret", thing_id=secret.id, fields=[FieldChange("ended", "no", "yes")]
    )
    log_on_commit(session, by, "partner secret ended", "account", secret.account.login)
