"""Rows of the registry: sites with all their names, and links with their two ends."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.core.models.base import NAME, SENTENCE, Base, UtcTime
from app.registry.rules.recognition import first_word


def _word_of_name(context: DefaultExecutionContext) -> str:
    values = context.get_current_parameters()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    return first_word(values["name"])


class Site(Base):
    """A site of the LHCOPN/MoU: the unit of "per T1"."""

    __tablename__ = "sites"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(50), unique=True)
    """Its LHCOPN name, e.g. ``DE-KIT``."""
    country: Mapped[str] = mapped_column(String(2))
    time_zone: Mapped[str] = mapped_column(String(50))
    """IANA name."""
    tier: Mapped[int | None]
    """0 or 1 in this registry's own sense, or None; CRIC's tier is not T1 status."""
    tier_since: Mapped[date | None]
    tier_until: Mapped[date | None]
    """First day on which it no longer was T0/T1."""
    source: Mapped[str] = mapped_column(String(255), default="", info=SENTENCE)
    """Where the facts of this row come from that have no ``FactSource`` of their own."""
    sample: Mapped[bool] = mapped_column(default=False)
    """Whether T0/T1 dates are a guess that nobody confirmed; shown next to them."""
    valid_from: Mapped[date | None]
    """First day on which the site is in this registry's world; None = unknown."""
    valid_until: Mapped[date | None]
    """First day on which the site is out of use; None = in use."""
    version: Mapped[int] = mapped_column(default=1)
    """Raised by one with each change; a form states the version that it saw."""
    bandwidth_gbps: Mapped[float | None] = mapped_column(Float)
    """Bandwidth to the LHCOPN in Gb/s, as the site declares it."""
    nrens: Mapped[str] = mapped_column(String(255), default="")
    """National research networks that connect it, separated by ``; ``."""
    vos: Mapped[str] = mapped_column(String(255), default="")
    """Experiments for which it is T0 or T1, separated by ``; ``."""
    map_place: Mapped[float | None] = mapped_column(Float)
    """Its position on the ring of the map: degrees, clockwise from the top. Given when the site
    is created, so that another one moves nobody; None = nowhere in particular, as a T0 in the
    middle."""

    names: Mapped[list[SiteName]] = relationship(
        back_populates="site", order_by="SiteName.id", cascade="all, delete-orphan"
    )
    asns: Mapped[list[SiteAsn]] = relationship(order_by="SiteAsn.asn", cascade="all, delete-orphan")
    prefixes: Mapped[list[SitePrefix]] = relationship(
        order_by="SitePrefix.id", cascade="all, delete-orphan"
    )
    contacts: Mapped[list[SiteContact]] = relationship(
        order_by="SiteContact.id", cascade="all, delete-orphan"
    )

    def gocdb_name(self) -> str | None:
        """The first GOCDB name, by which GGUS partners know the site."""
        return next((name.name for name in self.names if name.system == "GOCDB"), None)


