"""What the stacks did in this run, operation by operation, for the table at its end.

Tests write one line each into a file of the run's folder, so that it holds what really ran, in
whatever process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from soap_service.fields import SERVICES
from tests.harness import run

_FILE = "stacks.jsonl"
_ORDER = ("ok", "FAILED", "skipped")


@contextmanager
def recorded(stack: str, operation: str) -> Iterator[None]:
    """Record how what is done inside ends."""
    outcome = "FAILED"
    try:
        yield
        outcome = "ok"
    except pytest.skip.Exception:
        outcome = "skipped"
        raise
    finally:
        line = json.dumps([stack, operation, outcome])
        with (run.folder() / _FILE).open("a") as file:
            file.write(line + "\n")


def table(folder: Path, stacks: Sequence[str]) -> list[str]:
    """The lines of the table, a row for each operation and a column for each stack.

    Stacks that are not named stand behind the others; no line if no stack ran.
    """
    try:
        written = (folder / _FILE).read_text().splitlines()
    except OSError:
        return []
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for line in written:
        stack, operation, outcome = json.loads(line)
        cell = counts.setdefault((operation, stack), {})
        cell[outcome] = cell.get(outcome, 0) + 1
    seen = dict.fromkeys(stack for _operation, stack in counts)
    columns = [*(name for name in stacks if name in seen), *sorted(seen.keys() - set(stacks))]
    of_contract = [item.name for service in SERVICES.values() for item in service.operations]
    ran = dict.fromkeys(operation for operation, _stack in counts)
    operations = [*(name for name in of_contract if name in ran), *(ran.keys() - set(of_contract))]
    rows = [["operation", *columns]]
    for operation in operations:
        cells = [counts.get((operation, stack), {}) for stack in columns]
        rows.append([operation, *(_words(cell) for cell in cells)])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _words(cell: dict[str, int]) -> str:
    """``ok 3`` for three calls that did what was expected; every outcome is named."""
    found = [f"{outcome} {cell[outcome]}" for outcome in _ORDER if outcome in cell]
    return ", ".join(found) or "-"
