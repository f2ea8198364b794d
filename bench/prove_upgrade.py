"""``make prove-upgrade``: ``flask db upgrade`` from the schema of every release, with data.

Each release is checked out and installed with its own packages, and fills a durable database with
its own demo and bulk tickets. Copies of it are upgraded by this checkout: once as it is, once by a
process that is killed in the middle and started again. Prints ``docs/proofs/upgrade.md``.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from pathlib import Path
from time import monotonic

from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from app.backups import postgresql
from app.backups import sqlite as backup_sqlite
from app.backups.file import TableSum
from app.composition import compose_figures, compose_mails, compose_records
from app.core.database.schema import known_revisions, revision_of
from app.core.folders import PROJECT
from app.core.settings import process_environment
from app.demo import LOGINS, PARTNER_LOGIN
from app.tickets.models.tickets import Ticket
from bench.pages import visitor
from bench.places import KINDS, TITLES, another, copied
from bench.tables import print_machine, print_table
from tests.harness import postgres as server
from tests.harness import run
from tests.harness.databases import differences, open_engine
from tests.harness.server import live, test_settings
from tests.soap_service.wire import Wire

_HEAD = """# Upgrading from every release

`make prove-upgrade` writes this page. Each release is checked out, installs its own packages, and
fills a durable database with the demo and bulk tickets. This version then upgrades copies of that
database:

- "announced" is what `flask db upgrade --check` printed before, "upgrade" what the command took.
- The same upgrade is killed with `kill -9` when half of its migrations have started: "after the
  kill" compares the rows and sums of each table with those before. It is started again: "again"
  compares them with those of the upgrade that was not killed.
  Migration 0055 stores the time of the upgrade (`event_sources.silence_from`), which is left out.
- "schema" compares the tables with those that this version describes; "portal" serves the upgraded
  database: an admin of the release logs in and reads the list, the newest ticket and the
  statistics, and a partner gets that ticket over SOAP.
"""
RELEASE = re.compile(r"^## (\d+\.\d+\.\d+) \(.*\)\n\nCommit ([0-9a-f]{8})\.$", re.MULTILINE)
_HEADS = (
    *("from", "database", "tickets", "rows", "announced", "upgrade"),
    *("after the kill", "again", "schema", "portal"),
)
_TIMES_OF_UPGRADE = "UPDATE event_sources SET silence_from = NULL"
LOUD = """
import logging, sys
log = logging.getLogger("alembic.runtime.migration")
log.addHandler(logging.StreamHandler(sys.stdout))
log.setLevel(logging.INFO)
from flask.cli import main
main()
"""
"""``flask`` that prints a line when each migration begins."""
BEGINS = "Running upgrade "


@dataclass(frozen=True)
class Upgraded:
    """A database after an upgrade by so many migrations, which took so many seconds."""

    migrations: int
    seconds: float
    sums: Mapping[str, TableSum]


def main() -> None:
    """Upgrade databases of these sizes from every release, and print the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.prove_upgrade")
    parser.add_argument("--sizes", default="10000", help="bulk tickets, by commas")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    folder = run.begin()
    compose_records()
    compose_figures()
    compose_mails()
    try:
        print(_HEAD, flush=True)
        print_machine()
        changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
        rows = []
        for version, commit in reversed(RELEASE.findall(changelog)):
            with checked_out(commit) as checkout:
                for kind in KINDS:
                    for size in sizes:
                        url = another(kind, f"from{version.replace('.', '')}x{size}")
                        fill_by_release(checkout, url, size)
                        rows.append((version, TITLES[kind], f"{size:,}", *_row(url)))
        print_table("Upgrades", _HEADS, rows)
    finally:
        server.stop(folder)
        run.end(folder)


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """That commit in a folder of its own, with the packages that it pins."""
    folder = run.folder() / f"release-{commit}"
    git = ["git", "-C", str(PROJECT), "worktree"]
    subprocess.run([*git, "add", "-q", "--detach", str(folder), commit], check=True)
    try:
        subprocess.run(
            ["tools/venv.sh", "run"], cwd=folder, check=True, stdout=sys.stderr, env=_bare()
        )
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def _bare() -> dict[str, str]:
    """The environment without settings of a portal."""
    return {name: value for name, value in os.environ.items() if name != "DEMO"}


