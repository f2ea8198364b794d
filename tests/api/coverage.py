"""What a page or a partner's operation does, and the operation of REST that does the same, or why
there is none. A test sees that every page and operation is in a line, and every operation of REST.

``coverage.txt`` is written by hand; ``docs/rest-coverage.md`` is printed from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.permissions import GGUS, NATIVE, PORTAL

NONE: Final = "- "
"""What a reason begins with."""


@dataclass(frozen=True)
class Line:
    """Pages and operations, and what answers the same over REST."""

    hows: Sequence[str]
    """As the permission tables name them, * among it; % = any letters."""
    rest: Sequence[str]
    """Operations of REST; empty = none."""
    why: str
    """Why there is none."""


def _read(text: str) -> Sequence[Line]:
    lines = []
    for one in text.strip().splitlines():
        left, right = one.split("|")
        hows = [how.strip() for how in left.split(";")]
        found = right.strip()
        is_none = found.startswith(NONE)
        rest = [] if is_none else [name.strip() for name in found.split(",")]
        lines.append(Line(hows, rest, found.removeprefix(NONE) if is_none else ""))
    return lines


LINES: Final = _read(Path(__file__).with_suffix(".txt").read_text("utf-8"))


def known() -> Mapping[str, str]:
    """What each page and operation is called, by method and address or service and operation."""
    found: dict[str, str] = {}
    for table in (PORTAL, GGUS, NATIVE):
        for row in table.rows:
            found.setdefault(" ".join(row.how.split(" ")[:2]), row.action)
    return found


def line_of(how: str) -> Line | None:
    """The first line that names it; % in a line stands for any letters."""
    for line in LINES:
        if any(re.fullmatch(re.escape(one).replace("%", ".*"), how) for one in line.hows):
            return line
    return None


def document() -> str:
    """``docs/rest-coverage.md``: what pages and operations are called over REST."""
    names = known()
    rows: dict[int, list[str]] = {}
    for how in names:
        line = line_of(how)
        assert line is not None, how
        rows.setdefault(LINES.index(line), []).append(how)
    text = [
        HEAD,
        "| page or SOAP operation | REST operation | why there is none |",
        "| --- | --- | --- |",
    ]
    for index, line in enumerate(LINES):
        if index in rows:
            hows = "<br>".join(f"`{how}` {names[how].lower()}" for how in rows[index])
            rest = ", ".join(f"`{name}`" for name in line.rest)
            text.append(f"| {hows} | {rest} | {line.why} |")
    return "\n".join(text) + "\n"


HEAD: Final = """\
# Pages and SOAP operations that REST covers

`make docs` generates this page from `tests/api/coverage.txt`, which is written by hand; tests check
that each page, each operation of the SOAP services and each operation of REST is in it.
[`/api/v1/openapi.json`](../tests/api/openapi.json) describes the operations. In addresses, * means
any number, key or name.
"""


if __name__ == "__main__":
    print(document(), end="")
