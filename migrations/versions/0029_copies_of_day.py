"""How many outside addresses each account named for carbon copies on its newest day

Revision: 0029, after: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision: str | None = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "copies_of_day",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("addresses", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "account_id", name=op.f("pk_copies_of_day")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("copies_of_day")
