"""Prints ``docs/permissions.md`` from the table that the tests try cell by cell."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.permissions import TABLES, Table

HEAD = """\
# Who may do what

This page is written by `make docs` from `tests/permissions.py`, which is written by hand; tests try
every cell through its door. `yes` is carried out or shown, `no` is left out of what is shown, `-`
cannot be. In addresses * stands for a number, key or name; a word behind an address tells cases of
it apart. Commands (`flask ...`) are run by whoever may log in to the portal's machine, and act as
the portal itself.
"""


def section(table: Table) -> str:
    """One door."""
    heads = ["Action", "Through", *table.columns.values()]
    lines = [heads, ["---"] * len(heads)]
    lines += [[row.action, f"`{row.how}`", *row.cells.values()] for row in table.rows]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"\n## {table.title}\n\n{table.about}\n\n{text}\n"


def document() -> str:
    """The whole page."""
    return HEAD + "".join(section(table) for table in TABLES)


if __name__ == "__main__":
    print(document(), end="")
