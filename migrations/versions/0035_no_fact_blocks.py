"""Figures are read from the rows: no facts are stored beside them

Revision: 0035, after: 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision: str | None = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.drop_table("fact_blocks")
    op.execute("DELETE FROM portal_facts WHERE name LIKE 'facts_kept:%'")


def downgrade() -> None:
    """Take it back: a worker fills the blocks again."""
    op.create_table(
        "fact_blocks",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("block", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changes_up_to", sa.Integer(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("links", sa.LargeBinary(), nullable=False),
        sa.Column("sites", sa.LargeBinary(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "block", name=op.f("pk_fact_blocks")),
    )
