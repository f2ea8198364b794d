"""Writes the sections of ``docs/partners-guide.md`` about monitoring systems whose format is a
folder of ``app/events/adapters``: the page of each folder and its sample.

``make docs`` writes them between two marked lines; a test compares them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from app.events.adapters import FOLDERS  # noqa: E402

DOCUMENT: Final = PROJECT / "docs" / "partners-guide.md"
BEGIN: Final = "<!-- written by tools/monitoring_guide.py from app/events/adapters/*/ -->\n"
END: Final = "<!-- end of the written part -->\n"


def sections() -> str:
    """The text between the marks."""
    return "".join(
        f"\n{(folder / 'guide.md').read_text('utf-8')}\n"
        "The portal then gets, for example (sample data):\n\n"
        f"```\n{(folder / 'raised.json').read_text('utf-8')}```\n\n"
        for folder in FOLDERS
    )


def written() -> str:
    """The whole guide."""
    before, _begin, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _old, _end, after = rest.partition(END)
    return f"{before}{BEGIN}{sections()}{END}{after}"


if __name__ == "__main__":
    print(written(), end="")
