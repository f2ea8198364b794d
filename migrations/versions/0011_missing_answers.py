"""An index of the answers to changes that are still missing

Revision: 0011, after: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_index(
        "ix_acknowledgements_missing",
        "acknowledgements",
        ["site_id", "ticket_number"],
        sqlite_where=sa.text("answer = ''"),
        postgresql_where=sa.text("answer = ''"),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_index("ix_acknowledgements_missing", table_name="acknowledgements")
