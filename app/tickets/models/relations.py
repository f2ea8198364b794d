"""Rows of what binds tickets to each other, and of sites' answers to a change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import NAME, Base, UtcTime
from app.registry.models.registry import Site


class TicketRelation(Base):
    """One relation of two tickets, stored once and shown at both."""

    __tablename__ = "ticket_relations"
    __table_args__ = (CheckConstraint("ticket_number <> other_number", name="two_tickets"),)

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    """child, duplicate or related."""
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    """The child, the duplicate, or of two related ones the lower number."""
    other_number: Mapped[int] = mapped_column(
        ForeignKey("tickets.number"), primary_key=True, index=True
    )
    """The parent, the master, or of two related ones the higher number."""


class Acknowledgement(Base):
    """A site that has to accept a change, and its newest answer."""

    __tablename__ = "acknowledgements"
    __table_args__ = (
        # what is still to be answered is asked for all day, and is little of all
        Index(
            "ix_acknowledgements_missing",
            "site_id",
            "ticket_number",
            sqlite_where=text("answer = ''"),
            postgresql_where=text("answer = ''"),
        ),
    )

    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True, index=True)
    answer: Mapped[str] = mapped_column(String(10), default="")
    """accepted or refused; "" while it is missing."""
    reason: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    answered_version: Mapped[int | None]
    """The ticket's version that this answer created: it identifies later changes of the plan."""
    author: Mapped[str] = mapped_column(String(255), default="", info=NAME)

    site: Mapped[Site] = relationship(lazy="joined")
