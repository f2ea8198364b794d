"""When sources of events were heard, and their silences

Of what there is, a source was heard last when its newest event was received. What silence there was
before this upgrade is not known, and none is counted.

Revision: 0055, after: 0054
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision: str | None = "0054"
branch_labels = None
depends_on = None

_OF_FILES_OR_PEOPLE = ("file", "hand")


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("event_sources") as table:
        table.add_column(
            sa.Column("expected_minutes", sa.Integer(), nullable=False, server_default="60")
        )
        table.add_column(sa.Column("last_heard_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(
            sa.Column("calls", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(
            sa.Column("sample", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("silence_from", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "source_silences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("to_mail", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["event_sources.id"],
            name=op.f("fk_source_silences_source_id_event_sources"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_silences")),
    )
    op.create_index("ix_source_silences_source", "source_silences", ["source_id", "start"])
    op.create_index("ix_source_silences_end", "source_silences", ["end"])
    op.create_index(
        "ix_source_silences_to_mail",
        "source_silences",
        ["id"],
        sqlite_where=sa.text("to_mail"),
        postgresql_where=sa.text("to_mail"),
    )
    op.create_index("ix_events_link_source", "events", ["link_id", "source_id", "start"])
    _say_what_is_known(datetime.now(UTC))


def _say_what_is_known(now: datetime) -> None:
    moment = sa.DateTime(timezone=True)
    sources = sa.table(
        "event_sources",
        sa.column("id", sa.Integer()),
        sa.column("kind", sa.String()),
        sa.column("last_heard_at", moment),
        sa.column("calls", sa.Boolean()),
        sa.column("silence_from", moment),
    )
    events = sa.table(
        "events",
        sa.column("source_id", sa.Integer()),
        sa.column("created_at", moment),
        sa.column("start", moment),
        sa.column("end", moment),
    )
    mine = events.c.source_id == sources.c.id

    def newest(column: sa.ColumnElement[datetime]) -> sa.ScalarSelect[datetime]:
        found = sa.select(sa.func.max(column)).where(mine, column <= now)
        return found.correlate(sources).scalar_subquery()

    calls = sources.c.kind.not_in(_OF_FILES_OR_PEOPLE)
    op.execute(sources.update().values(silence_from=now))
    op.execute(sources.update().where(calls).values(calls=True))
    op.execute(sources.update().where(calls).values(last_heard_at=newest(events.c.created_at)))
    # a file was heard of at the newest moment of which it speaks; a person watches nothing
    of_files = sources.update().where(sources.c.kind == "file")
    op.execute(of_files.values(last_heard_at=newest(events.c.start)))
    later = newest(events.c.end)
    op.execute(of_files.where(later > sources.c.last_heard_at).values(last_heard_at=later))


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    op.drop_index("ix_events_link_source", table_name="events")
    op.drop_table("source_silences")
    with op.batch_alter_table("event_sources") as table:
        for name in ("silence_from", "sample", "calls", "last_heard_at", "expected_minutes"):
            table.drop_column(name)
