"""The hashes of exchanged entries go: tickets are compared with the partner's instead

Revision: 0065, after: 0064

Back again, entries have no hash, and the comparison of that version reads each as altered.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision: str | None = "0064"
branch_labels = None
depends_on = None

_COLUMNS = ("digest", "before", "hash")


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("exchange_entries") as table:
        for name in _COLUMNS:
            table.drop_column(name)


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("exchange_entries") as table:
        for name in _COLUMNS:
            table.add_column(sa.Column(name, sa.String(64), nullable=False, server_default=""))
    with op.batch_alter_table("exchange_entries") as table:
        for name in _COLUMNS:
            table.alter_column(name, server_default=None)
