"""The bench's tables, as Markdown to paste into ``docs/bench.md``."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median


def print_machine() -> None:
    """Where and with what this run was made."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    words = [
        datetime.now(UTC).strftime("%Y-%m-%d"),
        f"{os.cpu_count()} cores ({_processor()})",
        f"{memory:.0f} GiB",
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in ("granian", "spyne", "SQLAlchemy", "psycopg")),
        *(_first_line(program) for program in ("node --version", "postgres --version")),
        "the generator of the load shares the cores",
    ]
    print("Machine: " + ", ".join(word for word in words if word) + ".\n", flush=True)


def print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """One table under its title."""
    print(f"### {title}\n")
    print("| " + " | ".join(heads) + " |")
    print("| --- |" + " ---: |" * (len(heads) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def rate(rounds: Sequence[float]) -> str:
    """The median of several rounds, per second."""
    return f"{median(rounds):,.0f}/s"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """How many times theirs ours is, by the medians."""
    return f"{median(ours) / median(theirs):.2f}"


def _processor() -> str:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith("model name")).split(": ")[1]
    return platform.machine()


def _first_line(command: str) -> str:
    program = command.split()[0]
    with suppress(OSError, subprocess.CalledProcessError):
        told = subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout
        return (
            f"{program} {told.split()[-1] if program == 'node' else told.split(')')[1].split()[0]}"
        )
    return ""
