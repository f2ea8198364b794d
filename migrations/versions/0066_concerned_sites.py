"""Which ticket concerns which known site, written with the ticket; and the index by which names of
sites that nobody knew are found

Revision: 0066, after: 0065
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision: str | None = "0065"
branch_labels = None
depends_on = None

_AT_ONCE = 10_000
"""Tickets of one statement."""
_FILL = sa.text(
    """
    INSERT INTO concerned_sites (ticket_number, site_id)
    SELECT ticket_number, site_id FROM ticket_sites
    WHERE site_id IS NOT NULL AND ticket_number BETWEEN :first AND :last
    UNION
    SELECT number, responsible_site_id FROM tickets
    WHERE responsible_site_id IS NOT NULL AND number BETWEEN :first AND :last
    UNION
    SELECT ticket_number, end_a_id FROM ticket_links JOIN links ON links.id = link_id
    WHERE ticket_number BETWEEN :first AND :last
    UNION
    SELECT ticket_number, end_b_id FROM ticket_links JOIN links ON links.id = link_id
    WHERE ticket_number BETWEEN :first AND :last
    """
)


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "concerned_sites",
        sa.Column("site_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ticket_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_concerned_sites_site_id_sites")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_concerned_sites_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("site_id", "ticket_number", name=op.f("pk_concerned_sites")),
    )
    for first, last in _parts():
        op.execute(_FILL.bindparams(first=first, last=last))
    op.create_index(op.f("ix_concerned_sites_ticket_number"), "concerned_sites", ["ticket_number"])
    op.drop_index(op.f("ix_ticket_sites_name"), "ticket_sites")
    op.create_index(
        op.f("ix_ticket_sites_name"), "ticket_sites", ["name", "site_id", "ticket_number"]
    )


def _parts() -> Iterator[tuple[int, int]]:
    """The first and last number of so many tickets at a time."""
    last = op.get_bind().scalar(sa.text("SELECT max(number) FROM tickets")) or 0
    for first in range(1, last + 1, _AT_ONCE):
        yield first, first + _AT_ONCE - 1


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_index(op.f("ix_ticket_sites_name"), "ticket_sites")
    op.create_index(op.f("ix_ticket_sites_name"), "ticket_sites", ["name"])
    op.drop_table("concerned_sites")
