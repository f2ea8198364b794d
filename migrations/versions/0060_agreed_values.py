"""What was agreed of a value is a pair: ours in our words, and theirs in theirs

Revision: 0060, after: 0059

Until now it was our word alone, the one that theirs means here. Where the last read means the same
as our ticket has now, both are agreed as they are. Else their half is what the map in use sends for
the old word; what it has no word for has no base any more: its next difference is said, and no side
is taken to have changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision: str | None = "0059"
branch_labels = None
depends_on = None

_AT_ONCE = 1000
_pairs = sa.table(
    "ticket_pairs",
    *(sa.column(name, sa.Integer()) for name in ("id", "connection_id", "ticket_number")),
    *(sa.column(name, sa.Text()) for name in ("values", "bases", "their_values")),
)
_MAPPED = ("state", "priority", "category", "layer", "impact")
_tickets = sa.table(
    "tickets",
    sa.column("number", sa.Integer()),
    *(sa.column(name, sa.Text()) for name in _MAPPED),
)
_connections = sa.table(
    "connections",
    *(sa.column(name, sa.Integer()) for name in ("id", "profile_version")),
)
_profiles = sa.table(
    "connection_profiles",
    *(sa.column(name, sa.Integer()) for name in ("connection_id", "version")),
    sa.column("content", sa.Text()),
)


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.add_column(sa.Column("bases", sa.Text(), nullable=False, server_default="{}"))
    maps = _maps()
    columns = (_pairs.c["values"], _pairs.c.their_values, *(_tickets.c[one] for one in _MAPPED))
    for key, connection, values, read, *ours in _rows(*columns):
        old, told = json.loads(values), json.loads(read)
        bases = {}
        for name, here in zip(_MAPPED, ours, strict=True):
            rows = maps[connection].get(name, [])
            half = _half(rows, here, told.get(name), old.get(name))
            if half is not None:
                bases[name] = dict(zip(("ours", "theirs"), half, strict=True))
        _store(key, bases=json.dumps(bases, ensure_ascii=False))
    with op.batch_alter_table("ticket_pairs") as table:
        table.drop_column("values")


def downgrade() -> None:
    """Bring the tables back to the revision before."""
    with op.batch_alter_table("ticket_pairs") as table:
        table.add_column(sa.Column("values", sa.Text(), nullable=False, server_default="{}"))
    for key, _connection, bases in _rows(_pairs.c.bases):
        values = {name: one["ours"] for name, one in json.loads(bases).items() if one["ours"]}
        _store(key, values=json.dumps(values, ensure_ascii=False))
    with op.batch_alter_table("ticket_pairs") as table:
        table.drop_column("bases")


def _rows(*columns: Any) -> Iterator[Any]:
    """Id, connection and these columns of each pair."""
    after, found = 0, op.get_bind()
    wanted = (
        sa.select(_pairs.c.id, _pairs.c.connection_id, *columns)
        .join(_tickets, _tickets.c.number == _pairs.c.ticket_number)
        .order_by(_pairs.c.id)
    )
    while rows := found.execute(wanted.where(_pairs.c.id > after).limit(_AT_ONCE)).all():
        yield from rows
        after = rows[-1].id


def _store(key: int, **values: str) -> None:
    op.get_bind().execute(sa.update(_pairs).where(_pairs.c.id == key).values(values))


def _maps() -> dict[int, dict[str, list[list[str]]]]:
    """The maps in use of each connection."""
    rows = op.get_bind().execute(
        sa.select(_connections.c.id, _profiles.c.content).join(
            _profiles,
            sa.and_(
                _profiles.c.connection_id == _connections.c.id,
                _profiles.c.version == _connections.c.profile_version,
            ),
        )
    )
    return {key: json.loads(content).get("maps", {}) for key, content in rows}


def _half(
    rows: list[list[str]], here: str, told: str | None, old: str | None
) -> tuple[str, str] | None:
    """What is agreed of a field: our value and theirs."""
    if told is not None and _is_same(rows, here, told):
        return here, told
    word = next((theirs for ours, theirs, way in rows if ours == old and way != "in"), None)
    return (old, word) if old is not None and word is not None else None


def _is_same(rows: list[list[str]], here: str, told: str) -> bool:
    """Whether the map makes one of the other; of several rows with the same value the first
    counts."""
    sent = next((row[1] for row in rows if row[0] == here and row[2] != "in"), "")
    there = (row for row in rows if row[1].casefold() == told.casefold() and row[2] != "out")
    meant = next((row[0] for row in there), None)
    return sent.casefold() == told.casefold() or meant == here
