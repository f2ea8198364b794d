"""The words of tickets, and what finds them

Revision: 0006, after: 0005

The words of tickets that are there already are written by ``flask search rebuild``; ``flask serve``
does it at its start.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

_SQLITE = (
    # Words are stored small and without accents: the tokenizer only parts them at blanks. Where in
    # a text a word stands is not kept: phrases are looked up in the words themselves.
    "CREATE VIRTUAL TABLE ticket_fts USING fts5(public, internal, content='ticket_words',"
    " content_rowid='ticket_number', tokenize=\"ascii tokenchars '_'\", detail=column)",
    "CREATE TRIGGER ticket_fts_added AFTER INSERT ON ticket_words BEGIN"
    " INSERT INTO ticket_fts (rowid, public, internal)"
    " VALUES (new.ticket_number, new.public, new.internal); END",
    "CREATE TRIGGER ticket_fts_removed AFTER DELETE ON ticket_words BEGIN"
    " INSERT INTO ticket_fts (ticket_fts, rowid, public, internal)"
    " VALUES ('delete', old.ticket_number, old.public, old.internal); END",
    "CREATE TRIGGER ticket_fts_changed AFTER UPDATE ON ticket_words BEGIN"
    " INSERT INTO ticket_fts (ticket_fts, rowid, public, internal)"
    " VALUES ('delete', old.ticket_number, old.public, old.internal);"
    " INSERT INTO ticket_fts (rowid, public, internal)"
    " VALUES (new.ticket_number, new.public, new.internal); END",
)
_POSTGRESQL = (
    # A function of its own, so that the planner knows what the words of a ticket cost: it believes
    # array_to_tsvector to be free and reads the whole table for a word that many tickets hold. Not
    # in SQL, which would be written out in each statement, at the old price.
    "CREATE FUNCTION ticket_fts_words(words text) RETURNS tsvector"
    " LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000 AS"
    " $$ BEGIN RETURN array_to_tsvector(string_to_array(btrim(words), ' ')); END $$",
    *(
        f"CREATE INDEX ticket_fts_{column} ON ticket_words USING gin (ticket_fts_words({column}))"
        " WITH (gin_pending_list_limit = 256)"
        for column in ("public", "internal")
    ),
)


def upgrade() -> None:
    op.create_table(
        "ticket_words",
        sa.Column("ticket_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("internal", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_number"],
            ["tickets.number"],
            name=op.f("fk_ticket_words_ticket_number_tickets"),
        ),
        sa.PrimaryKeyConstraint("ticket_number", name=op.f("pk_ticket_words")),
    )
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if on_sqlite else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE ticket_fts")
        op.drop_table("ticket_words")
    else:
        op.drop_table("ticket_words")
        op.execute("DROP FUNCTION ticket_fts_words(text)")
