"""Accounts with which a portal is tried that nobody uses yet, and that leave nothing behind.

They are in no change log, so that they can be removed completely: only a database that ``flask
move`` has not finished, or the scratch database of a drill, gets them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models.calls import AccountDay, PartnerCall
from app.accounts.models.partners import AccountSecret, Partner, PartnerAccount
from app.accounts.models.people import ApiToken, Login, TokenSecret, User, VerifiedCredential
from app.accounts.services.credentials import hash_password
from app.accounts.services.tokens import digest_of
from app.core.database.schema import MOVING, revision_of
from app.core.rules.access import Role, TicketAccess
from app.core.rules.scopes import PREFIX, Scope

_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True)
class TrialAccounts:
    """A person, a partner's account and a token, all of which may read every ticket."""

    name: str
    """Of the person, the partner, the account and the token."""
    password: str
    """Of the person and the account."""
    token: str


def create_trial_accounts(session: Session, now: datetime) -> TrialAccounts:
    """Create them. Raises RuntimeError unless no portal starts on this database: nobody must get
    such accounts in one that is used."""
    if revision_of(session.connection()) != MOVING:
        raise RuntimeError("accounts for a trial belong in a database on which no portal starts")
    made = TrialAccounts(
        f"trial-of-move-{secrets.token_hex(8)}",
        secrets.token_urlsafe(32),
        PREFIX + secrets.token_urlsafe(32),
    )
    stored = hash_password(made.password)
    partner = Partner(code=made.name, created_at=now)
    account = PartnerAccount(
        partner=partner,
        login=made.name,
        access=TicketAccess.ALL,
        read_only=True,
        created_at=now,
        secrets=[AccountSecret(password_hash=stored, created_at=now)],
    )
    token = ApiToken(
        name=made.name,
        scopes=Scope.READ.value,
        created_at=now,
        secrets=[
            TokenSecret(
                secret_hash=digest_of(made.token), created_at=now, expires_at=now + _LIFETIME
            )
        ],
    )
    person = User(name=made.name, role=Role.READER, password_hash=stored, created_at=now)
    session.add_all([partner, account, token, person])
    session.flush()
    return made


def remove_trial_accounts(session: Session, made: TrialAccounts) -> None:
    """Remove them and all rows of their use."""
    people = select(User.id).where(User.name == made.name)
    accounts = select(PartnerAccount.id).where(PartnerAccount.login == made.name)
    tokens = select(ApiToken.id).where(ApiToken.name == made.name)
    for rows in (
        delete(Login).where(Login.user_id.in_(people)),
        delete(User).where(User.name == made.name),
        delete(PartnerCall).where(PartnerCall.account_id.in_(accounts)),
        delete(AccountDay).where(AccountDay.account_id.in_(accounts)),
        delete(AccountSecret).where(AccountSecret.account_id.in_(accounts)),
        delete(PartnerAccount).where(PartnerAccount.login == made.name),
        delete(Partner).where(Partner.code == made.name),
        delete(TokenSecret).where(TokenSecret.token_id.in_(tokens)),
        delete(ApiToken).where(ApiToken.name == made.name),
        delete(VerifiedCredential),  # of a database that nobody else uses
    ):
        session.execute(rows)
