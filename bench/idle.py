"""What the portal takes while nobody uses it: transactions, processor and memory.

The demo is served by its own command, with a worker, and left alone until the worker has computed
what follows from it. Memory is PSS, in which processes share what they have in common.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import psycopg
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from app import demo
from app.core.database.transactions import transaction
from bench import places
from bench.tables import print_table
from tests.harness.databases import migrate, open_engine
from tests.harness.server import live, test_settings

SETTLED: Final = 2.0
"""Minutes from the start until the measurement."""
_NAMES: Final = {
    "app.server.supervisor": "supervisor",
    "app.server.process": "server",
    "worker": "worker",
}
"""Processes by a word of their command."""


@dataclass(frozen=True)
class Usage:
    """A process at one moment: the processor seconds it has used, and its memory in MiB."""

    name: str
    seconds: float
    memory: float


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


def usages(parent: int) -> Mapping[int, Usage]:
    """The process ``parent`` and those that it started, by their ids."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            pid = int(folder.name)
            if parent in (pid, int(fields[1])):
                words = (folder / "cmdline").read_text().split("\0")
                seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                rollup = (folder / "smaps_rollup").read_text()
                found[pid] = Usage(name_of(words), seconds, proportional(rollup))
    return found


def name_of(command: Sequence[str]) -> str:
    """What a process of the portal is, by its command."""
    return next((name for word, name in _NAMES.items() if word in command), "another")


def proportional(rollup: str) -> float:
    """The MiB of a process by its ``smaps_rollup`` (proc(5)): each page divided by the number of
    processes that have it."""
    [line] = [line for line in rollup.splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) / 1024


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
