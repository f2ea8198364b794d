"""What a partner's ticket held when it was last read, and since when it could not be read

Revision: 0051, after: 0050
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision: str | None = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.add_column(sa.Column("their_values", sa.Text(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("unread_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.drop_column("unread_since")
        table.drop_column("their_values")
