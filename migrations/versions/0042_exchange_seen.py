"""What people see of the exchange: tests, comparisons, and what waits for a person

Revision: 0042, after: 0041
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision: str | None = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("test", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("comparison", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("ticket_pairs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ticket_pairs_state"),
            ["state", "connection_id"],
            unique=False,
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("ticket_pairs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_pairs_state"))
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.drop_column("comparison")
        batch_op.drop_column("compared_at")
        batch_op.drop_column("test")
