"""The audit's pages at a million changes: every filter, first page, deep page, both databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import start_login
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.core.web.positions import write_position
from app.factory import create_app
from bench.tables import print_table
from tests.cast import enter
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import test_settings

ROWS: Final = 1_000_000
TIMES: Final = 20
_FIRST: Final = datetime(2010, 1, 1, tzinfo=UTC)
_SECONDS: Final = 500
"""Between two changes: a million of them are sixteen years."""
_SERIES: Final = {
    "sqlite": "(WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {0})"
    " SELECT i FROM r)",
    "postgresql": "(SELECT i FROM generate_series(1, {0}) AS i)",
}
_AT: Final = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2010-01-01', (i * {0}) || ' seconds')",
    "postgresql": "timestamptz '2010-01-01 00:00:00+00' + i * interval '{0} seconds'",
}
_CHANGES: Final = """
INSERT INTO changes (id, kind, thing_id, version, at, actor_kind, actor_account, actor_id, author,
                     claims, door, remote)
SELECT {first} + i,
       CASE WHEN i % 100 < 88 THEN 'ticket' WHEN i % 100 < 94 THEN 'site'
            WHEN i % 100 < 96 THEN 'link' WHEN i % 100 < 97 THEN 'person'
            WHEN i % 100 < 98 THEN 'account' WHEN i % 100 < 99 THEN 'secret' ELSE 'token' END,
       i % 20000 + 1, 1000 + i / 20000, {at}, 'person',
       CASE WHEN i % 50000 = 88 THEN 'rare' ELSE 'user' || (i * 7919 % 200) END, 1, 'somebody', '',
       CASE WHEN i % 100000 = 88 THEN 'api' WHEN i % 10 < 6 THEN 'portal' ELSE 'soap' END,
       '192.0.2.1'
FROM {series} AS s
"""
_FIELDS: Final = """
INSERT INTO changed_fields (change_id, position, field, old, new)
SELECT {first} + i, {position},
       CASE WHEN i % 200000 = 88 THEN 'seldom' WHEN {position} = 0 THEN 'state' ELSE 'title' END,
       'as it was', 'as it is by now, in a text of some length'
FROM {series} AS s
"""
_REFUSALS: Final = """
INSERT INTO refusals (at, actor_kind, actor_account, door, remote, what, reason)
SELECT {at}, 'person', 'user' || (i * 7919 % 200), 'portal', '192.0.2.1', 'GET /admin',
       'Only admins may'
FROM {series} AS s
"""
_LOGINS: Final = """
INSERT INTO failed_logins (kind, account, minute, failures, remote)
SELECT 'person', 'user' || (i * 7919 % 200), {at}, 3, '192.0.2.1' FROM {series} AS s
"""


def fill_audit(engine: Engine, rows: int = ROWS) -> None:
    """Add ``rows`` changes of two fields each over sixteen years, and a tenth of that of refusals
    and of minutes with failed logins. Most are changes of tickets, as in a portal at work."""
    dialect = engine.dialect.name
    if dialect == "postgresql":  # dividing whole numbers and joining texts differ in nothing else
        joined = "'user' || (i * 7919 % 200)", "'user' || (i::bigint * 7919 % 200)"
    else:
        joined = "", ""
    seconds = _SECONDS * ROWS // rows
    with Session(engine) as session, transaction(session):
        first = session.scalar(text("SELECT COALESCE(MAX(id), 0) FROM changes"))
        for statement, count, apart in (
            (_CHANGES, rows, seconds),
            (_FIELDS.replace("{position}", "0"), rows, seconds),
            (_FIELDS.replace("{position}", "1"), rows, seconds),
            (_REFUSALS, rows // 10, 10 * seconds),
            (_LOGINS, rows // 10, 10 * seconds // 60 * 60 + 60),
        ):
            ready = statement.format(
                first=first,
                at=_AT[dialect].format(apart),
                series=_SERIES[dialect].format(count),
            )
            session.execute(text(ready.replace(*joined) if joined[0] else ready))
        session.execute(
            text("UPDATE counters SET value = :newest WHERE name = 'change'"),
            {"newest": (first or 0) + rows},
        )
    if dialect == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _paths() -> Mapping[str, str]:
    middle = write_position((_FIRST + timedelta(seconds=_SECONDS * ROWS / 2), ROWS // 2))
    return {
        "newest": "/admin/audit",
        "in the middle": f"/admin/audit?after={middle}",
        "towards now": f"/admin/audit?before={middle}",
        "tickets": "/admin/audit?kind=ticket",
        "tickets in the middle": f"/admin/audit?kind=ticket&after={middle}",
        "one kind": "/admin/audit?kind=token",
        "who": "/admin/audit?who=user7",
        "who is rare, tickets too": "/admin/audit?who=rare&kind=ticket&kind=site",
        "who is nobody": "/admin/audit?who=nobody&kind=ticket",
        "one thing": "/admin/audit?thing=5088&kind=ticket",
        "days of 2013": "/admin/audit?from=2013-01-01&to=2013-03-31",
        "days of 2013, tickets": "/admin/audit?from=2013-01-01&to=2013-03-31&kind=ticket",
        "a year before all": "/admin/audit?to=2009-01-01&kind=ticket",
        "door": "/admin/audit?door=soap",
        "rare door": "/admin/audit?door=api&kind=ticket",
        "rare door of all kinds": "/admin/audit?door=native",
        "field": "/admin/audit?field=title",
        "rare field": "/admin/audit?field=seldom&kind=ticket",
        "no such field": "/admin/audit?field=nothing",
        "refused rights": "/admin/audit?list=refusals",
        "refused rights of one": "/admin/audit?list=refusals&who=user7",
        "refused rights of 2013": "/admin/audit?list=refusals&from=2013-01-01&to=2013-01-31",
        "failed logins": "/admin/audit?list=logins",
        "failed logins of one": "/admin/audit?list=logins&who=user7",
    }


def measure(kind: str, rows: int = ROWS) -> None:
    """Print how long each page takes on one kind of database."""
    with fresh_database(kind) as url:
        engine = open_engine(url)
        with Session(engine) as session:
            enter(session)
        began = perf_counter()
        fill_audit(engine, rows)
        filled = perf_counter() - began
        with Session(engine) as session:
            admin = session.query(User).filter_by(name="admin").one().id
            with transaction(session):
                token = start_login(session, admin, datetime.now(UTC))
        flask_app = create_app(test_settings(url))
        client = _logged_in(flask_app, token)
        found = []
        for name, path in _paths().items():
            took = sorted(_seconds(client, path) for _ in range(TIMES))
            found.append(
                (
                    name,
                    f"{took[TIMES // 2] * 1000:.0f}",
                    f"{took[int(TIMES * 0.95) - 1] * 1000:.0f}",
                )
            )
        print_table(
            f"The audit's pages at {rows:,} changes, {kind} (filled in {filled:.0f} s)",
            ("page", "median ms", "p95 ms"),
            found,
        )
        with flask_app.app_context():
            db.session.remove()
            db.engine.dispose()
        engine.dispose()


def _logged_in(flask_app: Flask, token: str) -> FlaskClient:
    client = flask_app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
    return client


def _seconds(client: FlaskClient, path: str) -> float:
    began = perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return perf_counter() - began
