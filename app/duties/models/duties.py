"""Tables of the rules for required tickets, and of their results.

``ServiceLoss``, ``Duty``, ``DutySum`` and ``DutyRipening`` are computed results: they can be
deleted and recomputed. The others are entered by people.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import NAME, SENTENCE, Base, UtcTime


class DutyRule(Base):
    """A rule with its name; its content is in its versions."""

    __tablename__ = "duty_rules"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit refers to them by key

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    about: Mapped[str] = mapped_column(Text, default="")
    """Its purpose, its pros and cons, and its origin."""
    source: Mapped[str] = mapped_column(String(255), default="", info=SENTENCE)
    version: Mapped[int] = mapped_column(default=1)
    """Incremented by each change of the rule, its versions, or when they are in force."""

    versions: Mapped[list[DutyRuleVersion]] = relationship(
        back_populates="rule", order_by="DutyRuleVersion.number"
    )


class DutyRuleVersion(Base):
    """The content of a rule. A version never changes: results refer to it."""

    __tablename__ = "duty_rule_versions"
    __table_args__ = (UniqueConstraint("rule_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("duty_rules.id"))
    number: Mapped[int]
    """Counted from 1 within its rule."""
    content: Mapped[str] = mapped_column(Text)
    """Clauses and hours as JSON: see ``app.duties.rules.duties``."""
    note: Mapped[str] = mapped_column(Text, default="")
    """Why it was created."""
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    rule: Mapped[DutyRule] = relationship(back_populates="versions", lazy="joined")
    forces: Mapped[list[DutyForce]] = relationship(
        back_populates="version", order_by="DutyForce.begins_at, DutyForce.id"
    )


class DutyForce(Base):
    """A period in which a version of a rule is in force, as set by an administrator."""

    __tablename__ = "duty_forces"

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_version_id: Mapped[int] = mapped_column(ForeignKey("duty_rule_versions.id"), index=True)
    begins_at: Mapped[datetime] = mapped_column(UtcTime)
    """It applies to events that start at this moment or later ..."""
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """... and before this one; None = until further notice."""
    reason: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(255), info=NAME)
    set_at: Mapped[datetime] = mapped_column(UtcTime)
    end_reason: Mapped[str] = mapped_column(Text, default="")
    end_author: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it was undone: it then never applied."""

    version: Mapped[DutyRuleVersion] = relationship(back_populates="forces", lazy="joined")


class Duty(Base):
    """A ticket required by a version of a rule for a detected event: a stored result, each event
    once per rule.

    Computed for the newest version of each rule and for all versions that were ever in force.
    """

    __tablename__ = "duties"
    __table_args__ = (
        Index(None, "link_id", "event_id"),
        # the list of missing tickets, of all sites and of one
        Index(
            "ix_duties_missing",
            "site_id",
            "start",
            sqlite_where=text("is_due = 1 AND ticket_number IS NULL"),
            postgresql_where=text("is_due AND ticket_number IS NULL"),
        ),
        Index(
            "ix_duties_due",
            "start",
            "event_id",
            sqlite_where=text("is_due = 1"),
            postgresql_where=text("is_due"),
        ),
        Index(None, "event_id"),
        # the rows behind what a rule would have required
        Index(None, "rule_version_id", "start", "event_id"),
    )

    rule_version_id: Mapped[int] = mapped_column(
        ForeignKey("duty_rule_versions.id"), primary_key=True
    )
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True)
    """The detected event, identified by its first raw event."""
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """The site that has to write it: the responsible site of the link."""
    start: Mapped[datetime] = mapped_column(UtcTime)
    """Start of the detected event."""
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    """By when the ticket must exist."""
    clause: Mapped[int]
    """The position of the clause that applies."""
    amount: Mapped[int] = mapped_column(BigInteger)
    """The value measured by the clause: seconds of the event or of the loss, or the number of
    flaps."""
    is_unsure: Mapped[bool]
    """A loss of service for which no backup was recorded."""
    lost_site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """The T1 that was cut off, if the clause is about a loss."""
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"))
    """The first ticket that documents the event; while it is ongoing, only tickets of the link;
    None = no ticket."""
    there_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When that ticket was written."""
    is_due: Mapped[bool]
    """Whether the version was in force when the event started (of several rules, the oldest)."""


class DutySum(Base):
    """How many tickets a version of a rule required on one link in one quarter: a stored result."""

    __tablename__ = "duty_sums"

    rule_version_id: Mapped[int] = mapped_column(
        ForeignKey("duty_rule_versions.id"), primary_key=True
    )
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), primary_key=True)
    site_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The T1 at an end; 0 = the whole network, each duty once."""
    quarter: Mapped[str] = mapped_column(String(7), primary_key=True)
    """The quarter of the event's start: ``2012-Q1``."""
    asked: Mapped[int]
    there: Mapped[int]
    late: Mapped[int]
    """How many of the existing tickets were late."""
    unsure: Mapped[int]
    losses: Mapped[int]
    """Duties because a T1 was cut off."""


class ServiceLoss(Base):
    """A period in which a T1 had no LHCOPN link and no recorded backup up: a stored result."""

    __tablename__ = "service_losses"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    end: Mapped[datetime | None] = mapped_column(UtcTime)
    """None = ongoing."""
    is_unsure: Mapped[bool]
    """No backup of a primary link to the T0 was recorded at that time."""
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    """The detected event that accounts for it: a T1's loss is one duty."""


class DutyRipening(Base):
    """When the duties of a link with an ongoing event have to be recomputed: a stored result."""

    __tablename__ = "duty_ripenings"

    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    """When the event exceeds the length in a clause, the LHC starts or stops, the validity of a
    link or a T1 changes, or an end set by a fast clock is reached."""
