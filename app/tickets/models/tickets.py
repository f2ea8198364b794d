"""Rows of network tickets and of what belongs to one: links, sites, references, origin."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.partners import Partner
from app.core.models.base import ADDRESS, ADDRESSES, NAME, Base, UtcTime
from app.registry.models.registry import Link, Site
from app.tickets.models.relations import Acknowledgement

_FILTERED = ("priority", "network", "category", "layer", "unit", "responsible_site_id", "to_check")


class Ticket(Base):
    """A network ticket. Texts that are not set are empty, times that are not set None."""

    __tablename__ = "tickets"
    __table_args__ = (
        # the orders of lists, with all that a list filters by
        Index("ix_tickets_number", "number", "created_at", "state", *_FILTERED),
        Index(None, "changed_at", "number", "created_at", "state", *_FILTERED),
        Index(None, "created_at", "number", "state", *_FILTERED),
        Index(None, "title", "number", "created_at", "state", *_FILTERED),
        Index(None, "state", "number", "created_at", *_FILTERED),
        Index(None, "priority", "number", "created_at", "state", *_FILTERED[1:]),
        Index(None, "unit", "number"),
        # the calendar reads a month; most tickets have no window and are not in it
        Index(
            "ix_tickets_window",
            "window_start",
            "window_end",
            sqlite_where=text("window_start IS NOT NULL"),
            postgresql_where=text("window_start IS NOT NULL"),
        ),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """One sequence for the whole portal; numbers become visible in their order."""
    version: Mapped[int]
    """Raised by one with each change; an edit states the version that it saw."""
    title: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, default="")
    solution: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20))
    priority: Mapped[str] = mapped_column(String(20))
    network: Mapped[str] = mapped_column(String(10))
    category: Mapped[str] = mapped_column(String(20))
    layer: Mapped[str] = mapped_column(String(20))
    impact: Mapped[str] = mapped_column(String(20))
    unit: Mapped[str] = mapped_column(String(50))
    """Responsible unit, as GGUS calls support units; free text."""
    type_of_problem: Mapped[str] = mapped_column(String(50))
    affected_vo: Mapped[str] = mapped_column(String(255), default="")
    related_issue: Mapped[str] = mapped_column(String(125), default="")
    person_in_charge: Mapped[str] = mapped_column(String(254), default="", info=NAME)
    experiment_specific: Mapped[bool] = mapped_column(default=False)

    responsible_site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"), index=True)
    responsible_set_by_hand: Mapped[bool] = mapped_column(default=False)
    """An operator set it; else it follows the affected links and sites."""

    event_start: Mapped[datetime | None] = mapped_column(UtcTime)
    event_detected: Mapped[datetime | None] = mapped_column(UtcTime)
    event_end: Mapped[datetime | None] = mapped_column(UtcTime)
    window_start: Mapped[datetime | None] = mapped_column(UtcTime)
    window_end: Mapped[datetime | None] = mapped_column(UtcTime)
    estimated_end: Mapped[datetime | None] = mapped_column(UtcTime)

    created_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    """Time of the newest change, strictly increasing, in milliseconds."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Newest move to solved or unsolved, None while open."""
    last_author: Mapped[str] = mapped_column(String(255), info=NAME)

    created_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    created_by_partner_id: Mapped[int | None] = mapped_column(ForeignKey("partners.id"), index=True)
    submitter_name: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    submitter_mail: Mapped[str] = mapped_column(String(255), default="", info=ADDRESS)
    submitter_login: Mapped[str] = mapped_column(String(255), default="", info=NAME)
    submitter_phone: Mapped[str] = mapped_column(String(255), default="")
    carbon_copy: Mapped[str] = mapped_column(String(255), default="", info=ADDRESSES)
    origin_system: Mapped[str] = mapped_column(String(255), default="")
    """What the creating partner sent as GHD_Origin_SG: a claim."""
    origin_id: Mapped[str] = mapped_column(String(255), default="", index=True)

    to_check: Mapped[bool] = mapped_column(default=False, index=True)
    """A repeated creation brought other content; an operator has to look."""
    repeats: Mapped[int] = mapped_column(default=0)
    """Identical repeats of a modification that were answered and not stored twice."""

    affected_links: Mapped[list[TicketLink]] = relationship(
        back_populates="ticket",
        order_by="TicketLink.position",
        cascade="all, delete-orphan",
        lazy="selectin",
    )
    affected_sites: Mapped[list[TicketSite]] = relationship(
        back_populates="ticket",
        order_by="TicketSite.position",
        cascade="all, delete-orphan",
        lazy="selectin",
    )
    references: Mapped[list[ExternalReference]] = relationship(
        order_by="ExternalReference.id", cascade="all, delete-orphan"
    )
    handed_to: Mapped[list[Partner]] = relationship(
        secondary="ticket_partners", order_by=Partner.code, lazy="selectin"
    )
    acknowledgements: Mapped[list[Acknowledgement]] = relationship(
        order_by="Acknowledgement.site_id", cascade="all, delete-orphan"
    )
    """The sites that must accept this change, with their answers."""
    responsible_site: Mapped[Site | None] = relationship(lazy="joined")
    created_by_partner: Mapped[Partner | None] = relationship(lazy="joined")


