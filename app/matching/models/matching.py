"""Tables of the results computed from events and tickets, their rules, and people's decisions.

``DetectedEvent``, ``EventOfDetected`` and ``EventTicket`` are computed results: they can be deleted
and recomputed at any time. ``HandMade`` and ``MatchingRule`` are entered by people.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import NAME, Base, UtcTime


class MatchingRule(Base):
    """How raw events become detected ones and are matched, from a moment on until the next rule."""

    __tablename__ = "matching_rules"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    valid_from: Mapped[datetime] = mapped_column(UtcTime, unique=True)
    """The rule applies to events that start at this moment or later."""
    gap_seconds: Mapped[int]
    """Longest gap between two periods of one detected event."""
    minimal_seconds: Mapped[int]
    """An event counts from this length on."""
    tolerance_seconds: Mapped[int]
    """By how much a ticket's interval is widened on both sides."""
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(255), default="", info=NAME)


class DetectedEvent(Base):
    """Down and degraded periods of one link (or of a site alone) that belong together: a stored
    result."""

    __tablename__ = "detected_events"
    __table_args__ = (
        # the figures of some quarters are counted without reading the rows
        Index(
            "ix_detected_events_figures",
            "quarter",
            "is_counted",
            "link_id",
            "t1_id",
            "other_t1_id",
            "is_documented",
        ),
        Index(None, "link_id", "start"),
        Index(None, "site_id", "start"),
        Index(None, "start", "id"),
        Index(
            "ix_detected_events_ripening",
            "changes_at",
            sqlite_where=text("changes_at IS NOT NULL"),
            postgresql_where=text("changes_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True, autoincrement=False)
    """The id of its first raw event, so that its page keeps the same address when it grows."""
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """Only if it names no link: listed, but not counted per T1."""
    start: Mapped[datetime] = mapped_column(UtcTime)
    end: Mapped[datetime | None] = mapped_column(UtcTime)
    """The last end; None while one of its periods is ongoing."""
    is_open: Mapped[bool]
    seconds: Mapped[int] = mapped_column(BigInteger)
    """From the first start to the last end; of an open one to ``computed_at``."""
    beginnings: Mapped[int]
    """Its number of raw events, which the flap clause counts."""
    state: Mapped[str] = mapped_column(String(20))
    """The worst of its periods: down, else degraded."""
    quarter: Mapped[str] = mapped_column(String(7))
    """The quarter of its start, UTC: ``2012-Q1``."""
    network: Mapped[str] = mapped_column(String(10))
    """The network of its link; "" for a site's."""
    t1_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """The T1 end of its link when it started; None = neither end was a T1 then."""
    other_t1_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """The other T1 end of a link between two T1s: the event counts for both."""
    is_counted: Mapped[bool]
    """Whether it lasts long enough (60 minutes) and its link was in use then."""
    changes_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When time alone may change it: it is ongoing and starts to count, or a matching ticket starts
    or ends; None = never."""
    is_maintenance: Mapped[bool]
    """Whether a maintenance documents it: it counts too, and is marked."""
    is_documented: Mapped[bool]
    how: Mapped[str] = mapped_column(String(10))
    """link, site, hand or none: the strongest of its matches, in this order."""
    rule_version: Mapped[int]
    computed_at: Mapped[datetime] = mapped_column(UtcTime)


class EventOfDetected(Base):
    """The detected event of a raw event. One without has no known link or site, or is not an
    outage."""

    __tablename__ = "events_of_detected"

    event_id: Mapped[int] = mapped_column(
        ForeignKey("events.id"), primary_key=True, autoincrement=False
    )
    detected_id: Mapped[int] = mapped_column(
        ForeignKey("detected_events.id", ondelete="CASCADE"), index=True
    )


class EventTicket(Base):
    """A ticket that matches a detected event: a stored result. Not every such ticket documents it.

    Of each kind only those that start last are stored (``app.matching.figures.keeping``).
    """

    __tablename__ = "event_tickets"

    detected_id: Mapped[int] = mapped_column(
        ForeignKey("detected_events.id", ondelete="CASCADE"), primary_key=True
    )
    ticket_number: Mapped[int] = mapped_column(
        ForeignKey("tickets.number"), primary_key=True, index=True
    )
    """Never a duplicate: its content counts for its master."""
    how: Mapped[str] = mapped_column(String(10))
    """link, site, or hand (a person's decision, for or against)."""
    documents: Mapped[bool]
    """False: unlinked by hand, or outside the tolerance and not confirmed."""
    seconds: Mapped[int] = mapped_column(BigInteger)
    """How long event and ticket overlap; 0 if only the tolerance connects them, or both are
    ongoing."""
    why: Mapped[str] = mapped_column(Text)
    """In words: "same link, overlap 43 min"."""
    suspected_shift: Mapped[int | None]
    """Seconds by which both ends of the ticket are off: probably a wrong time zone."""


class HandMade(Base):
    """A person's decision about a raw event and a ticket; recomputation preserves it.

    It applies to the detected event to which the raw event belongs, however that grows. Of two
    decisions about the same detected event and ticket, the newer one is valid.
    """

    __tablename__ = "hand_made_matches"

    event_id: Mapped[int] = mapped_column(
        ForeignKey("events.id"), primary_key=True, autoincrement=False
    )
    ticket_number: Mapped[int] = mapped_column(
        ForeignKey("tickets.number"), primary_key=True, index=True
    )
    decision: Mapped[str] = mapped_column(String(10))
    """linked or unlinked."""
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(255), info=NAME)
    """The displayed author of the decision."""
    at: Mapped[datetime] = mapped_column(UtcTime)


class StaleMatching(Base):
    """A link (or a site's own events) that has to be recomputed."""

    __tablename__ = "stale_matchings"

    kind: Mapped[str] = mapped_column(String(4), primary_key=True)
    """link or site."""
    thing_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mark: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Changes with each marking and each write of its results."""
