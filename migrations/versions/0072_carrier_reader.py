"""What the carrier reader read in a notice, and the forms that a person confirmed

Revision: 0072, after: 0071
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision: str | None = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "carrier_trusts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(length=255), nullable=False),
        sa.Column("provider", sa.String(length=50), nullable=False),
        sa.Column("form", sa.String(length=255), nullable=False),
        sa.Column("notice_number", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(length=255), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_trusts")),
    )
    op.create_index(op.f("ix_carrier_trusts_sender"), "carrier_trusts", ["sender", "form"])
    with op.batch_alter_table("notice_files") as table:
        table.add_column(sa.Column("content", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("maintenance_notices") as table:
        table.add_column(
            sa.Column("form", sa.String(length=255), nullable=False, server_default="")
        )
        table.add_column(sa.Column("reading", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("trust_id", sa.Integer(), nullable=True))
        table.create_index(op.f("ix_maintenance_notices_trust_id"), ["trust_id"])
        table.create_foreign_key(
            op.f("fk_maintenance_notices_trust_id_carrier_trusts"),
            "carrier_trusts",
            ["trust_id"],
            ["id"],
        )


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("maintenance_notices") as table:
        table.drop_constraint(
            op.f("fk_maintenance_notices_trust_id_carrier_trusts"), type_="foreignkey"
        )
        table.drop_index(op.f("ix_maintenance_notices_trust_id"))
        table.drop_column("trust_id")
        table.drop_column("reading")
        table.drop_column("form")
    with op.batch_alter_table("notice_files") as table:
        table.drop_column("content")
    op.drop_table("carrier_trusts")
