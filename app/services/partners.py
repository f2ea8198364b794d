"""Verbs on partners: a code, its accounts with their switches, and the accounts' secrets."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.access import CONTRACT_YEARS, Actor, Kind, TicketAccess, Writer
from app.domain.errors import AuthenticationFailed, Invalid, NotFound
from app.domain.tickets import checked_choice
from app.models import AccountSecret, Partner, PartnerAccount
from app.services.changes import FieldChange, record_change
from app.services.credentials import hash_password
from app.services.people import check_name, check_password

LIVE_SECRETS = 2
"""An account may have two live secrets, so that it can be rotated without a gap."""
LONGEST_CODE = 50


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
) -> PartnerAccount:
    """Create an account of the partner ``code``; the partner too if there is none of this code."""
    check_name("code", code, "Code")
    if len(code) > LONGEST_CODE:
        raise Invalid("code", f"Code takes at most {LONGEST_CODE} characters")
    check_name("login", login, "Login")
    check_password(password)
    checked_choice("access", access, TicketAccess, "Access")
    if contract_year not in CONTRACT_YEARS:
        raise Invalid("contract", "Contract is one of 2012, 2013, 2016")
    if session.scalars(select(PartnerAccount).where(PartnerAccount.login == login)).first():
        raise Invalid("login", "There is an account of this login already")
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
    account = PartnerAccount(
        partner=partner,
        login=login,
        access=access,
        read_only=read_only,
        internal=internal,
        contract_year=contract_year,
        created_at=by.now,
    )
    session.add(account)
    session.flush()
    fields = [
        FieldChange("login", None, login),
        FieldChange("access", None, access),
        FieldChange("read_only", None, "yes" if read_only else "no"),
        FieldChange("internal", None, "yes" if internal else "no"),
        FieldChange("contract_year", None, str(contract_year)),
    ]
    record_change(session, by, kind="account", thing_id=account.id, fields=fields)
    _add_secret(session, by, account, password)
    return account


def find_account(session: Session, login: str) -> PartnerAccount:
    """The account of this login, disabled or not; ``NotFound`` otherwise."""
    account = session.scalars(select(PartnerAccount).where(PartnerAccount.login == login)).first()
    if account is None:
        raise NotFound("There is no partner account of this login")
    return account


def all_accounts(session: Session) -> Sequence[PartnerAccount]:
    """Every account, by partner and login."""
    return session.scalars(
        select(PartnerAccount).join(Partner).order_by(Partner.code, PartnerAccount.login)
    ).all()


def all_partners(session: Session) -> Sequence[Partner]:
    """Every partner, by code."""
    return session.scalars(select(Partner).order_by(Partner.code)).all()


def set_account_password(
    session: Session, by: Writer, account: PartnerAccount, password: str
) -> None:
    """Replace all live secrets of an account by this one."""
    check_password(password)
    for secret in _live_secrets(session, account):
        _end_secret(session, by, secret)
    _add_secret(session, by, account, password)


def disable_account(session: Session, by: Writer, account: PartnerAccount) -> None:
    """Disable an account at once; a second time changes nothing."""
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


def actor_of_account(session: Session, account_id: int) -> Actor:
    """The rights of a partner's account; ``AuthenticationFailed`` if it is disabled by now."""
    account = session.get(PartnerAccount, account_id)
    if account is None or account.disabled_at is not None:
        raise AuthenticationFailed
    return Actor(
        kind=Kind.PARTNER,
        account=account.login,
        account_id=account.id,
        partner_id=account.partner_id,
        partner_code=account.partner.code,
        access=TicketAccess(account.access),
        read_only=account.read_only,
        internal=account.internal,
        contract_year=account.contract_year,
    )


def _live_secrets(session: Session, account: PartnerAccount) -> Sequence[AccountSecret]:
    return session.scalars(
        select(AccountSecret).where(
            AccountSecret.account_id == account.id, AccountSecret.ended_at.is_(None)
        )
    ).all()


def _add_secret(session: Session, by: Writer, account: PartnerAccount, password: str) -> None:
    if len(_live_secrets(session, account)) >= LIVE_SECRETS:
        raise Invalid("password", f"An account has at most {LIVE_SECRETS} live secrets")
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


def _end_secret(session: Session, by: Writer, secret: AccountSecret) -> None:
    secret.ended_at = by.now
    record_change(
        session, by, kind="secret", thing_id=secret.id, fields=[FieldChange("ended", "no", "yes")]
    )
