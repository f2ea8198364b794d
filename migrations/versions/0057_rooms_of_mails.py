"""Mails that come in: sizes, files, and what was taken in and refused on each day

Revision: 0057, after: 0056
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision: str | None = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("incoming_mails") as table:
        table.add_column(
            sa.Column("is_whole", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        table.add_column(sa.Column("size", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("files", sa.Text(), nullable=True))
    op.execute("UPDATE incoming_mails SET size = length(content)")
    op.create_table(
        "incoming_mail_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("room", sa.String(length=20), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("kept_bytes", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("refused_bytes", sa.BigInteger(), nullable=False),
        sa.Column("unreviewed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "room", name=op.f("pk_incoming_mail_days")),
    )


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_table("incoming_mail_days")
    with op.batch_alter_table("incoming_mails") as table:
        table.drop_column("files")
        table.drop_column("size")
        table.drop_column("is_whole")
