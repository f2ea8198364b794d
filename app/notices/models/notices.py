"""Tables of providers' maintenance notices: files, notices, circuits and maintenances."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import ADDRESS, NAME, SENTENCE, Base, UtcTime
from app.registry.models.registry import Link


class NoticeFile(Base):
    """A mail or calendar file with notices; only the texts of a mail are stored."""

    __tablename__ = "notice_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), default="")
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the whole file: the same file is never stored twice."""
    sender: Mapped[str] = mapped_column(String(255), default="", info=ADDRESS)
    """As stated in the mail, unverified."""
    subject: Mapped[str] = mapped_column(String(255), default="")
    text: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    received_by: Mapped[str] = mapped_column(String(255), info=NAME)
    """The account that submitted it."""
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """A carrier's mail as it came, until the carrier reader has read it."""


class MaintenanceNotice(Base):
    """One notice of a file. An unreadable one has no uid, and a draft in its other fields."""

    __tablename__ = "maintenance_notices"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "provider_key", "uid"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    file_id: Mapped[int] = mapped_column(ForeignKey("notice_files.id"), index=True)
    state: Mapped[str] = mapped_column(String(10))
    """What happened to it, an ``Outcome``."""
    why: Mapped[str] = mapped_column(String(500), default="", info=SENTENCE)
    """The same in words."""
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"), index=True)
    provider: Mapped[str] = mapped_column(String(255), default="")
    provider_key: Mapped[str] = mapped_column(String(255), default="")
    """The form in which providers are compared."""
    uid: Mapped[str] = mapped_column(String(255), default="")
    sequence: Mapped[int] = mapped_column(default=0)
    digest: Mapped[str] = mapped_column(String(64), default="")
    """Digest of its content, whichever file it is in."""
    stamp: Mapped[datetime | None] = mapped_column(UtcTime)
    status: Mapped[str] = mapped_column(String(50), default="")
    impact: Mapped[str] = mapped_column(String(50), default="")
    title: Mapped[str] = mapped_column(String(255), default="")
    maintenance_ids: Mapped[str] = mapped_column(Text, default="")
    """Separated by line ends."""
    start: Mapped[datetime | None] = mapped_column(UtcTime)
    end: Mapped[datetime | None] = mapped_column(UtcTime)

    form: Mapped[str] = mapped_column(String(255), default="", server_default="")
    """The form in which the carrier reader read it; "" = it did not."""
    reading: Mapped[str] = mapped_column(Text, default="", server_default="")
    """What it read, JSON, until a person has decided."""
    trust_id: Mapped[int | None] = mapped_column(ForeignKey("carrier_trusts.id"), index=True)
    """The confirmation by which it was imported without a person; None = by a person."""

    file: Mapped[NoticeFile] = relationship()
    circuits: Mapped[list[NoticeCircuit]] = relationship(
        order_by="NoticeCircuit.position", cascade="all, delete-orphan"
    )


class NoticeCircuit(Base):
    """A circuit that a notice names by the provider's id."""

    __tablename__ = "notice_circuits"

    notice_id: Mapped[int] = mapped_column(ForeignKey("maintenance_notices.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    object_id: Mapped[str] = mapped_column(String(255), index=True)
    impact: Mapped[str] = mapped_column(String(50), default="")
    """Its own impact, if the notice states one."""
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"), index=True)
    """The link it refers to; None = unknown."""
    by_hand: Mapped[bool] = mapped_column(default=False)
    """Whether a person assigned the link."""

    link: Mapped[Link | None] = relationship(lazy="joined")


class ProviderMaintenance(Base):
    """A provider's maintenance: its ticket, and the newest notice that took effect."""

    __tablename__ = "provider_maintenances"
    __table_args__ = (UniqueConstraint("provider_key", "uid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_key: Mapped[str] = mapped_column(String(255))
    uid: Mapped[str] = mapped_column(String(255))
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"), index=True)
    """None if it was cancelled before a ticket was created."""
    notice_id: Mapped[int] = mapped_column(ForeignKey("maintenance_notices.id"))


class CarrierTrust(Base):
    """A person's confirmation that a carrier's mails of one form are read right."""

    __tablename__ = "carrier_trusts"
    __table_args__ = (Index(None, "sender", "form"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(String(255))
    """The host of the senders' addresses."""
    provider: Mapped[str] = mapped_column(String(50))
    """The carrier reader's name of the carrier."""
    form: Mapped[str] = mapped_column(String(255))
    notice_number: Mapped[int]
    """The notice that was confirmed."""
    confirmed_at: Mapped[datetime] = mapped_column(UtcTime)
    confirmed_by: Mapped[str] = mapped_column(String(255), info=NAME)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    withdrawn_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)
