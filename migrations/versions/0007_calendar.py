"""The LHC's calendar, and an index of the windows of maintenances and changes

Revision: 0007, after: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "lhc_periods",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begin_precision", sa.String(length=10), nullable=False),
        sa.Column("begin_standing", sa.String(length=10), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_precision", sa.String(length=10), nullable=False),
        sa.Column("end_standing", sa.String(length=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lhc_periods")),
        sa.UniqueConstraint("name", name=op.f("uq_lhc_periods_name")),
    )
    op.create_index(
        "ix_tickets_window",
        "tickets",
        ["window_start", "window_end"],
        sqlite_where=sa.text("window_start IS NOT NULL"),
        postgresql_where=sa.text("window_start IS NOT NULL"),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index("ix_tickets_window", table_name="tickets")
    op.drop_table("lhc_periods")
