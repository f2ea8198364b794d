"""Rows of the change log: every change of a ticket, site, link, person, partner or secret."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import NAME, Base, UtcTime
from app.core.traces import TRACEPARENT_LENGTH


class Counter(Base):
    """A sequence whose numbers become visible in their order.

    A number is taken by updating the row, whose lock is held until commit: the next writer waits.
    A database's own sequences give numbers out before commit, so that a reader could pass one that
    becomes visible later.
    """

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    value: Mapped[int]


class Change(Base):
    """One change of one thing. ``id`` is the cursor's position and comes from a counter."""

    __tablename__ = "changes"
    __table_args__ = (
        UniqueConstraint("kind", "thing_id", "version"),
        # the audit reads each kind by time, of everybody or of one account, and merges them
        Index(None, "kind", "at", "id"),
        Index("ix_changes_kind_actor", "kind", "actor_account", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    """ticket, site, link, person, partner, account or secret."""
    thing_id: Mapped[int]
    """The thing's database key (a ticket's number)."""
    version: Mapped[int]
    """The thing's version after this change; 1 is its creation."""
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_account: Mapped[str] = mapped_column(String(100))
    actor_id: Mapped[int | None]
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partners.id"))
    """The partner whose account acted."""
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    """Who is shown: the person, or what the partner claims (GHD_Last_Modifier)."""
    claims: Mapped[str] = mapped_column(Text, default="")
    """What else the sender claims of itself (Last_Login, Origin_SG), as JSON or empty."""
    door: Mapped[str] = mapped_column(String(10))
    remote: Mapped[str] = mapped_column(String(45), default="")
    """Address from which it came; "" for the portal's own work and for commands."""
    request_digest: Mapped[str | None] = mapped_column(String(64))
    """Digest of the partner's request, to know an identical repeat."""
    traceparent: Mapped[str | None] = mapped_column(String(TRACEPARENT_LENGTH))
    """The request that wrote it (``app.core.traces``), for mails and messages about it; None for
    commands and for what the portal does by itself outside of jobs."""

    fields: Mapped[list[ChangedField]] = relationship(
        back_populates="change", order_by="ChangedField.position", lazy="selectin"
    )


class ChangedField(Base):
    """One field of one change: its old and new value as text (None = not set)."""

    __tablename__ = "changed_fields"
    __table_args__ = (Index(None, "change_id", "position", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("changes.id"))
    position: Mapped[int]
    field: Mapped[str] = mapped_column(String(50))
    old: Mapped[str | None] = mapped_column(Text)
    new: Mapped[str | None] = mapped_column(Text)

    change: Mapped[Change] = relationship(back_populates="fields")


class Refusal(Base):
    """One refused right: who tried what, from where, and why not."""

    __tablename__ = "refusals"
    __table_args__ = (Index(None, "at", "id"), Index(None, "actor_account", "at", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_account: Mapped[str] = mapped_column(String(100))
    actor_id: Mapped[int | None]
    door: Mapped[str] = mapped_column(String(10))
    remote: Mapped[str] = mapped_column(String(45), default="")
    what: Mapped[str] = mapped_column(String(255))
    """Operation or address, without values that were sent."""
    reason: Mapped[str] = mapped_column(String(255))


class PortalFact(Base):
    """A fact about this installation, such as that its data is demo data."""

    __tablename__ = "portal_facts"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    value: Mapped[str] = mapped_column(String(255))
