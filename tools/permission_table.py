"""Prints ``docs/permissions.md`` from the table that the tests try cell by cell."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.permissions import TABLES, Table

HEAD = """\
# Who may do what

`make docs` generates this page from `tests/permissions.py`, which is written by hand; tests try
every cell over the interface of its table. `yes` means that the action is carried out or the page
shown, `no` that it is omitted from what is shown, `-` that the case cannot occur. In addresses, *
means any number, key or name; a word after an address distinguishes several cases of the same
address. Operations of REST are named by their summaries in [rest.md](rest.md). Anybody who may log
in to the portal's machine can run commands (`flask ...`), which act as the portal itself.
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
