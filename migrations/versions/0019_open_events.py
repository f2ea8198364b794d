"""The few events that go on are found at once

Revision: 0019, after: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision: str | None = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    is_open = sa.text('"end" IS NULL')
    op.create_index(
        "ix_events_open",
        "events",
        ["start", "id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    """Take the tables back to the revision before."""
    op.drop_index("ix_events_open", table_name="events")
