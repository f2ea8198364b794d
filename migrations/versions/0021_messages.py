"""Mails that are written at once: reminders of reports, invitations with a calendar's object

Revision: 0021, after: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision: str | None = "0020"
branch_labels = None
depends_on = None

_NUMBERED = {"sqlite_autoincrement": True}
"""What the table is made with; it is made anew on SQLite."""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "mail_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("calendar_method", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_mail_messages_key")),
    )
    with op.batch_alter_table("mails", schema=None, table_kwargs=_NUMBERED) as batch_op:
        batch_op.add_column(sa.Column("message_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_mails_message_id_mail_messages"),
            "mail_messages",
            ["message_id"],
            ["id"],
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_mails_message_id_address_key"), ["message_id", "address_key"]
        )


def downgrade() -> None:
    """Take it back."""
    op.execute("DELETE FROM mails WHERE message_id IS NOT NULL")
    with op.batch_alter_table("mails", schema=None, table_kwargs=_NUMBERED) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_mails_message_id_address_key"), type_="unique")
        batch_op.drop_constraint(
            batch_op.f("fk_mails_message_id_mail_messages"), type_="foreignkey"
        )
        batch_op.drop_column("message_id")
    op.drop_table("mail_messages")
