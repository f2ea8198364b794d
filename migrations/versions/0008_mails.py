"""Mails about tickets: letters, queue, stops, watchers, and which mails a person gets

Revision: 0008, after: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision. What was changed before tells nobody."""
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("mail_choice", sa.String(length=10), server_default="each", nullable=False)
        )
    op.create_table(
        "mail_letters",
        sa.Column("change_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["changes.id"], name=op.f("fk_mail_letters_change_id_changes")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_mail_letters")),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=True),
        sa.Column("ticket_number", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("address_key", sa.String(length=254), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["change_id"],
            ["mail_letters.change_id"],
            name=op.f("fk_mails_change_id_mail_letters"),
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"], ["tickets.number"], name=op.f("fk_mails_ticket_number_tickets")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mails_user_id_users")),
        sa.ForeignKeyConstraint(["digest_id"], ["mails.id"], name=op.f("fk_mails_digest_id_mails")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint(
            "change_id", "address_key", name=op.f("uq_mails_change_id_address_key")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("mails", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mails_due_at"), ["due_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mails_state"), ["state", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mails_ticket_number"), ["ticket_number"], unique=False)
        batch_op.create_index(batch_op.f("ix_mails_digest_id"), ["digest_id"], unique=False)
    op.create_table(
        "mail_stops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address_key", sa.String(length=254), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_stops")),
        sa.UniqueConstraint("address_key", name=op.f("uq_mail_stops_address_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ticket_watchers",
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_ticket_watchers_ticket_number_tickets"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_ticket_watchers_user_id_users")
        ),
        sa.PrimaryKeyConstraint("ticket_number", "user_id", name=op.f("pk_ticket_watchers")),
    )
    with op.batch_alter_table("ticket_watchers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_watchers_user_id"), ["user_id"], unique=False)
    op.execute(
        "INSERT INTO portal_facts (name, value)"
        " SELECT 'mails_planned_up_to', CAST(coalesce(max(id), 0) AS VARCHAR(20)) FROM changes"
    )


def downgrade() -> None:
    """Take this revision's tables back."""
    op.execute("DELETE FROM portal_facts WHERE name = 'mails_planned_up_to'")
    op.drop_table("ticket_watchers")
    op.drop_table("mail_stops")
    op.drop_table("mails")
    op.drop_table("mail_letters")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("mail_choice")
