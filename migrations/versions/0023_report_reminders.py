"""Reminders of quarterly reports, and who is not to be reminded

Revision: 0023, after: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision: str | None = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "report_reminders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("quarter", sa.String(length=7), nullable=False),
        sa.Column("step", sa.String(length=30), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_report_reminders_site_id_sites")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["mail_messages.id"],
            name=op.f("fk_report_reminders_message_id_mail_messages"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_reminders")),
        sa.UniqueConstraint(
            "site_id", "quarter", "step", name=op.f("uq_report_reminders_site_id_quarter_step")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("report_reminders", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_report_reminders_message_id"), ["message_id"], unique=False
        )
    op.create_table(
        "report_quiet",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.CheckConstraint(
            "(site_id IS NULL) <> (user_id IS NULL)", name=op.f("ck_report_quiet_site_or_person")
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_report_quiet_site_id_sites")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_report_quiet_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_quiet")),
        sa.UniqueConstraint("site_id", name=op.f("uq_report_quiet_site_id")),
        sa.UniqueConstraint("user_id", name=op.f("uq_report_quiet_user_id")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("report_quiet")
    op.drop_table("report_reminders")
