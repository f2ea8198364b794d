"""Tables of connections: how the portal talks to a partner's system, and what it may send."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.partners import Partner
from app.core.models.base import COPY, IS_SEALED, NAME, Base, UtcTime


class Connection(Base):
    """A partner's system of one kind; a partner has at most one of each kind that has not ended."""

    __tablename__ = "connections"
    __table_args__ = (
        Index(
            None,
            "partner_id",
            "kind",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"))
    kind: Mapped[str] = mapped_column(String(20))
    """The name of a kind (``app.exchange.rules.kinds``)."""
    direction: Mapped[str] = mapped_column(String(10))
    """push, pull, both."""
    url: Mapped[str] = mapped_column(String(500), default="")
    remote_login: Mapped[str] = mapped_column(String(255), default="")
    internal: Mapped[bool] = mapped_column(default=False)
    """Internal comments are sent, too."""
    profile_version: Mapped[int] = mapped_column(default=1)
    """The current version of choice, maps and owners: a row of ``connection_profiles``."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    tested_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When everything that its direction needs was last tested successfully."""
    paused_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """A person paused it: entries are planned, nothing is called."""
    stopped_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """The portal stopped it, and a person decides: the partner may have lost its data."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """A person ended it permanently; it is also stopped, and stays so."""
    ended_by: Mapped[str] = mapped_column(String(255), default="", server_default="", info=NAME)
    reason: Mapped[str] = mapped_column(String(500), default="")
    """Why the last call failed, or why it is stopped or ended; "" after a success."""
    failures: Mapped[int] = mapped_column(default=0)
    """Failed calls in a row, whatever their purpose."""
    resting_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Nothing is called before this time: too many calls in a row failed."""
    cursor: Mapped[str] = mapped_column(String(255), default="")
    """Up to where their changes were read, in their own format."""
    read_at: Mapped[datetime | None] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    test: Mapped[str] = mapped_column(Text, default="", server_default="", info=COPY)
    """The newest test with its results so far, as JSON; "" = none was requested."""
    fields_there: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Which fields of the profile's ``extras`` the newest test read back, as a JSON list; "" = not
    checked by a test."""
    compared_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When all of its tickets were last compared with the partner's."""
    comparison: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The newest comparison, finished or not, as JSON; "" = there was no comparison."""

    partner: Mapped[Partner] = relationship(lazy="joined")


class ConnectionProfile(Base):
    """One version of what is exchanged with a partner: choice of tickets, maps, owners."""

    __tablename__ = "connection_profiles"
    __table_args__ = (UniqueConstraint("connection_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    version: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    """A ``Profile`` as JSON."""
    at: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(255), info=NAME)


class ConnectionSecret(Base):
    """A secret for the portal's login there, or for their signatures; at most two live ones of a
    use."""

    __tablename__ = "connection_secrets"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    use: Mapped[str] = mapped_column(String(10))
    """login (password or token) or hint (the key of their webhooks)."""
    sealed: Mapped[str] = mapped_column(Text, info=IS_SEALED)
    """Encrypted with a key derived from the portal's secret."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ExchangeCall(Base):
    """A call to a partner with its answer, secrets masked, long texts cut; stored for some days."""

    __tablename__ = "exchange_calls"
    __table_args__ = (Index(None, "connection_id", "id"), Index(None, "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    pair_id: Mapped[int | None] = mapped_column(ForeignKey("ticket_pairs.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    what: Mapped[str] = mapped_column(String(255), info=COPY)
    """Its purpose, and the address without its query."""
    asked: Mapped[str] = mapped_column(Text, default="", info=COPY)
    answered: Mapped[str] = mapped_column(Text, default="", info=COPY)
    milliseconds: Mapped[int]
    failure: Mapped[str] = mapped_column(String(500), default="", info=COPY)
    """Why it failed; "" = it succeeded."""


class ExchangeHint(Base):
    """A webhook's delivery: what it announces is read, once however often it arrives."""

    __tablename__ = "exchange_hints"
    __table_args__ = (UniqueConstraint("connection_id", "key"), Index(None, "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    key: Mapped[str] = mapped_column(String(100))
    """Their id of the delivery, the same in each attempt."""
    at: Mapped[datetime] = mapped_column(UtcTime)
