"""Tickets that came in a file are known by their source and number

Revision: 0010, after: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_tickets",
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("number", sa.String(length=255), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_imported_tickets_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("source", "number", name=op.f("pk_imported_tickets")),
        sa.UniqueConstraint("ticket_number", name=op.f("uq_imported_tickets_ticket_number")),
    )


def downgrade() -> None:
    op.drop_table("imported_tickets")
