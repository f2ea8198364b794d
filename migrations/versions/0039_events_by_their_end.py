"""Events of a link are found by their end, too: the ongoing ones, and those since a day

Revision: 0039, after: 0038
"""

from __future__ import annotations

from alembic import op

revision = "0039"
down_revision: str | None = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_index("ix_events_link_end", "events", ["link_id", "end"])


def downgrade() -> None:
    """Take the tables back to the revision before."""
    op.drop_index("ix_events_link_end", table_name="events")
