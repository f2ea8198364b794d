"""Brings a PostgreSQL database back to what its migrations left, in some milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

_OURS: Final = 16_384
"""The first number that a server gives to what others than itself make: FirstNormalObjectId."""
_CATALOGS: Final = {
    "pg_attribute": "attrelid",
    "pg_attrdef": "oid",
    "pg_constraint": "oid",
    "pg_namespace": "oid",
    "pg_proc": "oid",
    "pg_rewrite": "oid",
    "pg_statistic": "starelid",
    "pg_trigger": "oid",
    "pg_type": "oid",
}
"""Where a change of the schema leaves rows of another transaction, and by what their things are
numbered. Not pg_class, whose rows change with those of a table as well."""
_SCHEMA: Final = " UNION ALL ".join(
    [
        *(
            f"SELECT '{catalog}', concat(count(*), ' ', sum(xmin::text::bigint))"
            f" FROM {catalog} WHERE {number} >= {_OURS}"
            for catalog, number in _CATALOGS.items()
        ),
        "SELECT 'pg_class', md5(string_agg(concat(oid, relname, relkind, relpersistence,"
        f" reloptions), ' ' ORDER BY oid)) FROM pg_class WHERE oid >= {_OURS}",
        "SELECT 'settings', string_agg(setconfig::text, ' ') FROM pg_db_role_setting"
        " WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
    ]
)
_LARGE: Final = 10 * 8_192
"""Bytes from which on a table is truncated, which takes longer than to delete a few rows. The
planner takes every table that was never vacuumed for one of ten pages at least, new or not."""
_WRITTEN: Final = (
    f"SELECT oid::regclass::text, pg_relation_size(oid) >= {_LARGE} FROM pg_class"
    f" WHERE oid >= {_OURS} AND relkind = 'r' AND pg_relation_size(oid) > 0"
)
COUNTED: Final = (
    "SELECT seqrelid::regclass::text, seqstart, pg_sequence_last_value(seqrelid) FROM pg_sequence"
    " WHERE pg_sequence_last_value(seqrelid) IS NOT NULL"
)
_OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_WAITS: Final = 100
"""Times that connections which were closed may take 10 ms to be gone."""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Content:
    """What a database holds: its schema, the rows of the tables that have some, as COPY tells
    them, and how far its sequences have counted."""

    schema: Mapping[str, str]
    rows: Mapping[str, bytes]
    counted: Mapping[str, int]


def content_of(address: str) -> Content:
    """What the database at this address of libpq holds now."""
    with psycopg.connect(address) as connection:
        rows = {}
        for table, _ in connection.execute(_WRITTEN).fetchall():
            with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
                rows[table] = b"".join(bytes(part) for part in copy)
        counted = {name: last for name, _, last in connection.execute(COUNTED)}
        return Content(_schema(connection), rows, counted)


def bring_back(address: str, content: Content) -> bool:
    """Give the database this content again; False where somebody is still connected to it, or its
    schema is another one by now."""
    with psycopg.connect(address) as connection:
        if not _is_left_alone(connection) or _schema(connection) != content.schema:
            return False
        connection.execute("SET LOCAL session_replication_role = replica")  # no trigger
        written = connection.execute(_WRITTEN).fetchall()
        if large := [table for table, is_large in written if is_large]:
            connection.execute(f"TRUNCATE {', '.join(large)} CASCADE".encode())
        small = [f"DELETE FROM {table}" for table, is_large in written if not is_large]
        connection.execute("; ".join([*small, *insertions(content.rows)]).encode())
        for name, start, _ in connection.execute(COUNTED).fetchall():
            last = content.counted.get(name)
            connection.execute("SELECT setval(%s, %s, %s)", (name, last or start, last is not None))
    return True


def insertions(rows: Mapping[str, bytes]) -> Iterator[str]:
    """Statements that write rows as COPY tells them: many tables go in one message, and COPY takes
    three for each. A literal has the same escapes, but for vertical tabs."""
    for table, lines in rows.items():
        written = (
            ", ".join(
                "NULL" if value == "\\N" else "E'{}'".format(value.replace("'", "''"))
                for value in line.split("\t")
            )
            for line in lines.decode().removesuffix("\n").split("\n")
        )
        values = "), (".join(written)
        yield f"INSERT INTO {table} OVERRIDING SYSTEM VALUE VALUES ({values})"


def _schema(connection: Connection) -> dict[str, str]:
    return dict(connection.execute(_SCHEMA.encode()).fetchall())


def _is_left_alone(connection: Connection) -> bool:
    for _ in range(_WAITS):
        found = connection.execute(_OTHERS).fetchone()
        if found == (0,):
            return True
        connection.execute("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()")
    return False
