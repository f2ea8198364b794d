"""Maintenance notices of providers, their files, circuits and maintenances

Revision: 0018, after: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision: str | None = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "notice_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sender", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_files")),
        sa.UniqueConstraint("digest", name=op.f("uq_notice_files_digest")),
    )
    op.create_table(
        "maintenance_notices",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=True),
        sa.Column("provider", sa.String(length=255), nullable=False),
        sa.Column("provider_key", sa.String(length=255), nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("stamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("impact", sa.String(length=50), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("maintenance_ids", sa.Text(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["notice_files.id"],
            name=op.f("fk_maintenance_notices_file_id_notice_files"),
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_maintenance_notices_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_notices")),
    )
    for name, columns in {
        "file_id": ["file_id"],
        "ticket_number": ["ticket_number"],
        "state": ["state", "id"],
        "provider_key": ["provider_key", "uid"],
    }.items():
        op.create_index(op.f(f"ix_maintenance_notices_{name}"), "maintenance_notices", columns)
    op.create_table(
        "notice_circuits",
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("object_id", sa.String(length=255), nullable=False),
        sa.Column("impact", sa.String(length=50), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["links.id"], name=op.f("fk_notice_circuits_link_id_links")
        ),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["maintenance_notices.id"],
            name=op.f("fk_notice_circuits_notice_id_maintenance_notices"),
        ),
        sa.PrimaryKeyConstraint("notice_id", "position", name=op.f("pk_notice_circuits")),
    )
    op.create_index(op.f("ix_notice_circuits_link_id"), "notice_circuits", ["link_id"])
    op.create_index(op.f("ix_notice_circuits_object_id"), "notice_circuits", ["object_id"])
    op.create_table(
        "provider_maintenances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_key", sa.String(length=255), nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=True),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["maintenance_notices.id"],
            name=op.f("fk_provider_maintenances_notice_id_maintenance_notices"),
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_provider_maintenances_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_maintenances")),
        sa.UniqueConstraint(
            "provider_key", "uid", name=op.f("uq_provider_maintenances_provider_key_uid")
        ),
    )
    op.create_index(
        op.f("ix_provider_maintenances_ticket_number"), "provider_maintenances", ["ticket_number"]
    )


def downgrade() -> None:
    """Take the tables back to the revision before."""
    for table in (
        "provider_maintenances",
        "notice_circuits",
        "maintenance_notices",
        "notice_files",
    ):
        op.drop_table(table)
