"""Backup and restore of a PostgreSQL database, with PostgreSQL's own pg_dump and psql.

The dump and the sums are of one snapshot. A restore is one transaction of psql, which compares the
sums before it commits: if it is killed in the middle, the old database stays.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Final

from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from app.backups import migrations
from app.backups.file import WRONG, TableSum
from app.core.rules.errors import SettingError
from app.core.settings import environment_of_children

_BLOCK: Final = 1 << 20
_LOCK_TIMEOUT: Final = "10s"
_SECRETS: Final = frozenset({"password", "sslpassword"})
_AS_TEXT: Final = (
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, MDY'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
)
"""With which a row is the same text on every server."""
_PATIENT: Final = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
_TABLES: Final = (
    "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r'"
    " AND c.relnamespace = current_schema()::regnamespace"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
    " AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname"
)
_OBJECTS: Final = """
    SELECT kind, name
    FROM (
        SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                              WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
               format('%I.%I', n.nspname, c.relname) AS name, c.oid,
               'pg_class'::regclass AS catalog, CASE c.relkind WHEN 'S' THEN 2 ELSE 1 END AS turn
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        UNION ALL
        SELECT 'ROUTINE', p.oid::regprocedure::text, p.oid, 'pg_proc'::regclass, 3
        FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
        UNION ALL
        SELECT 'TYPE', t.oid::regtype::text, t.oid, 'pg_type'::regclass, 4
        FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace = current_schema()::regnamespace
          AND (t.typtype IN ('e', 'd') OR (t.typtype = 'c' AND c.relkind = 'c'))
    ) held
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = held.catalog
                      AND d.objid = held.oid AND d.deptype = 'e')
    ORDER BY turn  -- a table takes its sequences with it
"""
"""Everything of the schema but what extensions brought. The schema itself stays: it may be
somebody else's."""
_DROP_ALL: Final = f"""
DO $$
DECLARE one record;
BEGIN
    FOR one IN {_OBJECTS}
    LOOP
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', one.kind, one.name);
    END LOOP;
END $$;
"""
SCRATCH: Final = "Created by flask verify-backup, which drops it"
"""The comment on a scratch database."""
_ABOUT: Final = """
    SELECT scratch.name, pg_encoding_to_char(d.encoding), r.rolcreatedb OR r.rolsuper,
           there.oid IS NOT NULL, shobj_description(there.oid, 'pg_database')
    FROM pg_database d
    JOIN pg_roles r ON r.rolname = current_user
    CROSS JOIN LATERAL (SELECT left(d.datname, 50) || '_verify' AS name) scratch
    LEFT JOIN pg_database there ON there.datname = scratch.name
    WHERE d.datname = current_database()
"""
"""Name and encoding of a scratch database, whether this role may create one, whether there is one,
and its comment."""


_LOCKS: Final = """
    SELECT c.relname, bool_or(l.mode = 'AccessExclusiveLock')
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind = 'r'
      AND c.relnamespace = current_schema()::regnamespace
      AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    GROUP BY c.relname ORDER BY c.relname
"""
"""The tables that the transaction keeps from others until its end, and whether from readers too
(PostgreSQL's manual, "Explicit Locking": weaker locks let others read and write)."""


def need_programs(*names: str) -> None:
    """Raise SettingError where a program of PostgreSQL is not installed."""
    for name in names:
        if shutil.which(name) is None:
            raise SettingError(
                f"{name} is not installed here; it comes with PostgreSQL's client programs"
                " (apt-get install postgresql-client)"
            )


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now, however long it takes."""
    with engine.connect().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    ) as connection:
        for statement in (*_PATIENT, *_AS_TEXT):
            connection.exec_driver_sql(statement)
        yield connection


def sums(connection: Connection) -> dict[str, TableSum]:
    """What each table holds, in a ``snapshot``."""
    schema = schema_of(connection)
    found = {}
    for table in tables_of(connection):
        rows, total = connection.exec_driver_sql(_sum_of(schema, table)).one()
        found[table] = TableSum(rows, str(total))
    return found


def tables_of(connection: Connection) -> list[str]:
    """The tables of the portal's schema."""
    return list(connection.exec_driver_sql(_TABLES).scalars())


def schema_of(connection: Connection) -> str:
    """The name of the schema in which the portal's tables lie."""
    name = connection.scalar(text("SELECT current_schema()"))
    if name is None:
        raise SettingError("DATABASE_URL: the search_path of this user names no schema that exists")
    return str(name)


def is_empty(connection: Connection) -> bool:
    """Whether ``empty_schema`` would drop nothing: no table, and no view, sequence, routine or type
    of another program."""
    found = connection.exec_driver_sql(_OBJECTS, execution_options={"no_parameters": True})
    return found.first() is None


