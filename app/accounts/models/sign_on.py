"""Rows of sign-on: a person's identity at a provider, and the versions of the map of roles."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.people import User
from app.core.models.base import NAME, OWN, Base, UtcTime


class Identity(Base):
    """A person as a provider knows it, by issuer and subject; a person has one at each issuer."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "issuer"))

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), info=OWN)
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    full_name: Mapped[str] = mapped_column(String(255))
    """Said by the provider at the last login, like all below."""
    mail: Mapped[str] = mapped_column(String(254))
    granted: Mapped[str] = mapped_column(Text)
    """Entitlements or groups, a JSON list."""
    id_token: Mapped[str] = mapped_column(Text)
    """For the provider at logout; it opens nothing."""
    follows_map: Mapped[bool]
    """Whether the person's role and sites are set by the map at each login."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)

    user: Mapped[User] = relationship()


class SignOnRequest(Base):
    """A person known to a provider but without a role in the map, who tried to log in."""

    __tablename__ = "sign_on_requests"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    login_name: Mapped[str] = mapped_column(String(100))
    """What the provider proposes; nobody has it here because of that."""
    full_name: Mapped[str] = mapped_column(String(255))
    mail: Mapped[str] = mapped_column(String(254))
    granted: Mapped[str] = mapped_column(Text)
    """The first entitlements or groups, a JSON list."""
    first_at: Mapped[datetime] = mapped_column(UtcTime)
    asked_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    times: Mapped[int]
    """How often."""


class SignOnMap(Base):
    """One version of the map of entitlements to roles; the newest is in use."""

    __tablename__ = "sign_on_maps"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[str] = mapped_column(Text)
    """Rows in their order, as ``app.accounts.rules.sign_on`` writes them."""
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    at: Mapped[datetime] = mapped_column(UtcTime)
