"""Meeting packs: what was ordered, how far it is, and the files that came of it

Revision: 0025, after: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision: str | None = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "meeting_packs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("first_quarter", sa.String(length=7), nullable=False),
        sa.Column("last_quarter", sa.String(length=7), nullable=False),
        sa.Column("slides", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Integer(), nullable=False),
        sa.Column("doing", sa.String(length=255), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_meeting_packs_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_packs")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("meeting_packs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_meeting_packs_created_at"), ["created_at"], unique=False
        )

    op.create_table(
        "meeting_pack_files",
        sa.Column("pack_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pack_id"],
            ["meeting_packs.id"],
            name=op.f("fk_meeting_pack_files_pack_id_meeting_packs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pack_id", "kind", name=op.f("pk_meeting_pack_files")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("meeting_pack_files")
    with op.batch_alter_table("meeting_packs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_meeting_packs_created_at"))

    op.drop_table("meeting_packs")
