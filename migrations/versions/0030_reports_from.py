"""Reports are asked from a quarter that is fixed once: of the first report, else the running one

Revision: 0030, after: 0029
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision: str | None = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    connection, now = op.get_bind(), datetime.now(UTC)
    first = connection.scalar(sa.text("SELECT min(quarter) FROM reports"))
    running = f"{now.year:04}-Q{(now.month + 2) // 3}"
    connection.execute(
        sa.text("INSERT INTO portal_facts (name, value) VALUES ('reports_from', :quarter)"),
        {"quarter": first or running},
    )


def downgrade() -> None:
    """Take it back."""
    op.execute("DELETE FROM portal_facts WHERE name = 'reports_from'")
