"""Titles are found by parts of their words

Revision: 0036, after: 0035
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision: str | None = "0035"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


_WORD = re.compile(r"[^\W_]")


def _sqlite(columns: str) -> None:
    """The full-text table over these columns, with its triggers, filled from the words."""
    names = columns.split(", ")
    new, old = (", ".join(f"{row}.{name}" for name in names) for row in ("new", "old"))
    added = f"INSERT INTO ticket_fts (rowid, {columns}) VALUES (new.ticket_number, {new});"  # noqa: S608  # columns
    given = f"'delete', old.ticket_number, {old}"
    removed = f"INSERT INTO ticket_fts (ticket_fts, rowid, {columns}) VALUES ({given});"  # noqa: S608
    for statement in (
        f"CREATE VIRTUAL TABLE ticket_fts USING fts5({columns}, content='ticket_words',"
        " content_rowid='ticket_number', tokenize=\"ascii tokenchars '_'\", detail=column)",
        f"CREATE TRIGGER ticket_fts_added AFTER INSERT ON ticket_words BEGIN {added} END",
        f"CREATE TRIGGER ticket_fts_removed AFTER DELETE ON ticket_words BEGIN {removed} END",
        f"CREATE TRIGGER ticket_fts_changed AFTER UPDATE ON ticket_words"
        f" BEGIN {removed} {added} END",
        "INSERT INTO ticket_fts (ticket_fts) VALUES ('rebuild')",
    ):
        op.execute(statement)


def _drop_sqlite() -> None:
    for name in ("added", "removed", "changed"):
        op.execute(f"DROP TRIGGER ticket_fts_{name}")
    op.execute("DROP TABLE ticket_fts")


def _endings(title: str, words: str) -> str:
    """As the portal keeps them: each word of the title with its endings of three letters and more.

    ``words`` are the ticket's: its number, ``_``, the words of its title, ``_`` and so on.
    """
    of_title = words.split(" _ ")[1].split() if _WORD.search(title) and " _ " in words else []
    ends = [word[at:] for word in of_title for at in range(len(word) - 2)]
    return f" {' '.join(ends)} " if ends else " "


def upgrade() -> None:
    """Bring the tables to this revision."""
    connection = op.get_bind()
    on_sqlite = connection.dialect.name == "sqlite"
    if on_sqlite:
        _drop_sqlite()
    with op.batch_alter_table("ticket_words", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("endings", sa.Text(), server_default=sa.text("' '"), nullable=False)
        )
    last = 0
    while True:
        rows = connection.execute(
            sa.text(
                "SELECT number, title, public FROM ticket_words"
                " JOIN tickets ON tickets.number = ticket_words.ticket_number"
                " WHERE number > :last ORDER BY number LIMIT :most"
            ),
            {"last": last, "most": _AT_ONCE},
        ).all()
        if not rows:
            break
        connection.execute(
            sa.text("UPDATE ticket_words SET endings = :endings WHERE ticket_number = :number"),
            [{"number": row[0], "endings": _endings(row[1], row[2])} for row in rows],
        )
        last = rows[-1][0]
    if on_sqlite:
        _sqlite("public, internal, endings")
    else:
        op.execute(
            "CREATE INDEX ticket_fts_endings ON ticket_words USING gin (ticket_fts_words(endings))"
            " WITH (gin_pending_list_limit = 256)"
        )


def downgrade() -> None:
    """Take it back."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if on_sqlite:
        _drop_sqlite()
    else:
        op.execute("DROP INDEX ticket_fts_endings")
    with op.batch_alter_table("ticket_words", schema=None) as batch_op:
        batch_op.drop_column("endings")
    if on_sqlite:
        _sqlite("public, internal")
