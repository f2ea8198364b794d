"""What the portal takes while nobody uses it: transactions, processor and memory.

The demo is served by its own command, with a worker, and left alone until the worker has computed
what follows from it. Memory is PSS, in which processes share what they have in common.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Final

import psycopg
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from app import demo
from app.core.database.transactions import transaction
from bench import places
from bench.processes import usages
from bench.tables import print_table
from tests.harness.databases import migrate, open_engine
from tests.harness.server import live, test_settings

SETTLED: Final = 2.0
"""Minutes from the start until the measurement."""


def measure(kind: str, minutes: float) -> None:
    """Print the table of one database."""
    url = places.another(kind, "idle")
    migrate(url)
    engine = open_engine(url)
    with Session(engine) as session, transaction(session):
        demo.seed_demo(session, datetime.now(UTC))
    engine.dispose()
    places.vacuum(url)
    with live(replace(test_settings(url), demo=True), supervised=True, worker=True) as server:
        sleep(SETTLED * 60)
        began, done, before = monotonic(), _transactions(url), usages(server.pid)
        sleep(minutes * 60)
        after, seconds = usages(server.pid), monotonic() - began
        done = _transactions(url) - done - 1  # the one that counted them before
    used = {pid: (after[pid].seconds - before[pid].seconds) / seconds for pid in before}
    rows = [
        (one.name, f"{used[pid]:.2%}", f"{one.memory:.0f}")
        for pid, one in sorted(after.items(), key=lambda item: (item[1].name, item[0]))
    ]
    rows.append(
        ("all", f"{sum(used.values()):.2%}", f"{sum(one.memory for one in after.values()):.0f}")
    )
    told = f", {done / seconds:.2f} transactions a second" if kind == "postgresql" else ""
    print_table(
        f"Idle, {places.TITLES[kind]}: the demo, {minutes:g} minutes{told}",
        ("", "of a core", "MiB (PSS)"),
        rows,
    )


def _transactions(url: str) -> int:
    """Of the database so far, also those that only read; 0 = it does not count them."""
    address = make_url(url)
    if address.get_backend_name() != "postgresql":
        return 0
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        row = connection.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database"
            " WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])
