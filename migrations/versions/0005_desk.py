"""The desk: saved filters, chosen columns, what a person saw, tickets changed at once

Revision: 0005, after: 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

_NOT_DELETED = sa.text("deleted_at IS NULL")


def _of_users() -> list[sa.Column[Any]]:
    return [
        sa.Column("list_columns", sa.String(length=255), server_default="", nullable=False),
        sa.Column("shortcuts", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("visited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_until", sa.DateTime(timezone=True), nullable=True),
    ]


def upgrade() -> None:
    """Bring the tables to this revision."""
    for column in _of_users():
        op.add_column("users", column)
    op.create_table(
        "saved_filters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_saved_filters_owner_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_filters")),
    )
    op.create_index(
        "uq_saved_filters_owner_id_name",
        "saved_filters",
        ["owner_id", "name"],
        unique=True,
        sqlite_where=_NOT_DELETED,
        postgresql_where=_NOT_DELETED,
    )
    op.create_index(op.f("ix_saved_filters_shared"), "saved_filters", ["shared"])
    op.create_table(
        "ticket_visits",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("ticket_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_ticket_visits_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "ticket_number", name=op.f("pk_ticket_visits")),
    )
    op.create_table(
        "bulk_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["bulk_changes.id"], name=op.f("fk_bulk_changes_undoes_id_bulk_changes")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_bulk_changes_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_changes")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_bulk_changes_undoes_id")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_bulk_changes_user_id_key")),
    )
    op.create_table(
        "bulk_change_tickets",
        sa.Column("bulk_change_id", sa.Integer(), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bulk_change_id"],
            ["bulk_changes.id"],
            name=op.f("fk_bulk_change_tickets_bulk_change_id_bulk_changes"),
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_bulk_change_tickets_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint(
            "bulk_change_id", "ticket_number", name=op.f("pk_bulk_change_tickets")
        ),
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("bulk_change_tickets")
    op.drop_table("bulk_changes")
    op.drop_table("ticket_visits")
    op.drop_index(op.f("ix_saved_filters_shared"), table_name="saved_filters")
    op.drop_index("uq_saved_filters_owner_id_name", table_name="saved_filters")
    op.drop_table("saved_filters")
    with op.batch_alter_table("users", schema=None) as batch_op:
        for column in reversed(_of_users()):
            batch_op.drop_column(column.name)