def fill_by_release(checkout: Path, url: str, tickets: int) -> None:
    """As the commands of the release do it."""
    environ = {**_bare(), "DATABASE_URL": url, "SECRET_KEY": secrets.token_hex(32)}
    for words in (("db", "upgrade"), ("seed", "demo"), ("seed", "bulk", "--tickets", str(tickets))):
        done = subprocess.run(
            [".venv/bin/flask", *words],
            cwd=checkout,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)}: {done.stdout}")


def _row(url: str) -> tuple[str, ...]:
    before = _sums(url)
    announced = _flask(url, "db", "upgrade", "--check").communicate()[0]
    seconds = re.search(r", upgraded in ([\d,.]+ s)", announced)
    if seconds is None:
        raise SystemExit(f"flask db upgrade --check: {announced}")
    with copied(url, "whole") as whole:
        plain = _upgraded(whole)
        schema, portal = _schema(whole), _tried(whole)
    with copied(url, "killed") as killed:
        after, again = _killed(killed, plain, before)
    return (
        f"{sum(table.rows for table in before.values()):,}",
        seconds[1],
        f"{plain.seconds:.1f} s",
        *(after, again, schema, portal),
    )


def _killed(url: str, plain: Upgraded, before: Mapping[str, TableSum]) -> tuple[str, str]:
    """What is there after a kill when half of the migrations have begun, and after the second
    start."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOUD, "db", "upgrade"],
        cwd=PROJECT,
        env=process_environment(test_settings(url)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    begun = 0
    for line in process.stdout:
        begun += line.startswith(BEGINS)
        if begun > plain.migrations // 2:
            process.kill()
            break
    process.communicate()
    if process.returncode != -signal.SIGKILL:
        return f"FAILED: it ended with {process.returncode} before the kill", ""
    after = _difference(before, _sums(url)) or "as before"
    return after, _difference(plain.sums, _upgraded(url).sums) or "equal"


def _upgraded(url: str) -> Upgraded:
    migrations = len(known_revisions()) - int(_revision(url) or 0)
    began = monotonic()
    process = _flask(url, "db", "upgrade")
    said = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"flask db upgrade: {said}")
    took = monotonic() - began
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(_TIMES_OF_UPGRADE)
    engine.dispose()
    return Upgraded(migrations, took, _sums(url))


def _flask(url: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flask", *words],
        cwd=PROJECT,
        env=process_environment(test_settings(url)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _sums(url: str) -> Mapping[str, TableSum]:
    """What each table holds, as a backup counts it."""
    if make_url(url).get_backend_name() == "sqlite":
        with backup_sqlite.reading(Path(str(make_url(url).database))) as connection:
            return backup_sqlite.sums(connection)
    engine = open_engine(url)
    try:
        with postgresql.snapshot(engine) as connection:
            return postgresql.sums(connection)
    finally:
        engine.dispose()


def _difference(expected: Mapping[str, TableSum], found: Mapping[str, TableSum]) -> str:
    wrong = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    return f"FAILED: other rows in {', '.join(wrong)}" if wrong else ""


def _revision(url: str) -> str | None:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return revision_of(connection)
    finally:
        engine.dispose()


def _schema(url: str) -> str:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            found = differences(connection)
            return f"FAILED: {found}" if found else f"{revision_of(connection)}, equal"
    finally:
        engine.dispose()


def _tried(url: str) -> str:
    engine = open_engine(url)
    with Session(engine) as session:
        newest, title = session.execute(
            select(Ticket.number, Ticket.title).order_by(Ticket.number.desc()).limit(1)
        ).one()
    engine.dispose()
    logins = {login.name: login.password for login in LOGINS}
    with live(test_settings(url)) as served:
        with visitor(served.url, "admin", logins["admin"]) as admin:
            for path, words in (
                ("/tickets", title),
                (f"/tickets/{newest}", title),
                ("/statistics", ""),
            ):
                page = admin.get(path)
                if page.status != HTTPStatus.OK or words not in unescape(page.text):
                    return f"FAILED: {path} answers {page.status}, or does not show {words!r}"
        got = Wire(served).call(
            "TicketGet",
            {"GHD_Request_ID": str(newest)},
            user=PARTNER_LOGIN,
            password=logins[PARTNER_LOGIN],
        )
    if got.values.get("GHD_Short_Description") != title:
        return f"FAILED: TicketGet says {got.values}"
    return f"works with ticket {newest:,}"


if __name__ == "__main__":
    main()
