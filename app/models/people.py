"""Rows of people: users, the sites they report for, and their logins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, UtcTime
from app.models.registry import Site


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

    sites: Mapped[list[Site]] = relationship(secondary="user_sites", order_by=Site.key)


class UserSite(Base):
    """A site that a reporter reports for."""

    __tablename__ = "user_sites"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)


class Login(Base):
    """One login of one person; the cookie carries a random id of which this keeps the hash."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)

    user: Mapped[User] = relationship(lazy="joined")


class LoginFailure(Base):
    """One failed login, kept for seconds: the count slows down an attacker across processes."""

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
