"""``make prove-move``: how long ``flask move`` takes, and the memory of its process.

A durable SQLite file, filled as for ``bench.http``, is moved into a durable PostgreSQL on the same
machine, by the command in a process of its own. Prints ``docs/proofs/move.md``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from sqlalchemy import make_url

from app.composition import compose_figures, compose_records
from app.core.folders import PROJECT
from app.core.settings import process_environment
from bench.http import Rows, copy_of, prepared
from bench.places import Place, another
from bench.tables import print_machine, print_table
from tests.harness import postgres, run
from tests.harness.server import test_settings

_HEAD = """# Moving from SQLite to PostgreSQL

`make prove-move` writes this page. `flask move` moves a portal with the demo, bulk tickets and as
many events from an SQLite file into a PostgreSQL on the same machine, both durable. The command
itself compares rows and sums of each table and tries the portal on the new database before it
reports that the portal was moved. "memory" is the most that the process of the command used.
"""
_STEPS = ("tickets", "rows", "file", "tables", "rows copied", "tried", "compared")


@dataclass(frozen=True)
class Move:
    """One move: what the command said, seconds from its start to each line and to its end, and the
    most memory of its process in MiB."""

    said: Sequence[tuple[float, str]]
    seconds: float
    memory: float


def main() -> None:
    """Move databases of these sizes, and print the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.prove_move")
    parser.add_argument(
        "--sizes", default="10000,100000", help="tickets, by commas; as many events as tickets"
    )
    parser.add_argument(
        "--at",
        nargs="*",
        default=(),
        help="URLs of SQLite databases, one for each size, which stay: an empty one is filled, and"
        " a copy is moved",
    )
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    urls = [*given.at, *[None] * (len(sizes) - len(given.at))]
    folder = run.begin()
    compose_records()
    compose_figures()
    try:
        print(_HEAD, flush=True)
        print_machine()
        rows = [
            _row(prepared("sqlite", url, Rows(size, size)))
            for url, size in zip(urls, sizes, strict=True)
        ]
        print_table("Times", (*_STEPS, "all", "memory"), rows)
    finally:
        postgres.stop(folder)
        run.end(folder)


def _row(base: Place) -> tuple[str, ...]:
    tickets = base.last - base.first + 1
    with copy_of(base, "moved", PROJECT) as source:
        size = Path(str(make_url(source.url).database)).stat().st_size / 2**20
        done = moved(source.url, another("postgresql", f"to{tickets}"))
    began = {words.partition(" ")[0]: at for at, words in done.said}
    (summary,) = (words for _, words in done.said if words.startswith("Moved "))
    steps = [began["Copying"] - began["Creating"], began["Trying"] - began["Copying"]]
    steps += [began["Comparing"] - began["Trying"], began["Moved"] - began["Comparing"]]
    return (
        f"{tickets:,}",
        summary.split()[1],
        f"{size:,.0f} MiB",
        *(f"{seconds:.1f} s" for seconds in steps),
        f"{done.seconds:.1f} s",
        f"{done.memory:.0f} MiB",
    )


def moved(source: str, target: str) -> Move:
    """Move a database by the command. Raises SystemExit with what it said where it fails."""
    began, said = monotonic(), []
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "move", "--to", target],
        cwd=PROJECT,
        env={**process_environment(test_settings(source)), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            said.append((monotonic() - began, line.rstrip()))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("\n".join(words for _, words in said))
    return Move(said, monotonic() - began, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
