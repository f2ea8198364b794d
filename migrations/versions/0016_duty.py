"""Rules for when a ticket is to be written, when they are in force, and what they ask for

Revision: 0016, after: 0015
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels = None
depends_on = None

_LAID = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = {
    "kind": "down or degraded",
    "scope": "the whole network",
    "minutes": 0,
    "strictly": False,
    "flaps": 0,
    "role": "any",
    "lhc": "always",
    "maintenance": True,
}
_R2009 = {
    "hours": 24,
    "clauses": [
        {**_PLAIN, "minutes": 60, "strictly": True},
        {**_PLAIN, "kind": "flaps", "minutes": 60, "flaps": 5},
    ],
}
_R2013 = {
    "hours": 24,
    "clauses": [
        {**_PLAIN, "kind": "loss of service", "scope": "T0 or T1", "lhc": "the detectors run"},
        {**_PLAIN, "scope": "T0 or T1", "role": "backup"},
    ],
}


def upgrade() -> None:
    rules = op.create_table(
        "duty_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_duty_rules"),
        sa.UniqueConstraint("name", name="uq_duty_rules_name"),
        sqlite_autoincrement=True,
    )
    versions = op.create_table(
        "duty_rule_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_duty_rule_versions"),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["duty_rules.id"], name="fk_duty_rule_versions_rule_id_duty_rules"
        ),
        sa.UniqueConstraint("rule_id", "number", name="uq_duty_rule_versions_rule_id_number"),
    )
    forces = op.create_table(
        "duty_forces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_version_id", sa.Integer(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_reason", sa.Text(), nullable=False),
        sa.Column("end_author", sa.String(255), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_duty_forces"),
        sa.ForeignKeyConstraint(
            ["rule_version_id"],
            ["duty_rule_versions.id"],
            name="fk_duty_forces_rule_version_id_duty_rule_versions",
        ),
    )
    op.create_index("ix_duty_forces_rule_version_id", "duty_forces", ["rule_version_id"])
    op.create_table(
        "duties",
        sa.Column("rule_version_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clause", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("is_unsure", sa.Boolean(), nullable=False),
        sa.Column("lost_site_id", sa.Integer(), nullable=True),
        sa.Column("ticket_number", sa.Integer(), nullable=True),
        sa.Column("there_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_due", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("rule_version_id", "event_id", name="pk_duties"),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.{key}"], name=f"fk_duties_{column}_{table}"
            )
            for column, table, key in (
                ("rule_version_id", "duty_rule_versions", "id"),
                ("event_id", "events", "id"),
                ("link_id", "links", "id"),
                ("site_id", "sites", "id"),
                ("lost_site_id", "sites", "id"),
                ("ticket_number", "tickets", "number"),
            )
        ),
    )
    op.create_index("ix_duties_link_id", "duties", ["link_id", "event_id"])
    op.create_index("ix_duties_event_id", "duties", ["event_id"])
    op.create_index("ix_duties_rule_version_id", "duties", ["rule_version_id", "start", "event_id"])
    # as each database is asked for it
    missing, due = sa.text("is_due AND ticket_number IS NULL"), sa.text("is_due")
    missing_1, due_1 = sa.text("is_due = 1 AND ticket_number IS NULL"), sa.text("is_due = 1")
    op.create_index(
        "ix_duties_missing",
        "duties",
        ["site_id", "start"],
        sqlite_where=missing_1,
        postgresql_where=missing,
    )
    op.create_index(
        "ix_duties_due",
        "duties",
        ["start", "event_id"],
        sqlite_where=due_1,
        postgresql_where=due,
    )
    op.create_table(
        "duty_sums",
        sa.Column("rule_version_id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quarter", sa.String(7), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("asked", "there", "late", "unsure", "losses")
        ),
        sa.PrimaryKeyConstraint(
            "rule_version_id", "link_id", "site_id", "quarter", name="pk_duty_sums"
        ),
        sa.ForeignKeyConstraint(
            ["rule_version_id"],
            ["duty_rule_versions.id"],
            name="fk_duty_sums_rule_version_id_duty_rule_versions",
        ),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_duty_sums_link_id_links"),
    )
    op.create_table(
        "service_losses",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_unsure", sa.Boolean(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "start", name="pk_service_losses"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_service_losses_site_id_sites"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name="fk_service_losses_event_id_events"
        ),
    )
    op.create_index("ix_service_losses_event_id", "service_losses", ["event_id"])
    op.create_table(
        "duty_ripenings",
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("link_id", name="pk_duty_ripenings"),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_duty_ripenings_link_id_links"),
    )
    op.create_index("ix_duty_ripenings_at", "duty_ripenings", ["at"])
    op.bulk_insert(
        rules,
        [
            {
                "name": "R2009",
                "about": "The rule of the operational model: a ticket for what lasts long, and for"
                " what comes and goes.",
                "source": "In force with the ticket system, as this product decided",
                "version": 1,
            },
            {
                "name": "R2013",
                "about": "The proposal of the deck “LHCOPN GGUS ticket system” (2013): a ticket for"
                " a loss of service while the detectors run, and for whatever happens to a backup.",
                "source": "B. Hoeft (KIT), LHCOPN GGUS ticket system, 2013: “Pro and Cons”",
                "version": 1,
            },
        ],
    )
    connection = op.get_bind()
    keys = {row.name: row.id for row in connection.execute(sa.select(rules.c.name, rules.c.id))}
    op.bulk_insert(
        versions,
        [
            {
                "rule_id": keys[name],
                "number": 1,
                "content": json.dumps(content),
                "note": note,
                "author": "portal",
                "created_at": _LAID,
            }
            for name, content, note in (
                ("R2009", _R2009, "As the portal ships it"),
                ("R2013", _R2013, "As the portal ships it: a proposal"),
            )
        ],
    )
    first = connection.scalar(sa.select(versions.c.id).where(versions.c.rule_id == keys["R2009"]))
    op.bulk_insert(
        forces,
        [
            {
                "rule_version_id": first,
                "begins_at": datetime(2009, 2, 1, tzinfo=UTC),
                "ends_at": None,
                "reason": "The ticket system began on 2009-02-01",
                "author": "portal",
                "set_at": _LAID,
                "end_reason": "",
                "end_author": "",
                "withdrawn_at": None,
            }
        ],
    )


def downgrade() -> None:
    for table in (
        "duty_ripenings",
        "service_losses",
        "duty_sums",
        "duties",
        "duty_forces",
        "duty_rule_versions",
        "duty_rules",
    ):
        op.drop_table(table)
