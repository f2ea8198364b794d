"""An import of events is one transaction: its file lies in its row, and it has no parts

An import in the middle is ended: its file is asked for again. Of one that a command or an older
portal had begun to write what was written stays, and can be withdrawn.

Revision: 0033, after: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision: str | None = "0032"
branch_labels = None
depends_on = None

_NUMBERED = {"sqlite_autoincrement": True}
"""Else SQLite would give ids out again where the table is made anew."""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(
        "UPDATE event_imports SET state = 'stopped', ended_at = CURRENT_TIMESTAMP"
        " WHERE state = 'writing' AND lines > 0"
    )
    op.execute(
        "UPDATE event_imports SET state = 'failed', ended_at = CURRENT_TIMESTAMP, shown = '',"
        " new = 0, corrected = 0, same = 0, wrong = 0, unresolved = 0"
        " WHERE state IN ('reading', 'read', 'writing')"
    )
    op.drop_table("event_import_parts")
    op.drop_column("event_imports", "lines")
    op.drop_column("event_imports", "whole")
    op.add_column("event_imports", sa.Column("begun_at", sa.DateTime(timezone=True)))
    op.add_column("event_imports", sa.Column("content", sa.LargeBinary()))


def downgrade() -> None:
    """Take this revision back."""
    with op.batch_alter_table("event_imports", table_kwargs=_NUMBERED) as batch_op:
        for name in ("lines", "whole"):
            batch_op.add_column(
                sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"))
            )
    op.execute(
        "UPDATE event_imports SET lines = new + corrected + same + wrong,"
        " whole = new + corrected + same + wrong"
    )
    with op.batch_alter_table("event_imports", table_kwargs=_NUMBERED) as batch_op:
        for name in ("lines", "whole"):
            batch_op.alter_column(name, server_default=None)
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
    op.execute(
        "INSERT INTO event_import_parts (import_id, position, content)"
        " SELECT id, 0, content FROM event_imports WHERE content IS NOT NULL"
    )
    op.drop_column("event_imports", "content")
    op.drop_column("event_imports", "begun_at")
