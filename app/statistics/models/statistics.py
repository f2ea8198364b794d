"""Rows of what figures keep, so that no page has to read a million tickets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, UtcTime


class FactBlock(Base):
    """The facts of tickets or of events whose numbers are in one range, as arrays of bytes.

    They can be made again from tickets, events and the change log; how they are laid out is known
    to the floor of figures alone.
    """

    __tablename__ = "fact_blocks"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    """ticket or event, and the layout of the bytes: ``ticket.1``."""
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Numbers from ``block`` times the size of a block on."""
    version: Mapped[int]
    """Raised by one each time it is written: a process reads anew only what changed."""
    changes_up_to: Mapped[int]
    """The newest change of the log that it surely holds."""
    kept_at: Mapped[datetime] = mapped_column(UtcTime)
    rows: Mapped[bytes] = mapped_column(LargeBinary)
    links: Mapped[bytes] = mapped_column(LargeBinary)
    """Of tickets: pairs of numbers and affected links."""
    sites: Mapped[bytes] = mapped_column(LargeBinary)
    names: Mapped[str] = mapped_column(Text, default="")
    """Of tickets: numbers and names of affected sites that nobody knows, as JSON."""
