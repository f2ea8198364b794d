"""Old refusals may be deleted: the worker does once they were kept for as long as the settings say

Revision: 0028, after: 0027

Those of the last day are still only added, whoever asks.
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision: str | None = "0027"
branch_labels = None
depends_on = None


def _refuse(sqlite: str, postgresql: str) -> None:
    """Make the trigger anew, with that condition."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER refusals_no_delete")
        op.execute(
            f"CREATE TRIGGER refusals_no_delete BEFORE delete ON refusals {sqlite}"
            " BEGIN SELECT RAISE(ABORT, 'rows of refusals are only added'); END"
        )
    else:
        op.execute("DROP TRIGGER refusals_no_delete ON refusals")
        op.execute(
            "CREATE TRIGGER refusals_no_delete BEFORE delete ON refusals"
            f" FOR EACH ROW {postgresql} EXECUTE FUNCTION refuse_to_change_the_audit()"
        )


def upgrade() -> None:
    """Bring the tables to this revision."""
    _refuse("WHEN OLD.at > datetime('now', '-1 day')", "WHEN (OLD.at > now() - interval '1 day')")


def downgrade() -> None:
    """Take it back."""
    _refuse("", "")
