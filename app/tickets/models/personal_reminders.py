"""What people want to be reminded of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import OWN, Base, UtcTime


class TicketReminder(Base):
    """When a person wants to be reminded of a ticket; at most one of each, seen by nobody else."""

    __tablename__ = "ticket_reminders"
    __table_args__ = (
        Index(
            "ix_ticket_reminders_to_come",
            "due_at",
            sqlite_where=text("reminded_at IS NULL"),
            postgresql_where=text("reminded_at IS NULL"),
        ),
    )

    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id"), primary_key=True, index=True, info=OWN
    )
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    note: Mapped[str] = mapped_column(String(255))
    """What the person wrote for itself; "" = nothing."""
    reminded_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the mail was queued, as far as the person gets mails; None = it is to come."""
