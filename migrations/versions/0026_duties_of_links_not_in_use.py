"""Duties of links that were not always in use are reckoned anew: no rule asks of what began outside

Revision: 0026, after: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision: str | None = "0025"
branch_labels = None
depends_on = None

_NOTE = """
    INSERT INTO stale_matchings (kind, thing_id)
    SELECT 'duty', id FROM links
    WHERE (valid_from IS NOT NULL OR valid_until IS NOT NULL)
      AND id NOT IN (SELECT thing_id FROM stale_matchings WHERE kind = 'duty')
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(_NOTE)


def downgrade() -> None:
    """Take it back: what the older rule asks for is reckoned by it."""
    op.execute(_NOTE)
