"""When people want to be reminded of tickets

Revision: 0040, after: 0039
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision: str | None = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "ticket_reminders",
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(length=255), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_ticket_reminders_ticket_number_tickets"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_ticket_reminders_user_id_users")
        ),
        sa.PrimaryKeyConstraint("ticket_number", "user_id", name=op.f("pk_ticket_reminders")),
    )
    with op.batch_alter_table("ticket_reminders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_reminders_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            "ix_ticket_reminders_to_come",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("reminded_at IS NULL"),
            postgresql_where=sa.text("reminded_at IS NULL"),
        )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("ticket_reminders")