class SiteName(Base):
    """One name of a site in one system, with validity; one name means one site at a time."""

    __tablename__ = "site_names"
    __table_args__ = (UniqueConstraint("site_id", "system", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    system: Mapped[str] = mapped_column(String(20))
    """LHCOPN, GOCDB, CRIC, NetSite or short (the form used in link ids)."""
    name: Mapped[str] = mapped_column(String(100), index=True)
    word: Mapped[str] = mapped_column(
        String(100), index=True, default=_word_of_name, server_default=""
    )
    """By which the name is found in a text (see ``first_word``); follows the name."""
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]

    site: Mapped[Site] = relationship(back_populates="names")

    @validates("name")
    def _follow_name(self, _field: str, name: str) -> str:
        self.word = first_word(name)
        return name


class SiteAsn(Base):
    """An autonomous system number of a site."""

    __tablename__ = "site_asns"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    asn: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1 to 4294967295 (RFC 6793)."""


class SitePrefix(Base):
    """An address range that a site announces on a network."""

    __tablename__ = "site_prefixes"
    __table_args__ = (UniqueConstraint("site_id", "network", "prefix"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    network: Mapped[str] = mapped_column(String(10))
    """LHCOPN or LHCONE."""
    prefix: Mapped[str] = mapped_column(String(43), index=True)
    """IPv4 or IPv6, in canonical form: ``192.0.2.0/24``."""


class SiteContact(Base):
    """Who answers for a site; mails about its tickets and reports go there later."""

    __tablename__ = "site_contacts"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    """network, security, reports or management."""
    name: Mapped[str] = mapped_column(String(255))
    """A person or, better, a function such as a NOC."""
    mail: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(100), default="")


class Link(Base):
    """A circuit of LHCOPN or LHCONE between two sites."""

    __tablename__ = "links"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    """Its link id, an opaque text such as ``CERN-RAL-LHCOPN-001``."""
    word: Mapped[str] = mapped_column(
        String(100), index=True, default=_word_of_name, server_default=""
    )
    """As of a site's name."""
    network: Mapped[str] = mapped_column(String(10))
    end_a_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    end_b_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    role: Mapped[str] = mapped_column(String(20), default="primary")
    """primary or backup."""
    backs_up_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"))
    responsible_site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    """The recorded responsible site; where None, the T1 end is responsible."""
    bandwidth_gbps: Mapped[float | None] = mapped_column(Float)
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    source: Mapped[str] = mapped_column(String(255), default="", info=SENTENCE)
    sample: Mapped[bool] = mapped_column(default=False)
    """Whether the link itself is sample data that no source confirms."""
    version: Mapped[int] = mapped_column(default=1)
    """As of a site."""

    circuits: Mapped[list[LinkCircuit]] = relationship(
        order_by="LinkCircuit.id", cascade="all, delete-orphan"
    )

    end_a: Mapped[Site] = relationship(foreign_keys=[end_a_id], lazy="joined")
    end_b: Mapped[Site] = relationship(foreign_keys=[end_b_id], lazy="joined")
    backs_up: Mapped[Link | None] = relationship(remote_side="Link.id")
    recorded_responsible: Mapped[Site | None] = relationship(foreign_keys=[responsible_site_id])

    @validates("name")
    def _follow_name(self, _field: str, name: str) -> str:
        self.word = first_word(name)
        return name


class LinkCircuit(Base):
    """A provider's part of a link, with the provider's own circuit id."""

    __tablename__ = "link_circuits"

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), index=True)
    provider: Mapped[str] = mapped_column(String(100))
    circuit_id: Mapped[str] = mapped_column(String(100), default="", index=True)


class LinkName(Base):
    """Another id under which tickets name a link: a slip of the pen, or what it was called."""

    __tablename__ = "link_names"

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), index=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)

    link: Mapped[Link] = relationship()


class FactSource(Base):
    """Where one field of a site or link comes from; without a row, the record's own source says."""

    __tablename__ = "fact_sources"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    """site or link."""
    thing_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    field: Mapped[str] = mapped_column(String(50), primary_key=True)
    """As in the change log: time_zone, tier, names, asns, bandwidth_gbps ..."""
    source: Mapped[str] = mapped_column(String(255), default="", info=SENTENCE)
    sample: Mapped[bool] = mapped_column(default=False)
    """A guess that nobody confirmed."""


class Unit(Base):
    """A responsible unit that is known by name; tickets may name others, which are unresolved."""

    __tablename__ = "units"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit names them by their keys

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    same_as_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """Another spelling of that unit."""


class NameDecision(Base):
    """What an administrator decided about a name of tickets that the registry does not know."""

    __tablename__ = "name_decisions"
    __table_args__ = (UniqueConstraint("kind", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    """site, link or unit."""
    name: Mapped[str] = mapped_column(String(255))
    decision: Mapped[str] = mapped_column(String(10))
    """alias (it is another name of a known thing), dismissed (it is to stay unresolved), or "" when
    that was taken back."""


class Proposal(Base):
    """A change of the registry that an outside source proposes and a person decides on."""

    __tablename__ = "proposals"
    __table_args__ = (
        Index(None, "state", "id"),
        UniqueConstraint("source", "digest"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(20))
    """CRIC."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what is proposed, so that a refusal is remembered."""
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"), index=True)
    """The site that would change; None for a new one."""
    subject: Mapped[str] = mapped_column(String(100))
    """The record in the source: CRIC's site name."""
    field: Mapped[str] = mapped_column(String(50))
    current: Mapped[str | None] = mapped_column(Text)
    """The registry's value when it was last compared."""
    proposed: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="")
    """What is doubtful about it: values of the source that disagree."""
    state: Mapped[str] = mapped_column(String(10), default="open")
    """open, accepted, refused, or gone when the source no longer says so."""
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by: Mapped[str] = mapped_column(String(100), default="", info=NAME)


class SourceRun(Base):
    """One reading of an outside source, with the result."""

    __tablename__ = "source_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(20), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    records: Mapped[int]
    """Records in it."""
    alarm: Mapped[str] = mapped_column(Text, default="")
    """Why it was not used: empty, or much smaller than the one before."""
    findings: Mapped[str] = mapped_column(Text, default="")
    """What is doubtful in it, one line each."""
