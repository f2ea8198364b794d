"""Mails are claimed as webhooks are: the end of a claim has a column of its own

Revision: 0067, after: 0066
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision: str | None = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("mails") as table:
        table.add_column(sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE mails SET state = 'waiting', claimed_until = due_at WHERE state = 'sending'")


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.execute(
        "UPDATE mails SET state = 'sending', due_at = claimed_until"
        " WHERE claimed_until IS NOT NULL AND state = 'waiting'"
    )
    with op.batch_alter_table("mails") as table:
        table.drop_column("claimed_until")
