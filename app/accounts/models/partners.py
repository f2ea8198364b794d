"""Rows of partners: the systems on the other side, their accounts and secrets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import Base, UtcTime
from app.registry.models.registry import Site


class Partner(Base):
    """A partner system (GGUS, GEANT, an NREN, a site) under its code."""

    __tablename__ = "partners"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(50), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    accounts: Mapped[list[PartnerAccount]] = relationship(
        back_populates="partner", order_by="PartnerAccount.login"
    )


class PartnerAccount(Base):
    """One login of a partner, with its switches."""

    __tablename__ = "partner_accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"), index=True)
    login: Mapped[str] = mapped_column(String(100), unique=True)
    access: Mapped[str] = mapped_column(String(10))
    """all or own."""
    read_only: Mapped[bool] = mapped_column(default=False)
    internal: Mapped[bool] = mapped_column(default=False)
    contract_year: Mapped[int] = mapped_column(default=2016)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)

    partner: Mapped[Partner] = relationship(back_populates="accounts", lazy="joined")
    secrets: Mapped[list[AccountSecret]] = relationship(
        back_populates="account", order_by="AccountSecret.id"
    )
    sites: Mapped[list[Site]] = relationship(secondary="account_sites", order_by=Site.key)
    """Sites in whose name it answers to changes."""


class AccountSecret(Base):
    """A secret of an account; at most two live ones, so that it can be rotated."""

    __tablename__ = "account_secrets"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("partner_accounts.id"), index=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)

    account: Mapped[PartnerAccount] = relationship(back_populates="secrets")


class AccountSite(Base):
    """A site in whose name a partner's account answers to changes."""

    __tablename__ = "account_sites"

    account_id: Mapped[int] = mapped_column(ForeignKey("partner_accounts.id"), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
