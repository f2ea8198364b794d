"""Quarterly reports: the form's versions, reports with fields, signed versions and comments

Revision: 0020, after: 0019
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision: str | None = "0019"
branch_labels = None
depends_on = None

_QUESTIONS: Final[list[dict[str, Any]]] = [
    {
        "key": "backup_test",
        "kind": "choice",
        "label": "Backup path tested",
        "group": "Checks",
        "help": "Whether traffic was moved to the backup path on purpose in this quarter.",
        "is_required": True,
        "choices": ["Tested", "Not tested", "The site has no backup path"],
    },
    {
        "key": "backup_test_day",
        "kind": "day",
        "label": "Day of the test",
        "group": "Checks",
    },
    {
        "key": "backup_test_result",
        "kind": "text",
        "label": "Result of the test",
        "group": "Checks",
        "help": "What was moved, what was seen; or why there was no test.",
    },
    {
        "key": "contacts_reviewed",
        "kind": "yes or no",
        "label": "Contacts of the site reviewed",
        "group": "Checks",
        "is_required": True,
    },
    {
        "key": "routing_reviewed",
        "kind": "yes or no",
        "label": "Routing data (AS number, prefixes) reviewed",
        "group": "Checks",
        "is_required": True,
    },
    {
        "key": "issues",
        "kind": "text",
        "label": "Open issues",
        "group": "In words",
        "is_carried": True,
    },
    {
        "key": "plans",
        "kind": "text",
        "label": "Plans for the next quarter",
        "group": "In words",
        "is_carried": True,
    },
    {"key": "remarks", "kind": "text", "label": "Remarks", "group": "In words"},
]
_BLANKS: Final[dict[str, Any]] = {
    "group": "",
    "help": "",
    "is_required": False,
    "choices": [],
    "is_carried": False,
    "is_retired": False,
}


def upgrade() -> None:
    """Bring the tables to this revision."""
    forms = op.create_table(
        "report_forms",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("first_quarter", sa.String(length=7), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_report_forms")),
    )
    op.bulk_insert(
        forms,
        [
            {
                "number": 1,
                "content": json.dumps([_BLANKS | one for one in _QUESTIONS], ensure_ascii=False),
                "first_quarter": "2009-Q1",
                "note": "The first form, after the agenda of the operations reports of 2010",
                "author": "portal",
                "created_at": datetime(2009, 1, 1, tzinfo=UTC),
                "published_at": datetime(2009, 1, 1, tzinfo=UTC),
                "version": 1,
            }
        ],
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("quarter", sa.String(length=7), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("form_number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=255), nullable=False),
        sa.Column("first_submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_by", sa.String(length=255), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["form_number"],
            ["report_forms.number"],
            name=op.f("fk_reports_form_number_report_forms"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_reports_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("quarter", "site_id", name=op.f("uq_reports_quarter_site_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reports_site_id"), ["site_id"], unique=False)

    op.create_table(
        "report_comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_report_comments_author_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"],
            ["reports.id"],
            name=op.f("fk_report_comments_report_id_reports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_comments")),
    )
    with op.batch_alter_table("report_comments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_report_comments_report_id"), ["report_id", "id"], unique=False
        )

    op.create_table(
        "report_fields",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"],
            ["reports.id"],
            name=op.f("fk_report_fields_report_id_reports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("report_id", "name", name=op.f("pk_report_fields")),
    )
    op.create_table(
        "report_versions",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("form_number", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.String(length=255), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.String(length=255), nullable=False),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_by", sa.String(length=255), nullable=False),
        sa.Column("reopen_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["form_number"],
            ["report_forms.number"],
            name=op.f("fk_report_versions_form_number_report_forms"),
        ),
        sa.ForeignKeyConstraint(
            ["report_id"],
            ["reports.id"],
            name=op.f("fk_report_versions_report_id_reports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("report_id", "number", name=op.f("pk_report_versions")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("report_versions")
    op.drop_table("report_fields")
    with op.batch_alter_table("report_comments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_comments_report_id"))

    op.drop_table("report_comments")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reports_site_id"))

    op.drop_table("reports")
    op.drop_table("report_forms")
