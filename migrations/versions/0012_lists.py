"""Indexes of the list of tickets: by each of its filters, and by its sorts

Revision: 0012, after: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels = None
depends_on = None

_NEW = (
    *(("tickets", name, "number") for name in ("priority", "network", "category", "layer")),
    # with the number, by which equal ones are ordered
    ("tickets", "title", "number"),
    ("ticket_links", "link_id", "ticket_number"),
    ("ticket_sites", "site_id", "ticket_number"),
)
_WERE_SHORTER = frozenset({"title", "link_id", "site_id"})


def upgrade() -> None:
    for table, column, number in _NEW:
        if column in _WERE_SHORTER:
            op.drop_index(f"ix_{table}_{column}", table)
        op.create_index(f"ix_{table}_{column}", table, [column, number])


def downgrade() -> None:
    for table, column, _ in reversed(_NEW):
        op.drop_index(f"ix_{table}_{column}", table)
        if column in _WERE_SHORTER:
            op.create_index(f"ix_{table}_{column}", table, [column])