def empty_schema(connection: Connection) -> None:
    """Drop everything of the portal's schema within the transaction that is open, however long it
    takes."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
    for statement in _PATIENT:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(_DROP_ALL, execution_options={"no_parameters": True})  # its "%"


def dump(engine: Engine, connection: Connection) -> Iterator[bytes]:
    """The database as SQL, as the ``snapshot`` sees it."""
    schema = schema_of(connection)
    exported = connection.scalar(text("SELECT pg_export_snapshot()"))
    command = [
        "pg_dump",
        *(
            f"--snapshot={exported}",
            f"--schema={_identifier(schema)}",
            f"--dbname={_where(engine)}",
        ),
        *("--no-owner", "--no-privileges", "--no-tablespaces", "--no-comments"),
    ]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603  # PostgreSQL's own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_environment(engine),
        ) as process,
    ):
        assert process.stdout is not None
        try:
            # where this is restored the schema is there; its line stands before everything else
            head = process.stdout.read(_BLOCK)
            for name in (schema, _identifier(schema)):
                head = head.replace(f"\nCREATE SCHEMA {name};\n".encode(), b"\n", 1)
            yield head
            while block := process.stdout.read(_BLOCK):
                yield block
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            raise SettingError(f"pg_dump says: {_error_of(said)}")


def others_connected(connection: Connection) -> Sequence[str]:
    """What else is connected to this database: names of programs, or addresses."""
    return list(
        connection.exec_driver_sql(
            "SELECT coalesce(nullif(application_name, ''), host(client_addr), 'a program')"
            " FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY 1"
        ).scalars()
    )


def restore_into(
    engine: Engine, schema: str, data: Iterable[bytes], expected: Mapping[str, TableSum]
) -> None:
    """Replace what the schema holds by ``data``, in one transaction, once it was compared."""
    command = [
        *("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={_where(engine)}")
    ]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603  # PostgreSQL's own program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=_environment(engine),
        ) as process,
    ):
        assert process.stdin is not None
        try:
            process.stdin.write(
                f"BEGIN;\nSET LOCAL lock_timeout = '{_LOCK_TIMEOUT}';\n"
                f"{';'.join(_PATIENT)};\n{_DROP_ALL}".encode()
            )
            for block in data:
                process.stdin.write(block)
            process.stdin.write(
                f"\n{';'.join(_AS_TEXT)};\n{_comparison(schema, expected)}\nCOMMIT;\n".encode()
            )
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended because of an error, which it said
        except BaseException:
            process.kill()  # without a COMMIT nothing was done
            raise
        if process.wait() != 0:
            raise SettingError(f"Nothing was restored; PostgreSQL says: {_error_of(said)}")


@contextmanager
def scratch_database(engine: Engine) -> Iterator[Engine]:
    """An empty database next to that of ``engine``, dropped at the end. What a killed command left
    is replaced; a database of somebody else is not. Raises SettingError where none can be created.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        schema = schema_of(connection)
        name, encoding, is_allowed, is_there, comment = connection.exec_driver_sql(_ABOUT).one()
        drop = f"DROP DATABASE IF EXISTS {_identifier(name)}"
        if is_there and comment != SCRATCH:
            raise SettingError(
                f"DATABASE_URL: the server has a database {name}, which this command did not"
                " create; rename or drop it"
            )
        if not is_allowed:
            raise SettingError(
                "DATABASE_URL: this role may not create the scratch database; allow it with ALTER"
                " ROLE ... CREATEDB"
            )
        for statement in (
            drop,
            f"CREATE DATABASE {_identifier(name)} TEMPLATE template0 ENCODING '{encoding}'",
            f"COMMENT ON DATABASE {_identifier(name)} IS '{SCRATCH}'",
        ):
            connection.exec_driver_sql(statement)
    scratch = create_engine(engine.url.set(database=name), poolclass=NullPool, hide_parameters=True)
    try:
        with scratch.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {_identifier(schema)}")
        yield scratch
    finally:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"{drop} WITH (FORCE)")


def upgrade_with_locks(engine: Engine) -> Mapping[str, bool]:
    """Bring the schema up to date; which tables that locked, and whether against readers too."""
    with engine.begin() as connection:
        before = set(tables_of(connection))
        migrations.upgrade(connection)
        locked = connection.exec_driver_sql(_LOCKS).all()
        return {name: bool(whole) for name, whole in locked if name in before}


def _sum_of(schema: str, table: str) -> str:
    """Counts rows, and sums up the first 60 bits of the MD5 of each as a text."""
    return (
        "SELECT count(*), coalesce(sum(('x' || left(md5(one_row::text), 15))::bit(60)::bigint), 0)"  # noqa: S608
        f" FROM {_identifier(schema)}.{_identifier(table)} one_row"
    )


def _comparison(schema: str, expected: Mapping[str, TableSum]) -> str:
    checks = ""
    for name, table in expected.items():
        wrong = sql.Literal(f"{WRONG} {name}".replace("%", "%%")).as_string(None)
        checks += (
            f"    SELECT s::text INTO found FROM ({_sum_of(schema, name)}) s;\n"  # noqa: S608
            f"    IF found <> '({table.rows},{int(table.sum)})' THEN RAISE EXCEPTION {wrong};"
            " END IF;\n"
        )
    return f"DO $check$\nDECLARE found text;\nBEGIN\n{checks}END $check$;"


def _identifier(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _where(engine: Engine) -> str:
    """The server and the database, without a secret: others on this machine see command lines."""
    return make_conninfo(
        "", **{key: value for key, value in _given(engine).items() if key not in _SECRETS}
    )


def _environment(engine: Engine) -> dict[str, str]:
    given = _given(engine)
    secrets = {"PGPASSWORD": given["password"]} if "password" in given else {}
    return environment_of_children() | secrets


def _given(engine: Engine) -> dict[str, str]:
    _, given = engine.dialect.create_connect_args(engine.url)
    return {key: str(value) for key, value in given.items() if key != "context"}


def _error_of(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").splitlines()
    messages = [line for line in lines if "error:" in line.lower()] or lines[-1:] or ["nothing"]
    return re.sub(r".*?error:\s*", "", messages[0], flags=re.IGNORECASE)
