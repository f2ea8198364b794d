"""Followers of the change log that fail, each by itself, instead of one reason for a worker

Revision: 0052, after: 0051
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision: str | None = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "follower_troubles",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_follower_troubles")),
    )
    with op.batch_alter_table("workers") as table:
        table.drop_column("trouble")


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("workers") as table:
        table.add_column(sa.Column("trouble", sa.Text(), nullable=False, server_default=""))
    op.drop_table("follower_troubles")
