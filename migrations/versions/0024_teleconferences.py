"""Teleconferences: requests with their times, tickets and people, agenda points, and the series

Revision: 0024, after: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision: str | None = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "teleconference_pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_by", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=255), nullable=False),
        sa.Column("lift_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teleconference_pauses")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "teleconferences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("quarter", sa.String(length=7), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("requested_by_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=255), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=255), nullable=False),
        sa.Column("why_not", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Text(), nullable=False),
        sa.Column("agenda", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["users.id"], name=op.f("fk_teleconferences_requested_by_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teleconferences")),
        sa.UniqueConstraint("uid", name=op.f("uq_teleconferences_uid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("teleconferences", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_teleconferences_starts_at"), ["starts_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_teleconferences_state"), ["state", "id"], unique=False)

    op.create_table(
        "teleconference_people",
        sa.Column("teleconference_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("is_in", sa.Boolean(), nullable=False),
        sa.Column("is_invited", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["teleconference_id"],
            ["teleconferences.id"],
            name=op.f("fk_teleconference_people_teleconference_id_teleconferences"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_teleconference_people_user_id_users")
        ),
        sa.PrimaryKeyConstraint(
            "teleconference_id", "user_id", name=op.f("pk_teleconference_people")
        ),
    )
    with op.batch_alter_table("teleconference_people", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_teleconference_people_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "teleconference_points",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("teleconference_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["teleconference_id"],
            ["teleconferences.id"],
            name=op.f("fk_teleconference_points_teleconference_id_teleconferences"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teleconference_points")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("teleconference_points", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_teleconference_points_teleconference_id"),
            ["teleconference_id"],
            unique=False,
        )

    op.create_table(
        "teleconference_tickets",
        sa.Column("teleconference_id", sa.Integer(), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["teleconference_id"],
            ["teleconferences.id"],
            name=op.f("fk_teleconference_tickets_teleconference_id_teleconferences"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_teleconference_tickets_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint(
            "teleconference_id", "ticket_number", name=op.f("pk_teleconference_tickets")
        ),
    )
    with op.batch_alter_table("teleconference_tickets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_teleconference_tickets_ticket_number"), ["ticket_number"], unique=False
        )

    op.create_table(
        "teleconference_times",
        sa.Column("teleconference_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["teleconference_id"],
            ["teleconferences.id"],
            name=op.f("fk_teleconference_times_teleconference_id_teleconferences"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "teleconference_id", "starts_at", name=op.f("pk_teleconference_times")
        ),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("teleconference_times")
    with op.batch_alter_table("teleconference_tickets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_teleconference_tickets_ticket_number"))

    op.drop_table("teleconference_tickets")
    with op.batch_alter_table("teleconference_points", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_teleconference_points_teleconference_id"))

    op.drop_table("teleconference_points")
    with op.batch_alter_table("teleconference_people", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_teleconference_people_user_id"))

    op.drop_table("teleconference_people")
    with op.batch_alter_table("teleconferences", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_teleconferences_state"))
        batch_op.drop_index(batch_op.f("ix_teleconferences_starts_at"))

    op.drop_table("teleconferences")
    op.drop_table("teleconference_pauses")
