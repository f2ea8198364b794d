"""The request that wrote a change, so that mails and messages about it belong to its trace

Revision: 0069, after: 0068
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision: str | None = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("changes", sa.Column("traceparent", sa.String(55), nullable=True))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_column("changes", "traceparent")  # not in a batch: the log's triggers would be lost
