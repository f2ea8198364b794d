"""Mails that come in

Revision: 0044, after: 0043
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision: str | None = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "incoming_mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=True),
        sa.Column("holder", sa.String(length=20), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_incoming_mails_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming_mails")),
        sa.UniqueConstraint("key", name=op.f("uq_incoming_mails_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_incoming_mails_state"), "incoming_mails", ["state", "id"], unique=False
    )
    op.create_index(
        op.f("ix_incoming_mails_ticket_number"),
        "incoming_mails",
        ["ticket_number", "holder", "received_at"],
        unique=False,
    )


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_table("incoming_mails")
