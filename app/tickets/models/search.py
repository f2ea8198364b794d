"""The words by which tickets are found.

The table is the same on both databases. What finds a word in it quickly is each database's own,
created by the migration and updated by the database itself: SQLite a full-text table that triggers
fill, PostgreSQL three GIN indexes. Neither has a row of its own here; see
``docs/adr/0017-search.md``.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base

INDEX = "ticket_fts"
"""SQLite's full-text table, and the beginning of the names of all that belongs to it; PostgreSQL's
indexes begin with it too."""


class TicketWords(Base):
    """The words of one ticket, each between two blanks (see ``app.tickets.rules.tokenizer``)."""

    __tablename__ = "ticket_words"

    ticket_number: Mapped[int] = mapped_column(
        ForeignKey("tickets.number"), primary_key=True, autoincrement=False
    )
    public: Mapped[str] = mapped_column(Text)
    """Of its number, texts, names and public comments."""
    internal: Mapped[str] = mapped_column(Text)
    """Of its internal comments: only for those who may read them."""
    endings: Mapped[str] = mapped_column(Text)
    """Of the words of its title, by which parts of words are found."""
