"""Files of events with what came of them, and events that a person withdrew

Revision: 0015, after: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels = None
depends_on = None

_COUNTS = ("lines", "whole", "new", "corrected", "same", "wrong", "unresolved")


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("events", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "event_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("encoding", sa.String(length=20), nullable=False),
        sa.Column("zone", sa.String(length=50), nullable=False),
        sa.Column("only_good", sa.Boolean(), nullable=False),
        sa.Column("keeps_unknown", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_event_imports_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_imports")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_event_imports_created_at"), "event_imports", ["created_at"])
    op.create_table(
        "event_import_parts",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["event_imports.id"],
            name=op.f("fk_event_import_parts_import_id_event_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "position", name=op.f("pk_event_import_parts")),
    )
    op.create_table(
        "events_of_imports",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["event_imports.id"],
            name=op.f("fk_events_of_imports_import_id_event_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "first_id", name=op.f("pk_events_of_imports")),
    )
    op.create_index(op.f("ix_events_of_imports_first_id"), "events_of_imports", ["first_id"])


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table("events_of_imports")
    op.drop_table("event_import_parts")
    op.drop_table("event_imports")
    op.drop_column("events", "withdrawn_at")
