"""Texts and files of two exchanged tickets that differ as read back

Revision: 0063, after: 0062
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision: str | None = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.add_column(sa.Column("differing", sa.Text(), nullable=True))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.drop_column("differing")
