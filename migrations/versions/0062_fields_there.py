"""Which fields of its own a partner's system has, as the test of its connection read them

Revision: 0062, after: 0061
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision: str | None = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("connections") as table:
        table.add_column(sa.Column("fields_there", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("connections") as table:
        table.drop_column("fields_there")
