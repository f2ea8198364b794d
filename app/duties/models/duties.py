"""Rows of the rules that say when a ticket is to be written, and of what they ask for.

``ServiceLoss``, ``Duty``, ``DutySum`` and ``DutyRipening`` are kept results: they can be thrown
away and recomputed. The others are people's own.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import Base, UtcTime


class DutyRule(Base):
    """A rule by its name; what it says is in its versions."""

    __tablename__ = "duty_rules"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit names them by their keys

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    about: Mapped[str] = mapped_column(Text, default="")
    """What it is for, its pros and cons, where it comes from."""
    source: Mapped[str] = mapped_column(String(255), default="")
    version: Mapped[int] = mapped_column(default=1)
    """Raised by one with each change of it, of its versions and of when they are in force."""

    versions: Mapped[list[DutyRuleVersion]] = relationship(
        back_populates="rule", order_by="DutyRuleVersion.number"
    )


class DutyRuleVersion(Base):
    """What a rule says. A version never changes: results refer to it."""

    __tablename__ = "duty_rule_versions"
    __table_args__ = (UniqueConstraint("rule_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("duty_rules.id"))
    number: Mapped[int]
    """Counted from 1 within its rule."""
    content: Mapped[str] = mapped_column(Text)
    """Clauses and hours as JSON: see ``app.duties.rules.duties``."""
    note: Mapped[str] = mapped_column(Text, default="")
    """Why it was made."""
    author: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    rule: Mapped[DutyRule] = relationship(back_populates="versions", lazy="joined")
    forces: Mapped[list[DutyForce]] = relationship(
        back_populates="version", order_by="DutyForce.begins_at, DutyForce.id"
    )


class DutyForce(Base):
    """A time in which a version of a rule is in force, as an administrator said so."""

    __tablename__ = "duty_forces"

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_version_id: Mapped[int] = mapped_column(ForeignKey("duty_rule_versions.id"), index=True)
    begins_at: Mapped[datetime] = mapped_column(UtcTime)
    """It holds for events that begin at this moment or later ..."""
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """... and before this one; None = until further notice."""
    reason: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(255))
    set_at: Mapped[datetime] = mapped_column(UtcTime)
    end_reason: Mapped[str] = mapped_column(Text, default="")
    end_author: Mapped[str] = mapped_column(String(255), default="")
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it was undone: it never held."""

    version: Mapped[DutyRuleVersion] = relationship(back_populates="forces", lazy="joined")


class Duty(Base):
    """That a version of a rule asks for a ticket of a detected event: kept, each event once a rule.

    Computed for the newest version of each rule and for those ever in force.
    """

    __tablename__ = "duties"
    __table_args__ = (
        Index(None, "link_id", "event_id"),
        # the list of tickets that are missing, of all and of one site
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
        # the rows behind what a rule would have asked for
        Index(None, "rule_version_id", "start", "event_id"),
    )

    rule_version_id: Mapped[int] = mapped_column(
        ForeignKey("duty_rule_versions.id"), primary_key=True
    )
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True)
    """The detected event, by the raw event with which it begins."""
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """From whom: the responsible site of the link."""
    start: Mapped[datetime] = mapped_column(UtcTime)
    """Of the detected event."""
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    """By when the ticket must exist."""
    clause: Mapped[int]
    """The position of the clause that asks."""
    amount: Mapped[int] = mapped_column(BigInteger)
    """What the clause measured: seconds of the event or of the loss, or how many flaps."""
    is_unsure: Mapped[bool]
    """A loss of service where no backup was recorded."""
    lost_site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """The T1 that was cut off, where the clause is about that."""
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"))
    """The first ticket that documents the event, while it is ongoing of its link; None = none."""
    there_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When that ticket was written."""
    is_due: Mapped[bool]
    """The version was in force when the event began (of several rules the one made first)."""


class DutySum(Base):
    """How many tickets a version of a rule asked for on one link in one quarter: kept."""

    __tablename__ = "duty_sums"

    rule_version_id: Mapped[int] = mapped_column(
        ForeignKey("duty_rule_versions.id"), primary_key=True
    )
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), primary_key=True)
    site_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The T1 at an end; 0 = the whole network, each duty once."""
    quarter: Mapped[str] = mapped_column(String(7), primary_key=True)
    """That of the event's start: ``2012-Q1``."""
    asked: Mapped[int]
    there: Mapped[int]
    late: Mapped[int]
    """Of those that are there."""
    unsure: Mapped[int]
    losses: Mapped[int]
    """Duties because a T1 was cut off."""


class ServiceLoss(Base):
    """A time in which a T1 had no LHCOPN link and no recorded backup of it up: kept."""

    __tablename__ = "service_losses"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    end: Mapped[datetime | None] = mapped_column(UtcTime)
    """None = ongoing."""
    is_unsure: Mapped[bool]
    """No backup of a primary link to the T0 was recorded then."""
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    """The detected event that answers for it: a T1's loss is one duty."""


class DutyRipening(Base):
    """When the duties of a link with an ongoing event are to be looked at again: kept."""

    __tablename__ = "duty_ripenings"

    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    """When the event will have lasted longer than a clause says, the LHC begins or stops, a link
    or a T1 comes or goes, or an end by a clock that is ahead has come."""
