"""Since when a comparison has found that two exchanged tickets differ

Revision: 0064, after: 0063

What was compared before were the portal's own rows: that says nothing of the partner's ticket, and
is forgotten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision: str | None = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.add_column(sa.Column("differs_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("left_differing", sa.Text(), nullable=False, server_default=""))
        table.create_index(op.f("ix_ticket_pairs_differs_at"), ["differs_at"])
    _forget_comparisons()


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.drop_index(op.f("ix_ticket_pairs_differs_at"))
        table.drop_column("left_differing")
        table.drop_column("differs_at")
    _forget_comparisons()


def _forget_comparisons() -> None:
    op.execute("UPDATE connections SET comparison = '', compared_at = NULL")
