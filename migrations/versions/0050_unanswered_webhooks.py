"""Webhooks: attempts in a row to which nobody answered

Revision: 0050, after: 0049
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision: str | None = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("webhooks") as table:
        table.add_column(sa.Column("unanswered", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("webhooks") as table:
        table.drop_column("unanswered")
