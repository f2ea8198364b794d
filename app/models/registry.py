"""Rows of the registry: sites with all their names, and links with their two ends."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Float, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base


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
    source: Mapped[str] = mapped_column(String(255), default="")
    """Where the facts of this row come from."""
    sample: Mapped[bool] = mapped_column(default=False)
    """Whether T0/T1 dates are a guess that nobody confirmed; shown beside them."""

    names: Mapped[list[SiteName]] = relationship(back_populates="site", order_by="SiteName.id")

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
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]

    site: Mapped[Site] = relationship(back_populates="names")


class Link(Base):
    """A circuit of LHCOPN or LHCONE between two sites."""

    __tablename__ = "links"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    """Its link id, an opaque text such as ``CERN-RAL-LHCOPN-001``."""
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
    source: Mapped[str] = mapped_column(String(255), default="")
    sample: Mapped[bool] = mapped_column(default=False)
    """Whether the link itself is sample data that no source confirms."""

    end_a: Mapped[Site] = relationship(foreign_keys=[end_a_id], lazy="joined")
    end_b: Mapped[Site] = relationship(foreign_keys=[end_b_id], lazy="joined")
    backs_up: Mapped[Link | None] = relationship(remote_side="Link.id")
    recorded_responsible: Mapped[Site | None] = relationship(foreign_keys=[responsible_site_id])
