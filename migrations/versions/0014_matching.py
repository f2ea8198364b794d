"""Detected events, their tickets, decisions by hand, and the rule of matching

Revision: 0014, after: 0013
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rules = op.create_table(
        "matching_rules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gap_seconds", sa.Integer(), nullable=False),
        sa.Column("minimal_seconds", sa.Integer(), nullable=False),
        sa.Column("tolerance_seconds", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_matching_rules"),
        sa.UniqueConstraint("valid_from", name="uq_matching_rules_valid_from"),
    )
    op.bulk_insert(
        rules,
        [
            {
                "version": 1,
                "valid_from": datetime(1970, 1, 1, tzinfo=UTC),
                "gap_seconds": 600,
                "minimal_seconds": 3600,
                "tolerance_seconds": 3600,
                "note": "60 minutes are the slides' own; gap and tolerance are assumptions",
                "created_at": datetime(1970, 1, 1, tzinfo=UTC),
                "author": "portal",
            }
        ],
    )
    op.create_table(
        "detected_events",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("beginnings", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("quarter", sa.String(7), nullable=False),
        sa.Column("network", sa.String(10), nullable=False),
        sa.Column("t1_id", sa.Integer(), nullable=True),
        sa.Column("other_t1_id", sa.Integer(), nullable=True),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("counts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_maintenance", sa.Boolean(), nullable=False),
        sa.Column("is_documented", sa.Boolean(), nullable=False),
        sa.Column("how", sa.String(10), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_detected_events"),
        sa.ForeignKeyConstraint(["id"], ["events.id"], name="fk_detected_events_id_events"),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=f"fk_detected_events_{column}_{table}"
            )
            for column, table in (
                ("link_id", "links"),
                ("site_id", "sites"),
                ("t1_id", "sites"),
                ("other_t1_id", "sites"),
            )
        ),
    )
    op.create_index(
        "ix_detected_events_figures",
        "detected_events",
        ["quarter", "is_counted", "link_id", "t1_id", "other_t1_id", "is_documented"],
    )
    op.create_index("ix_detected_events_link_id", "detected_events", ["link_id", "start"])
    op.create_index("ix_detected_events_site_id", "detected_events", ["site_id", "start"])
    op.create_index("ix_detected_events_start", "detected_events", ["start", "id"])
    ripening = sa.text("counts_at IS NOT NULL")
    op.create_index(
        "ix_detected_events_ripening",
        "detected_events",
        ["counts_at"],
        sqlite_where=ripening,
        postgresql_where=ripening,
    )
    op.create_table(
        "events_of_detected",
        sa.Column("event_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("detected_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_events_of_detected"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name="fk_events_of_detected_event_id_events"
        ),
        sa.ForeignKeyConstraint(
            ["detected_id"],
            ["detected_events.id"],
            name="fk_events_of_detected_detected_id_detected_events",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_events_of_detected_detected_id", "events_of_detected", ["detected_id"])
    op.create_table(
        "event_tickets",
        sa.Column("detected_id", sa.Integer(), nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(10), nullable=False),
        sa.Column("documents", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("suspected_shift", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("detected_id", "ticket_number", name="pk_event_tickets"),
        sa.ForeignKeyConstraint(
            ["detected_id"],
            ["detected_events.id"],
            name="fk_event_tickets_detected_id_detected_events",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"], ["tickets.number"], name="fk_event_tickets_ticket_number_tickets"
        ),
    )
    op.create_index("ix_event_tickets_ticket_number", "event_tickets", ["ticket_number"])
    op.create_table(
        "hand_made_matches",
        sa.Column("event_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ticket_number", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "ticket_number", name="pk_hand_made_matches"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name="fk_hand_made_matches_event_id_events"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_number"], ["tickets.number"], name="fk_hand_made_matches_ticket_number_tickets"
        ),
    )
    op.create_index("ix_hand_made_matches_ticket_number", "hand_made_matches", ["ticket_number"])
    op.create_table(
        "stale_matchings",
        sa.Column("kind", sa.String(4), nullable=False),
        sa.Column("thing_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("kind", "thing_id", name="pk_stale_matchings"),
    )


def downgrade() -> None:
    for table in (
        "stale_matchings",
        "hand_made_matches",
        "event_tickets",
        "events_of_detected",
        "detected_events",
        "matching_rules",
    ):
        op.drop_table(table)
