"""Which mail server accepted a mail

Revision: 0056, after: 0055
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision: str | None = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("mails") as table:
        table.add_column(sa.Column("taker", sa.String(length=255), nullable=True))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("mails") as table:
        table.drop_column("taker")
