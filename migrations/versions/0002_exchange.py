"""Attachments, relations, acknowledgements, request keys, calls of accounts

Revision: 0002, after: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "account_days",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["partner_accounts.id"],
            name=op.f("fk_account_days_account_id_partner_accounts"),
        ),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_account_days")),
    )
    op.create_table(
        "account_sites",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["partner_accounts.id"],
            name=op.f("fk_account_sites_account_id_partner_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_account_sites_site_id_sites")
        ),
        sa.PrimaryKeyConstraint("account_id", "site_id", name=op.f("pk_account_sites")),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_version", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_acknowledgements_site_id_sites")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_acknowledgements_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("ticket_number", "site_id", name=op.f("pk_acknowledgements")),
    )
    with op.batch_alter_table("acknowledgements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_acknowledgements_site_id"), ["site_id"], unique=False)

    op.create_table(
        "attachments",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=30), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("created_by_user_id", sa.Integer(), nullable=True),
        sa.Column("partner_id", sa.Integer(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"],
            ["users.id"],
            name=op.f("fk_attachments_created_by_user_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_attachments_partner_id_partners")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"], ["tickets.number"], name=op.f("fk_attachments_ticket_number_tickets")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_attachments_ticket_number"), ["ticket_number"], unique=False
        )

    op.create_table(
        "partner_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("service", sa.String(length=20), nullable=False),
        sa.Column("operation", sa.String(length=40), nullable=False),
        sa.Column("fault", sa.Integer(), nullable=True),
        sa.Column("microseconds", sa.Integer(), nullable=False),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("answer_bytes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["partner_accounts.id"],
            name=op.f("fk_partner_calls_account_id_partner_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_calls")),
    )
    with op.batch_alter_table("partner_calls", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_partner_calls_account_id"), ["account_id", "at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_partner_calls_at"), ["at"], unique=False)

    op.create_table(
        "request_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_request_keys_partner_id_partners")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_request_keys_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_keys")),
        sa.UniqueConstraint("partner_id", "key", name=op.f("uq_request_keys_partner_id_key")),
    )
    op.create_table(
        "ticket_relations",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("other_number", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "ticket_number <> other_number", name=op.f("ck_ticket_relations_two_tickets")
        ),
        sa.ForeignKeyConstraint(
            ["other_number"],
            ["tickets.number"],
            name=op.f("fk_ticket_relations_other_number_tickets"),
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_ticket_relations_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint(
            "kind", "ticket_number", "other_number", name=op.f("pk_ticket_relations")
        ),
    )
    with op.batch_alter_table("ticket_relations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_ticket_relations_other_number"), ["other_number"], unique=False
        )

    op.create_table(
        "attachment_contents",
        sa.Column("attachment_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_attachment_contents_attachment_id_attachments"),
        ),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_attachment_contents")),
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tickets_origin_id"), ["origin_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tickets_title"), ["title"], unique=False)


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tickets_title"))
        batch_op.drop_index(batch_op.f("ix_tickets_origin_id"))

    op.drop_table("attachment_contents")
    with op.batch_alter_table("ticket_relations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_relations_other_number"))

    op.drop_table("ticket_relations")
    op.drop_table("request_keys")
    with op.batch_alter_table("partner_calls", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_partner_calls_at"))
        batch_op.drop_index(batch_op.f("ix_partner_calls_account_id"))

    op.drop_table("partner_calls")
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachments_ticket_number"))

    op.drop_table("attachments")
    with op.batch_alter_table("acknowledgements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_acknowledgements_site_id"))

    op.drop_table("acknowledgements")
    op.drop_table("account_sites")
    op.drop_table("account_days")
