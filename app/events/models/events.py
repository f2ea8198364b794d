"""Tables of network events as monitoring reported them, and of their sources.

What the portal derives from them (detected events, their tickets) is stored elsewhere and can be
recomputed; these rows cannot.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, UtcTime


class EventSource(Base):
    """A monitoring system that reports events; created by its first message, or by a command."""

    __tablename__ = "event_sources"
    __table_args__ = ({"sqlite_autoincrement": True},)  # the audit refers to them by key

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    """How its first message arrived: api, soap, file, hand, or a name of ``events.adapters``."""
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partners.id"))
    """The partner that owns it: accounts of other partners cannot write it. None = no partner."""
    link_label: Mapped[str] = mapped_column(String(100), default="link", server_default="link")
    """The alerts' label with the link's id."""
    site_label: Mapped[str] = mapped_column(String(100), default="site", server_default="site")
    """... with any name of the site."""
    state_label: Mapped[str] = mapped_column(String(100), default="state", server_default="state")
    """... with the state: its values are in ``state_words``."""
    layer_label: Mapped[str] = mapped_column(String(100), default="layer", server_default="layer")
    """... with the layer."""
    state_words: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Values of that label in addition to the states themselves: ``critical=down;
    warning=degraded``."""
    expected_minutes: Mapped[int] = mapped_column(default=60, server_default="60")
    """It is silent if it was not heard for longer than this."""
    last_heard_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Its last call or, for a source of files, the newest time in a file. UTC; None = never.
    Written at most once in some seconds, and not in the change log."""
    calls: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it ever called by itself: a source with only files is never missed."""
    sample: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it is sample data of a demo: nothing reports to it, so the portal's worker calls for
    it while it runs."""
    silence_from: Mapped[datetime | None] = mapped_column(UtcTime)
    """Calls were not recorded before this moment, so no silence is counted; None = recorded since
    its creation."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    version: Mapped[int] = mapped_column(default=1)
    """Incremented by each change."""


class SourceSilence(Base):
    """A period in which a source was not heard for longer than expected.

    One that has ended is written when the source is heard again. An ongoing one is a row only after
    operators were notified: that the source is silent follows from its ``last_heard_at``.
    """

    __tablename__ = "source_silences"
    __table_args__ = (
        Index("ix_source_silences_source", "source_id", "start"),
        Index("ix_source_silences_end", "end"),
        # few are ongoing, or ended just now
        Index(
            "ix_source_silences_to_mail",
            "id",
            sqlite_where=text("to_mail"),
            postgresql_where=text("to_mail"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("event_sources.id"))
    start: Mapped[datetime] = mapped_column(UtcTime)
    """When it was last heard before, UTC."""
    end: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it was heard again; None = ongoing."""
    to_mail: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether operators were notified of the silence, and not yet of its end."""


class Event(Base):
    """One period that a source reported for a link or site. Its id comes from a counter: a lower
    one never becomes visible after a higher one."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("source_id", "source_key"),
        Index(None, "link_id", "start"),
        # the few ongoing or recent events of a link, among all of its events
        Index("ix_events_link_end", "link_id", "end"),
        # which sources ever reported a link
        Index("ix_events_link_source", "link_id", "source_id", "start"),
        Index(None, "site_id", "start"),
        Index(None, "start", "id"),
        # few are ongoing
        Index(
            "ix_events_open",
            "start",
            "id",
            sqlite_where=text('"end" IS NULL'),
            postgresql_where=text('"end" IS NULL'),
        ),
        # few have a name that the registry does not know
        Index(
            "ix_events_link_text",
            "link_text",
            "id",
            sqlite_where=text("link_text <> ''"),
            postgresql_where=text("link_text <> ''"),
        ),
        Index(
            "ix_events_site_text",
            "site_text",
            "id",
            sqlite_where=text("site_text <> ''"),
            postgresql_where=text("site_text <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source_id: Mapped[int] = mapped_column(ForeignKey("event_sources.id"))
    source_key: Mapped[str] = mapped_column(String(255))
    """The source's own id (``source_id`` in files and messages)."""
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))
    link_text: Mapped[str] = mapped_column(String(255), default="", server_default="")
    """The link as it was sent if the registry did not know it; with a ``link_id`` it has been
    resolved since. "" = it was known, or not sent."""
    site_text: Mapped[str] = mapped_column(String(255), default="", server_default="")
    """The same for the site."""
    state: Mapped[str] = mapped_column(String(20))
    """down, degraded or unmonitored."""
    start: Mapped[datetime] = mapped_column(UtcTime)
    end: Mapped[datetime | None] = mapped_column(UtcTime)
    """None = ongoing."""
    layer: Mapped[str] = mapped_column(String(20), default="unknown", server_default="unknown")
    """As in tickets."""
    detail: Mapped[str] = mapped_column(Text, default="", server_default="")
    version: Mapped[int] = mapped_column(default=1)
    """1 when first reported, incremented by each correction."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a person withdrew it, with a reason in its history. It stays visible, and is excluded
    from everything that counts, matches or requires a ticket."""
