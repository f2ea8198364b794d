"""The orders of lists have indexes that hold what lists filter by

Revision: 0032, after: 0031
"""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision: str | None = "0031"
branch_labels = None
depends_on = None

_FILTERED = ("network", "category", "layer", "unit", "responsible_site_id", "to_check")
_ORDERS = {
    "number": ("created_at", "state", "priority"),
    "changed_at": ("number", "created_at", "state", "priority"),
    "created_at": ("number", "state", "priority"),
    "title": ("number", "created_at", "state", "priority"),
    "state": ("number", "created_at", "priority"),
    "priority": ("number", "created_at", "state"),
}
_ALONE = ("network", "category", "layer")


def upgrade() -> None:
    """Bring the tables to this revision."""
    for name in (*_ORDERS, *_ALONE):
        if name != "number":
            op.drop_index(f"ix_tickets_{name}", table_name="tickets")
    for name, more in _ORDERS.items():
        op.create_index(f"ix_tickets_{name}", "tickets", [name, *more, *_FILTERED])


def downgrade() -> None:
    """Take the tables back to the revision before."""
    for name in _ORDERS:
        op.drop_index(f"ix_tickets_{name}", table_name="tickets")
    for name in (*_ORDERS, *_ALONE):
        if name != "number":
            op.create_index(f"ix_tickets_{name}", "tickets", [name, "number"])
