"""Tables of pairs: a ticket here and its counterpart, and everything exchanged between them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import NAME, SENTENCE, Base, UtcTime
from app.exchange.models.connections import Connection


class TicketPair(Base):
    """Our ticket and theirs. Written before the first call; ``app.exchange.rules.pairs`` explains
    how each column determines the next step."""

    __tablename__ = "ticket_pairs"
    __table_args__ = (
        UniqueConstraint("ticket_number", "connection_id"),
        UniqueConstraint("connection_id", "their_id"),
        Index(None, "connection_id", "id"),
        Index(None, "state", "connection_id"),
        Index(None, "moved_from", "connection_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"))
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    state: Mapped[str] = mapped_column(String(20))
    their_id: Mapped[str | None] = mapped_column(String(255))
    """None until it is known."""
    their_number: Mapped[str] = mapped_column(String(255), default="")
    """The number that people there use."""
    their_url: Mapped[str] = mapped_column(String(500), default="")
    moved_from: Mapped[str] = mapped_column(String(255), default="")
    """Their number before it was merged into another one."""
    moved_after: Mapped[int | None]
    """The sequence of our last entry that was sent before the merge was seen: entries up to it that
    are missing in the other ticket are sent again; None = already checked."""
    began_here: Mapped[bool]
    """The ticket was first ours."""
    begun_at: Mapped[datetime | None] = mapped_column(UtcTime)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(String(500), default="", info=SENTENCE)
    bases: Mapped[str] = mapped_column(Text, default="{}", server_default="{}")
    """JSON: the agreed value of each mapped field, ours and theirs (``rules.settle.Base``)."""
    their_values: Mapped[str] = mapped_column(Text, default="{}", server_default="{}")
    """JSON: each mapped field's value in their words, as last read."""
    differing: Mapped[str | None] = mapped_column(Text)
    """JSON: exchanged texts and files that differ there, as last read
    (``rules.reading.PartDifference``); None = not checked yet."""
    differs_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    """Since when a comparison has found different values, texts or files, and a person decides."""
    left_differing: Mapped[str] = mapped_column(Text, default="", server_default="")
    """JSON: the difference that a person accepted."""
    copies: Mapped[str] = mapped_column(Text, default="[]")
    """JSON: keys of their texts that are copies of ours, and not entries."""
    read_at: Mapped[datetime | None] = mapped_column(UtcTime)
    unread_since: Mapped[datetime | None] = mapped_column(UtcTime)
    """Since when their ticket was not read to its end; None = the last read was complete."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a person ended the exchange; ``reason`` says why."""
    ended_by: Mapped[str] = mapped_column(String(255), default="", server_default="", info=NAME)
    ended_after: Mapped[int | None]
    """The newest change that was planned by then: later ones wait until the exchange resumes."""
    unplanned_from: Mapped[int | None]
    """The first change that could not be planned: it and later ones are planned when a person
    retries, or with the next change. None = no such change."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    connection: Mapped[Connection] = relationship(lazy="joined")


class UnpairedTicket(Base):
    """A ticket there that our account created, with our reference but without a pair: a second one
    for a ticket of ours, or one without a ticket here."""

    __tablename__ = "unpaired_tickets"
    __table_args__ = (
        UniqueConstraint("connection_id", "their_id"),
        Index(None, "ticket_number", "connection_id"),
        Index(None, "left_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    ticket_number: Mapped[int] = mapped_column(BigInteger)
    """The number in its first text; there may be no such ticket here."""
    their_id: Mapped[str] = mapped_column(String(255))
    their_number: Mapped[str] = mapped_column(String(255), default="")
    their_url: Mapped[str] = mapped_column(String(500), default="")
    found_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    """When it was last read."""
    left_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a person accepted it; None = it waits for a person."""

    connection: Mapped[Connection] = relationship(lazy="joined")


class ExchangeEntry(Base):
    """A unit that a pair exchanges."""

    __tablename__ = "exchange_entries"
    __table_args__ = (
        UniqueConstraint("pair_id", "origin", "sequence"),
        UniqueConstraint("pair_id", "origin", "their_key"),
        UniqueConstraint("pair_id", "change_id", "position"),
        Index(None, "state", "pair_id"),
        Index(None, "their_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("ticket_pairs.id"))
    origin: Mapped[str] = mapped_column(String(10))
    """ours or theirs."""
    sequence: Mapped[int]
    """From 1, without gaps, for each pair and origin."""
    kind: Mapped[str] = mapped_column(String(20))
    """ticket (its first entry), comment, internal comment, move, field, attachment."""
    author: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    content: Mapped[str] = mapped_column(Text)
    """JSON."""
    state: Mapped[str] = mapped_column(String(20))
    """waiting, sent, applied, recorded (sent by the partner), ``asked``, skipped, gave way."""
    reason: Mapped[str] = mapped_column(String(500), default="", info=SENTENCE)
    change_id: Mapped[int | None] = mapped_column(ForeignKey("changes.id"))
    """The change from which it was planned, or which it caused."""
    position: Mapped[int] = mapped_column(default=0)
    """Its position among the entries of the change."""
    their_key: Mapped[str | None] = mapped_column(String(255))
    """Its id there."""
    at: Mapped[datetime] = mapped_column(UtcTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
