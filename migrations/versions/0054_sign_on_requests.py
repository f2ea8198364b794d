"""Who asked to sign on and got no role by the map

Revision: 0054, after: 0053
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision: str | None = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "sign_on_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("login_name", sa.String(length=100), nullable=False),
        sa.Column("full_name", sa.String(length=255), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("granted", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_on_requests")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_sign_on_requests_issuer_subject")),
    )
    op.create_index(op.f("ix_sign_on_requests_asked_at"), "sign_on_requests", ["asked_at"])


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_table("sign_on_requests")
