"""Tables of the downtimes that sites announced to others, and of the lists that they are from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.models.base import Base, UtcTime
from app.registry.models.registry import Site


class DowntimeList(Base):
    """A service's list of one site's downtimes, as it was last imported."""

    __tablename__ = "downtime_lists"
    __table_args__ = (UniqueConstraint("site_id", "service"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    service: Mapped[str] = mapped_column(String(20))
    """Whose list: a ``ListService``."""
    imported_at: Mapped[datetime] = mapped_column(UtcTime)

    site: Mapped[Site] = relationship(lazy="joined")


class SiteDowntime(Base):
    """One entry of a list: one resource of a site is unavailable from ``start`` to ``end``."""

    __tablename__ = "site_downtimes"
    __table_args__ = (Index(None, "list_id", "start"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("downtime_lists.id"))
    their_id: Mapped[str] = mapped_column(String(50))
    """The entry's id in that service."""
    resource: Mapped[str] = mapped_column(String(255))
    services: Mapped[str] = mapped_column(String(255))
    """The resource's services that are unavailable, separated by ``, ``."""
    severity: Mapped[str] = mapped_column(String(100))
    """In the words of the list."""
    is_scheduled: Mapped[bool]
    start: Mapped[datetime] = mapped_column(UtcTime)
    end: Mapped[datetime] = mapped_column(UtcTime)
    announced_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the entry was created there; None = the list does not say."""
    text: Mapped[str] = mapped_column(Text)
