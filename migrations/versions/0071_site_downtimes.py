"""Downtimes that sites announced, from the lists of others

Revision: 0071, after: 0070
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision: str | None = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "downtime_lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("service", sa.String(20), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_downtime_lists_site_id_sites")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downtime_lists")),
        sa.UniqueConstraint("site_id", "service", name=op.f("uq_downtime_lists_site_id_service")),
    )
    op.create_table(
        "site_downtimes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("their_id", sa.String(50), nullable=False),
        sa.Column("resource", sa.String(255), nullable=False),
        sa.Column("services", sa.String(255), nullable=False),
        sa.Column("severity", sa.String(100), nullable=False),
        sa.Column("is_scheduled", sa.Boolean(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True)),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["downtime_lists.id"],
            name=op.f("fk_site_downtimes_list_id_downtime_lists"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_downtimes")),
    )
    op.create_index(op.f("ix_site_downtimes_list_id"), "site_downtimes", ["list_id", "start"])


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_table("site_downtimes")
    op.drop_table("downtime_lists")
