"""People who want to be notified of a ticket."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import OWN, Base, UtcTime


class TicketWatcher(Base):
    """A person who wants the mails of a ticket."""

    __tablename__ = "ticket_watchers"

    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id"), primary_key=True, index=True, info=OWN
    )
    since: Mapped[datetime] = mapped_column(UtcTime)
