"""Rows of a person's desk: saved filters, what was seen, what was changed at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.people import User
from app.core.models.base import COPY, OWN, Base, UtcTime

_NOT_DELETED = text("deleted_at IS NULL")


class SavedFilter(Base):
    """A filter of the list of tickets under a name."""

    __tablename__ = "saved_filters"
    __table_args__ = (
        Index(
            "uq_saved_filters_owner_id_name",
            "owner_id",
            "name",
            unique=True,
            sqlite_where=_NOT_DELETED,
            postgresql_where=_NOT_DELETED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(80))
    shared: Mapped[bool] = mapped_column(default=False, index=True)
    """Whether everybody may use it; else its owner only."""
    query: Mapped[str] = mapped_column(Text)
    """The query of the list's address: filter, sort and, if they belong to it, columns."""
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Deleted, but may be put back."""

    owner: Mapped[User] = relationship(lazy="joined")


class TicketVisit(Base):
    """Which version of a ticket a person saw, of tickets that changed since the last visit only.

    Rows from before a person's last visit are deleted when the next one begins.
    """

    __tablename__ = "ticket_visits"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, info=OWN)
    ticket_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """No foreign key: its check would wait for anyone who is changing the ticket."""
    version: Mapped[int]


class BulkChange(Base):
    """Several tickets changed at once by one person; each ticket's own change is in the log."""

    __tablename__ = "bulk_changes"
    __table_args__ = (UniqueConstraint("user_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    key: Mapped[str] = mapped_column(String(64))
    """Of the form that was sent: the same one twice changes nothing twice."""
    at: Mapped[datetime] = mapped_column(UtcTime)
    wanted: Mapped[str] = mapped_column(Text, info=COPY)
    """What was wanted, field by field, as JSON."""
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("bulk_changes.id"), unique=True)
    """The bulk change that this one takes back."""

    user: Mapped[User] = relationship(lazy="joined")
    tickets: Mapped[list[BulkChangeTicket]] = relationship(
        order_by="BulkChangeTicket.ticket_number", cascade="all, delete-orphan"
    )


class BulkChangeTicket(Base):
    """One ticket of a bulk change: the version that it got, or why it was left out."""

    __tablename__ = "bulk_change_tickets"

    bulk_change_id: Mapped[int] = mapped_column(ForeignKey("bulk_changes.id"), primary_key=True)
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    version: Mapped[int | None]
    """Of the ticket after its change in the log; None = it was not changed."""
    note: Mapped[str] = mapped_column(Text, default="", info=COPY)
    """Why it was left out, or what could not be done."""
