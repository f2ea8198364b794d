"""Exchanges of tickets, and connections, that people ended; tickets that moved, by index

Revision: 0045, after: 0044
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision: str | None = "0044"
branch_labels = None
depends_on = None

_LIVE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("ticket_pairs", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "ticket_pairs",
        sa.Column("ended_by", sa.String(length=255), server_default="", nullable=False),
    )
    op.add_column("ticket_pairs", sa.Column("ended_after", sa.Integer(), nullable=True))
    op.drop_index(op.f("ix_ticket_pairs_connection_id"), table_name="ticket_pairs")
    op.create_index(
        op.f("ix_ticket_pairs_connection_id"),
        "ticket_pairs",
        ["connection_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ticket_pairs_moved_from"),
        "ticket_pairs",
        ["moved_from", "connection_id"],
        unique=False,
    )
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("ended_by", sa.String(length=255), server_default="", nullable=False)
        )
        batch_op.drop_constraint(batch_op.f("uq_connections_partner_id_kind"), type_="unique")
    op.create_index(
        op.f("ix_connections_partner_id"),
        "connections",
        ["partner_id", "kind"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index(op.f("ix_connections_partner_id"), table_name="connections")
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.create_unique_constraint(
            batch_op.f("uq_connections_partner_id_kind"), ["partner_id", "kind"]
        )
        batch_op.drop_column("ended_by")
        batch_op.drop_column("ended_at")
    op.drop_index(op.f("ix_ticket_pairs_moved_from"), table_name="ticket_pairs")
    op.drop_index(op.f("ix_ticket_pairs_connection_id"), table_name="ticket_pairs")
    op.create_index(
        op.f("ix_ticket_pairs_connection_id"),
        "ticket_pairs",
        ["connection_id", "due_at"],
        unique=False,
    )
    for name in ("ended_after", "ended_by", "ended_at"):
        op.drop_column("ticket_pairs", name)
