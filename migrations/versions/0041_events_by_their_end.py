"""Events of a link are found by their end, too: the ongoing ones, and those since a day

Revision: 0041, after: 0037
"""

from __future__ import annotations

from alembic import op

revision = "0041"
down_revision: str | None = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_index("ix_events_link_end", "events", ["link_id", "end"])


def downgrade() -> None:
    """Take the tables back to the revision before."""
    op.drop_index("ix_events_link_end", table_name="events")
