"""Rows of people: users, the sites they report for, and their logins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.partners import PartnerAccount
from app.core.models.base import IS_SEALED, OWN, Base, UtcTime
from app.registry.models.registry import Site


class User(Base):
    """A person with a role."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    """Login name, also the author shown."""
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(255))
    time_zone: Mapped[str] = mapped_column(String(50), default="UTC")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    mail: Mapped[str] = mapped_column(String(254), default="")
    mail_choice: Mapped[str] = mapped_column(String(10), default="each", server_default="each")
    """Which mails about tickets the person gets: each, digest or never."""
    totp_secret: Mapped[str] = mapped_column(String(255), default="", info=IS_SEALED)
    """Secret of the second factor, encrypted with a key from the portal's secret; "" = none."""
    totp_since: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the second factor was confirmed by a first code; None = not in use."""
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The time step of the last code that was taken: no code is taken twice."""
    passkey_handle: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """What the person's devices know the account by: random, nothing else; "" = none yet."""
    list_columns: Mapped[str] = mapped_column(String(255), default="", server_default="")
    """The columns of the list of tickets that this person chose, separated by blanks; "" = ours."""
    shortcuts: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whether single-key shortcuts are on (WCAG 2.1.4: a person can turn them off)."""
    updates: Mapped[str] = mapped_column(String(10), default="live", server_default="live")
    """How pages that are open hear of changes: live, poll (every 30 s) or off."""
    visited_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the list of tickets was last read, to some minutes."""
    seen_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """End of the visit before this one: what changed later is marked in the list."""

    sites: Mapped[list[Site]] = relationship(secondary="user_sites", order_by=Site.key)


class UserSite(Base):
    """A site that a reporter reports for."""

    __tablename__ = "user_sites"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, info=OWN)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)


class Login(Base):
    """One login of one person; the cookie carries a random id of which this keeps the hash."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True, info=OWN)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    second_factor: Mapped[bool] = mapped_column(default=False)
    """Whether a second factor was given at this login."""
    remote: Mapped[str] = mapped_column(String(45), default="")
    """Address from which it was made."""
    browser: Mapped[str] = mapped_column(String(255), default="")
    """What the browser calls itself, cut."""
    seen_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Last use, to a minute or so."""
    sign_on: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether a provider of identities logged the person in, and not a password."""

    user: Mapped[User] = relationship(lazy="joined")


class PendingLogin(Base):
    """A login whose password was right and whose second factor is still missing."""

    __tablename__ = "pending_logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the random id in the cookie, as for a login; it opens nothing but the second step."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True, info=OWN)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    failures: Mapped[int] = mapped_column(default=0)
    """Wrong codes so far."""
    sign_on: Mapped[bool] = mapped_column(default=False, server_default=false())
    """As of a login."""

    user: Mapped[User] = relationship(lazy="joined")


class ResetLink(Base):
    """A link with which a person sets a password once; its secret is stored as a hash."""

    __tablename__ = "reset_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True, info=OWN)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Used, or replaced by a newer one."""

    user: Mapped[User] = relationship(lazy="joined")


class RecoveryCode(Base):
    """A code that replaces a lost second factor, once; stored as a hash."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True, info=OWN)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ApiToken(Base):
    """A token for programs: a person's own, or a system's that an administrator made."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    """Whose it is and with whose rights it reads; None = a system's, or a partner's."""
    partner_account_id: Mapped[int | None] = mapped_column(
        ForeignKey("partner_accounts.id"), index=True
    )
    """The partner's account with whose rights it acts; an administrator made it."""
    scopes: Mapped[str] = mapped_column(String(100))
    """events, tickets, reports, registry, read, admin; separated by blanks."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Last use, to a minute or so."""
    used_from: Mapped[str] = mapped_column(String(45), default="")
    """The address of the last use."""

    user: Mapped[User | None] = relationship(lazy="joined")
    partner_account: Mapped[PartnerAccount | None] = relationship()
    secrets: Mapped[list[TokenSecret]] = relationship(
        back_populates="token", order_by="TokenSecret.id"
    )


class TokenSecret(Base):
    """A secret of a token, stored as a hash; two may live while it is rotated."""

    __tablename__ = "token_secrets"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)

    token: Mapped[ApiToken] = relationship(back_populates="secrets")


class FailedLogins(Base):
    """How often logins of one account failed in one minute: the audit's record of them."""

    __tablename__ = "failed_logins"
    __table_args__ = (UniqueConstraint("kind", "account", "minute"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    """person or partner."""
    account: Mapped[str] = mapped_column(String(100))
    """The account's name; "" for all names that no account has, which may be mistyped secrets."""
    minute: Mapped[datetime] = mapped_column(UtcTime, index=True)
    failures: Mapped[int]
    remote: Mapped[str] = mapped_column(String(45), default="")
    """Address of the last one."""


class LoginFailure(Base):
    """One failed login, stored for seconds: the count slows down an attacker across processes."""

    __tablename__ = "login_failures"

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of kind and login name; unknown names alike."""
    at: Mapped[datetime] = mapped_column(UtcTime)


class VerifiedCredential(Base):
    """A credential that was verified shortly before, as a keyed digest; across processes."""

    __tablename__ = "verified_credentials"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """HMAC-SHA-256, keyed with the portal's secret, of kind, login name, stored hash, password."""
    at: Mapped[datetime] = mapped_column(UtcTime)
