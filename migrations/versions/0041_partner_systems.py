"""Exchange with partner systems

Revision: 0041, after: 0040
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision: str | None = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "connections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("remote_login", sa.String(length=255), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("profile_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("resting_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor", sa.String(length=255), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_connections_partner_id_partners")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("partner_id", "kind", name=op.f("uq_connections_partner_id_kind")),
    )
    op.create_table(
        "connection_profiles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_connection_profiles_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_profiles")),
        sa.UniqueConstraint(
            "connection_id", "version", name=op.f("uq_connection_profiles_connection_id_version")
        ),
    )
    op.create_table(
        "connection_secrets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("use", sa.String(length=10), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_connection_secrets_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_secrets")),
    )
    with op.batch_alter_table("connection_secrets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_connection_secrets_connection_id"), ["connection_id"], unique=False
        )

    op.create_table(
        "exchange_hints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_exchange_hints_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_hints")),
        sa.UniqueConstraint(
            "connection_id", "key", name=op.f("uq_exchange_hints_connection_id_key")
        ),
    )
    with op.batch_alter_table("exchange_hints", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exchange_hints_at"), ["at"], unique=False)

    op.create_table(
        "ticket_pairs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("their_id", sa.String(length=255), nullable=True),
        sa.Column("their_number", sa.String(length=255), nullable=False),
        sa.Column("their_url", sa.String(length=500), nullable=False),
        sa.Column("moved_from", sa.String(length=255), nullable=False),
        sa.Column("began_here", sa.Boolean(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("copies", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_ticket_pairs_connection_id_connections"),
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_ticket_pairs_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_pairs")),
        sa.UniqueConstraint(
            "connection_id", "their_id", name=op.f("uq_ticket_pairs_connection_id_their_id")
        ),
        sa.UniqueConstraint(
            "ticket_number",
            "connection_id",
            name=op.f("uq_ticket_pairs_ticket_number_connection_id"),
        ),
    )
    with op.batch_alter_table("ticket_pairs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ticket_pairs_connection_id"), ["connection_id", "due_at"], unique=False
        )

    op.create_table(
        "exchange_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("pair_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=255), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("answered", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_exchange_calls_connection_id_connections"),
        ),
        sa.ForeignKeyConstraint(
            ["pair_id"], ["ticket_pairs.id"], name=op.f("fk_exchange_calls_pair_id_ticket_pairs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_calls")),
    )
    with op.batch_alter_table("exchange_calls", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exchange_calls_at"), ["at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_exchange_calls_connection_id"), ["connection_id", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_exchange_calls_pair_id"), ["pair_id"], unique=False)

    op.create_table(
        "exchange_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pair_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("their_key", sa.String(length=255), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["change_id"], ["changes.id"], name=op.f("fk_exchange_entries_change_id_changes")
        ),
        sa.ForeignKeyConstraint(
            ["pair_id"], ["ticket_pairs.id"], name=op.f("fk_exchange_entries_pair_id_ticket_pairs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_entries")),
        sa.UniqueConstraint(
            "pair_id",
            "change_id",
            "position",
            name=op.f("uq_exchange_entries_pair_id_change_id_position"),
        ),
        sa.UniqueConstraint(
            "pair_id",
            "origin",
            "sequence",
            name=op.f("uq_exchange_entries_pair_id_origin_sequence"),
        ),
        sa.UniqueConstraint(
            "pair_id",
            "origin",
            "their_key",
            name=op.f("uq_exchange_entries_pair_id_origin_their_key"),
        ),
    )
    with op.batch_alter_table("exchange_entries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_exchange_entries_state"), ["state", "pair_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_exchange_entries_their_key"), ["their_key"], unique=False
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("exchange_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exchange_entries_their_key"))
        batch_op.drop_index(batch_op.f("ix_exchange_entries_state"))

    op.drop_table("exchange_entries")
    with op.batch_alter_table("exchange_calls", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exchange_calls_pair_id"))
        batch_op.drop_index(batch_op.f("ix_exchange_calls_connection_id"))
        batch_op.drop_index(batch_op.f("ix_exchange_calls_at"))

    op.drop_table("exchange_calls")
    with op.batch_alter_table("ticket_pairs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_pairs_connection_id"))

    op.drop_table("ticket_pairs")
    with op.batch_alter_table("exchange_hints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exchange_hints_at"))

    op.drop_table("exchange_hints")
    with op.batch_alter_table("connection_secrets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_connection_secrets_connection_id"))

    op.drop_table("connection_secrets")
    op.drop_table("connection_profiles")
    op.drop_table("connections")
