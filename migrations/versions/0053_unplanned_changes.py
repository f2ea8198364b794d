"""Exchanged tickets of which a change could not be planned: from which one on

Revision: 0053, after: 0052
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision: str | None = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.add_column(sa.Column("unplanned_from", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.drop_column("unplanned_from")
