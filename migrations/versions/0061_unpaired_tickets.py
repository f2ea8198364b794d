"""Partners' tickets with our reference that are no pair's

Revision: 0061, after: 0060
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision: str | None = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "unpaired_tickets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("ticket_number", sa.BigInteger(), nullable=False),
        sa.Column("their_id", sa.String(255), nullable=False),
        sa.Column("their_number", sa.String(255), nullable=False),
        sa.Column("their_url", sa.String(500), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_unpaired_tickets_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unpaired_tickets")),
        sa.UniqueConstraint(
            "connection_id", "their_id", name=op.f("uq_unpaired_tickets_connection_id_their_id")
        ),
    )
    with op.batch_alter_table("unpaired_tickets") as table:
        table.create_index(
            op.f("ix_unpaired_tickets_ticket_number"),
            ["ticket_number", "connection_id"],
        )
        table.create_index(op.f("ix_unpaired_tickets_left_at"), ["left_at"])


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_table("unpaired_tickets")
