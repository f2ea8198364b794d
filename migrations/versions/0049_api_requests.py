"""Writes over REST under a key; tokens of partners' accounts, and where a token was used

Revision: 0049, after: 0048
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision: str | None = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "api_requests",
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["api_tokens.id"], name=op.f("fk_api_requests_token_id_api_tokens")
        ),
        sa.PrimaryKeyConstraint("token_id", "key", name=op.f("pk_api_requests")),
    )
    op.create_index(op.f("ix_api_requests_at"), "api_requests", ["at"], unique=False)
    with op.batch_alter_table("api_tokens") as table:
        table.add_column(
            sa.Column("used_from", sa.String(length=45), nullable=False, server_default="")
        )
        table.add_column(sa.Column("partner_account_id", sa.Integer(), nullable=True))
        table.create_foreign_key(
            op.f("fk_api_tokens_partner_account_id_partner_accounts"),
            "partner_accounts",
            ["partner_account_id"],
            ["id"],
        )
        table.create_index(op.f("ix_api_tokens_partner_account_id"), ["partner_account_id"])


def downgrade() -> None:
    """Bring the tables back to the revision before.

    Tokens of partners' accounts, and those of scopes that were not known before, end: without the
    column a partner's would be a system's.
    """
    tokens = sa.table(
        "api_tokens",
        sa.column("ended_at", sa.DateTime(timezone=True)),
        sa.column("partner_account_id", sa.Integer()),
        sa.column("scopes", sa.String()),
    )
    op.execute(
        tokens.update()
        .where(
            tokens.c.ended_at.is_(None),
            sa.or_(
                tokens.c.partner_account_id.is_not(None),
                tokens.c.scopes.contains("reports"),
                tokens.c.scopes.contains("admin"),
            ),
        )
        .values(ended_at=datetime.now(UTC))
    )
    with op.batch_alter_table("api_tokens") as table:
        table.drop_index(op.f("ix_api_tokens_partner_account_id"))
        table.drop_column("partner_account_id")
        table.drop_column("used_from")
    op.drop_index(op.f("ix_api_requests_at"), table_name="api_requests")
    op.drop_table("api_requests")
