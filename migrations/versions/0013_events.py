"""Network events as monitoring reports them, and their sources

Revision: 0013, after: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels = None
depends_on = None

_LABELS = ("link", "site", "state", "layer")


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "event_sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=True),
        *(
            sa.Column(f"{name}_label", sa.String(length=100), server_default=name, nullable=False)
            for name in _LABELS
        ),
        sa.Column("state_words", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_event_sources_partner_id_partners")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_sources")),
        sa.UniqueConstraint("name", name=op.f("uq_event_sources_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("source_key", sa.String(length=255), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("link_text", sa.String(length=255), server_default="", nullable=False),
        sa.Column("site_text", sa.String(length=255), server_default="", nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("layer", sa.String(length=20), server_default="unknown", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["event_sources.id"], name=op.f("fk_events_source_id_event_sources")
        ),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name=op.f("fk_events_link_id_links")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_events_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("source_id", "source_key", name=op.f("uq_events_source_id_source_key")),
    )
    op.create_index(op.f("ix_events_link_id"), "events", ["link_id", "start"])
    op.create_index(op.f("ix_events_site_id"), "events", ["site_id", "start"])
    op.create_index(op.f("ix_events_start"), "events", ["start", "id"])
    for name in ("link_text", "site_text"):
        borne = sa.text(f"{name} <> ''")
        op.create_index(
            f"ix_events_{name}",
            "events",
            [name, "id"],
            sqlite_where=borne,
            postgresql_where=borne,
        )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("events")
    op.drop_table("event_sources")