class TicketLink(Base):
    """A link that a ticket affects."""

    __tablename__ = "ticket_links"
    __table_args__ = (
        UniqueConstraint("ticket_number", "link_id"),
        Index(None, "link_id", "ticket_number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), index=True)
    position: Mapped[int]
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"))
    recognised: Mapped[bool] = mapped_column(default=False)
    """Found in the ticket's texts, not chosen by anyone."""

    ticket: Mapped[Ticket] = relationship(back_populates="affected_links")
    link: Mapped[Link] = relationship(lazy="joined")


class TicketSite(Base):
    """A site that a ticket affects; ``site_id`` is None while the name is unknown."""

    __tablename__ = "ticket_sites"
    __table_args__ = (
        Index(None, "site_id", "ticket_number"),
        Index(None, "name", "site_id", "ticket_number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), index=True)
    position: Mapped[int]
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    name: Mapped[str] = mapped_column(String(255))
    """The name as it was sent or chosen."""
    recognised: Mapped[bool] = mapped_column(default=False)

    ticket: Mapped[Ticket] = relationship(back_populates="affected_sites")
    site: Mapped[Site | None] = relationship(lazy="joined")
    spellings: Mapped[list[SiteSpelling]] = relationship(cascade="all, delete-orphan")


class ConcernedSite(Base):
    """A known site that a ticket concerns: affected, responsible, or an end of an affected link.

    It follows from the ticket's other rows (``app.tickets.services.concern.concern_rows``).
    """

    __tablename__ = "concerned_sites"

    site_id: Mapped[int] = mapped_column(
        ForeignKey("sites.id"), primary_key=True, autoincrement=False
    )
    ticket_number: Mapped[int] = mapped_column(
        ForeignKey("tickets.number"), primary_key=True, autoincrement=False, index=True
    )


class UnknownLink(Base):
    """A word in a ticket's title or description that looks like a link id but was not one at that
    time."""

    __tablename__ = "unknown_links"
    __table_args__ = (Index(None, "name", "ticket_number"),)

    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    """In upper case, as link ids are written."""
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"), index=True)
    """The link that the ticket affects since an administrator said what the name means."""


class SiteSpelling(Base):
    """How one partner spells an affected site; it gets it back in this spelling."""

    __tablename__ = "site_spellings"

    ticket_site_id: Mapped[int] = mapped_column(ForeignKey("ticket_sites.id"), primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))


class ExternalReference(Base):
    """A ticket's number in another system."""

    __tablename__ = "external_references"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    """target (the partner's own number: GHD_Target_ID), incident (GHD_Incident_ID) or other."""
    provider: Mapped[str] = mapped_column(String(255))
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partners.id"))
    reference: Mapped[str] = mapped_column(String(255))
    url: Mapped[str] = mapped_column(String(255), default="")


class TicketPartner(Base):
    """A partner to which a ticket was handed: it is among that partner's own from then on."""

    __tablename__ = "ticket_partners"

    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"), primary_key=True)


class OriginKey(Base):
    """The key and content of a partner's first creation request: repeats answer its ticket."""

    __tablename__ = "origin_keys"
    __table_args__ = (UniqueConstraint("partner_id", "origin_system", "origin_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"))
    origin_system: Mapped[str] = mapped_column(String(255))
    origin_id: Mapped[str] = mapped_column(String(255))
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"))
    """None only inside the transaction that creates the ticket."""
    content: Mapped[str] = mapped_column(Text)
    """What the first request sent, as JSON."""


class OriginDifference(Base):
    """A differing content that was repeated under an origin key; each is marked once."""

    __tablename__ = "origin_differences"

    origin_key_id: Mapped[int] = mapped_column(ForeignKey("origin_keys.id"), primary_key=True)
    content_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


class ImportedTicket(Base):
    """A ticket that came in a file: the same number of the same source never comes twice."""

    __tablename__ = "imported_tickets"

    source: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The system that it was in, as the importer calls it."""
    number: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Its number there."""
    ticket_number: Mapped[int] = mapped_column(ForeignKey("tickets.number"), unique=True)
    content_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what its line said."""


class RequestKey(Base):
    """The key of a creation or a change through the native service: a repeat answers what the
    first request was answered."""

    __tablename__ = "request_keys"
    __table_args__ = (UniqueConstraint("partner_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"))
    key: Mapped[str] = mapped_column(String(255))
    content_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the content of the first request."""
    ticket_number: Mapped[int | None] = mapped_column(ForeignKey("tickets.number"))
    """None only inside the transaction of the first request."""
    version: Mapped[int | None]
    """The ticket's version after it; None of a creation."""
    attachment_id: Mapped[int | None]
    """The number of the file that it added."""
