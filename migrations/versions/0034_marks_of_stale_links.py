"""A stale link has a mark, and is recomputed whole: its duties are no thing of their own

Revision: 0034, after: 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision: str | None = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("stale_matchings", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("mark", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        )
    op.execute(
        "INSERT INTO stale_matchings (kind, thing_id)"
        " SELECT 'link', thing_id FROM stale_matchings WHERE kind = 'duty' AND thing_id NOT IN"
        " (SELECT thing_id FROM stale_matchings WHERE kind = 'link')"
    )
    op.execute("DELETE FROM stale_matchings WHERE kind = 'duty'")
    op.execute("DELETE FROM portal_facts WHERE name = 'matching_turn'")


def downgrade() -> None:
    """Take it back."""
    op.execute(
        "INSERT INTO stale_matchings (kind, thing_id)"
        " SELECT 'duty', thing_id FROM stale_matchings WHERE kind = 'link'"
    )
    with op.batch_alter_table("stale_matchings", schema=None) as batch_op:
        batch_op.drop_column("mark")
