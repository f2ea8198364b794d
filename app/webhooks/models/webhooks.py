"""Tables of webhooks: subscriptions, secrets, and what happened to each message."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.partners import PartnerAccount
from app.accounts.models.people import User
from app.core.models.base import COPY, IS_SEALED, Base, UtcTime
from app.jobs.models.claims import Claimable


class Webhook(Claimable, Base):
    """An address that is notified of changes. The worker that has claimed it sends its messages."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index(None, "due_at"),
        {"sqlite_autoincrement": True},  # the audit refers to them by key
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    """The person who created it, and gets the mails about it."""
    account_id: Mapped[int | None] = mapped_column(ForeignKey("partner_accounts.id"), index=True)
    """The partner's account whose rights it has; None = those of the person."""
    name: Mapped[str] = mapped_column(String(100))
    url: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[str] = mapped_column(String(200))
    """Kinds of changes, separated by spaces."""
    filter: Mapped[str] = mapped_column(Text)
    """Which tickets, as the query of the list's address; "" = all that the owner may read."""
    after_change: Mapped[int]
    """The newest change at its creation: only later changes are sent."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    off_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Since when nothing is sent; messages are collected."""
    off_why: Mapped[str] = mapped_column(String(20), default="")
    failures: Mapped[int] = mapped_column(default=0)
    """Failed attempts in a row."""
    unanswered: Mapped[int] = mapped_column(default=0)
    """How many of them, the last ones in a row, got no answer."""
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime)
    resting_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Nothing is sent before this time."""
    delivered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a message was last accepted."""

    user: Mapped[User] = relationship(lazy="joined")
    account: Mapped[PartnerAccount | None] = relationship(lazy="joined")


class WebhookSecret(Base):
    """A signing secret; at most two are live at a time, and both sign."""

    __tablename__ = "webhook_secrets"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"), index=True)
    sealed: Mapped[str] = mapped_column(Text, info=IS_SEALED)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class WebhookDelivery(Base):
    """A message to one webhook, with its last attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_due", "webhook_id", "state", "due_at", "id"),
        Index("ix_webhook_deliveries_of_ticket", "webhook_id", "ticket_number", "state", "id"),
        Index(None, "created_at", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"))
    key: Mapped[str] = mapped_column(String(40))
    """The message's id, the same in every attempt."""
    kind: Mapped[str] = mapped_column(String(30))
    change_id: Mapped[int | None] = mapped_column(ForeignKey("changes.id"))
    """None for a test."""
    ticket_number: Mapped[int | None]
    """Messages about one ticket are sent in order."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    waits_since: Mapped[datetime] = mapped_column(UtcTime)
    """When it was created, or last sent again by hand."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, delivered, given up or dropped."""
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Not before this time; None unless it waits."""
    attempts: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None] = mapped_column(UtcTime)
    status: Mapped[int | None]
    """Status of the last answer."""
    failure: Mapped[str] = mapped_column(String(30), default="")
    """Why the last attempt failed, or why there are no further attempts."""
    asked: Mapped[str] = mapped_column(Text, default="", info=COPY)
    answered: Mapped[str] = mapped_column(Text, default="", info=COPY)
    """The beginning of the last answer."""
    milliseconds: Mapped[int] = mapped_column(default=0)
