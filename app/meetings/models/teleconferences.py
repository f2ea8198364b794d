"""Rows of teleconferences: who requested it and why, which times, who is in, the agenda's own
points."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.people import User
from app.core.models.base import NAME, Base, UtcTime


class Teleconference(Base):
    """A TC from the moment in which somebody requested it."""

    __tablename__ = "teleconferences"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "starts_at"),
        {"sqlite_autoincrement": True},  # mails and the audit name them by their keys
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    """By which calendar programs know it; never changes."""
    sequence: Mapped[int] = mapped_column(default=0)
    """Raised by one with each invitation, update and cancellation that is sent."""
    state: Mapped[str] = mapped_column(String(10))
    """A ``TcState``."""
    reason: Mapped[str] = mapped_column(Text)
    quarter: Mapped[str] = mapped_column(String(7), default="")
    """The quarter concerned, ``2013-Q1``; "" = none."""
    requested_at: Mapped[datetime] = mapped_column(UtcTime)
    requested_by: Mapped[str] = mapped_column(String(255), info=NAME)
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    starts_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """None until it is set."""
    length: Mapped[int] = mapped_column(default=0)
    """Minutes; 0 until it is set."""
    place: Mapped[str] = mapped_column(String(255), default="")
    """A room or an address, as text."""
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it was set, declined or cancelled last."""
    decided_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    why_not: Mapped[str] = mapped_column(Text, default="")
    """Why it was declined or cancelled."""
    minutes: Mapped[str] = mapped_column(Text, default="")
    """What was said and decided, once it was held."""
    agenda: Mapped[str] = mapped_column(Text, default="")
    """The agenda as it was when it was marked as held, JSON; "" = it fills itself still."""
    version: Mapped[int] = mapped_column(default=1)
    """Raised by one with each change."""

    times: Mapped[list[TeleconferenceTime]] = relationship(
        order_by="TeleconferenceTime.starts_at", cascade="all, delete-orphan"
    )
    tickets: Mapped[list[TeleconferenceTicket]] = relationship(
        order_by="TeleconferenceTicket.ticket_number", cascade="all, delete-orphan"
    )
    people: Mapped[list[TeleconferencePerson]] = relationship(
        order_by="TeleconferencePerson.position", cascade="all, delete-orphan"
    )
    points: Mapped[list[TeleconferencePoint]] = relationship(
        order_by="TeleconferencePoint.id", cascade="all, delete-orphan"
    )


class TeleconferenceTime(Base):
    """A time that was proposed."""

    __tablename__ = "teleconference_times"

    teleconference_id: Mapped[int] = mapped_column(
        ForeignKey("teleconferences.id", ondelete="CASCADE"), primary_key=True
    )
    starts_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)


class TeleconferenceTicket(Base):
    """A ticket that is to be talked about."""

    __tablename__ = "teleconference_tickets"

    teleconference_id: Mapped[int] = mapped_column(
        ForeignKey("teleconferences.id", ondelete="CASCADE"), primary_key=True
    )
    ticket_number: Mapped[int] = mapped_column(
        ForeignKey("tickets.number"), primary_key=True, index=True
    )


class TeleconferencePerson(Base):
    """A person concerned by a TC, or who joined; the row stays after the person left, who is not
    added again."""

    __tablename__ = "teleconference_people"

    teleconference_id: Mapped[int] = mapped_column(
        ForeignKey("teleconferences.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    position: Mapped[int]
    """In the order in which they came in."""
    why: Mapped[str] = mapped_column(String(255))
    """Why it concerns this person: "because you requested this meeting", "as reporter of
    DE-KIT"."""
    is_in: Mapped[bool] = mapped_column(default=True)
    is_invited: Mapped[bool] = mapped_column(default=False)
    """An invitation to this person was written and is still valid."""

    user: Mapped[User] = relationship(lazy="joined")


class TeleconferencePoint(Base):
    """A point that the chair adds to the agenda."""

    __tablename__ = "teleconference_points"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    teleconference_id: Mapped[int] = mapped_column(
        ForeignKey("teleconferences.id", ondelete="CASCADE"), index=True
    )
    text: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(255), default="")
    """Where it leads: a page of the portal or http(s); "" = nowhere."""
    added_by: Mapped[str] = mapped_column(String(255), info=NAME)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class TeleconferencePause(Base):
    """A time for which the regular TCs are cancelled until further notice."""

    __tablename__ = "teleconference_pauses"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit names them by their keys

    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime)
    cancelled_by: Mapped[str] = mapped_column(String(255), info=NAME)
    reason: Mapped[str] = mapped_column(Text)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """None = it lasts."""
    lifted_by: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    lift_reason: Mapped[str] = mapped_column(Text, default="")
