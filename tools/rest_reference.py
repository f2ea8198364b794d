"""Writes ``docs/rest.md`` with its tables made anew from the operations of REST, and with the
examples as they are in ``docs/examples``.

``make docs`` puts the tables behind the line that says so; a test compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from app.api import OPERATIONS  # noqa: E402
from app.api.document import document  # noqa: E402
from app.api.operations import Operation  # noqa: E402

DOCUMENT = PROJECT / "docs" / "rest.md"
MARK = "<!-- from here on written by tools/rest_reference.py -->\n"
_EXAMPLE = re.compile(r"(```(\w+) (\S+)\n).*?(```\n)", re.DOTALL)


def tables() -> str:
    """The reference: every operation with what it takes, noun by noun."""
    whole = document(OPERATIONS)
    lines = [
        "\n## Operations\n",
        "What must be sent is bold; all else may be left out. Parameters stand before a semicolon,"
        " fields of the body behind it.\n",
    ]
    by_noun = sorted(OPERATIONS, key=_noun)
    for noun, operations in groupby(by_noun, _noun):
        lines += [f"### /v1/{noun}\n", *_table(whole, operations), ""]
    return "\n".join(lines)


def _noun(operation: Operation) -> str:
    return operation.path.split("/")[2]


def _table(whole: Any, operations: Iterator[Operation]) -> Iterator[str]:
    yield "| request | what | scope | takes |"
    yield "| --- | --- | --- | --- |"
    for one in operations:
        described = whole["paths"][one.path][one.method.lower()]
        request = f"`{one.method} {one.path}`"
        scopes = " or ".join(one.scopes)
        yield f"| {request} | {one.summary} | {scopes} | {_takes(whole, described)} |"


def _takes(whole: Any, described: Any) -> str:
    parameters = [one for one in described["parameters"] if one["in"] == "query"]
    found = ", ".join(_name(one["name"], one.get("required", False)) for one in parameters)
    media = described.get("requestBody", {}).get("content", {})
    if not media:
        return found
    (schema, *_others) = (one["schema"] for one in media.values())
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = whole["components"]["schemas"][name] if name else schema
    needed = schema.get("required", ())
    fields = ", ".join(_name(field, field in needed) for field in schema.get("properties", ()))
    return f"{found}; {fields or ' or '.join(media)}".removeprefix("; ")


def _name(name: str, needed: bool) -> str:
    return f"**{name}**" if needed else name


def written() -> str:
    """The whole page."""
    head = DOCUMENT.read_text("utf-8").partition(MARK)[0]
    return f"{_EXAMPLE.sub(_example, head)}{MARK}{tables()}"


def _example(found: re.Match[str]) -> str:
    text = (PROJECT / "docs" / "examples" / found[3]).read_text("utf-8")
    return f"{found[1]}{text}{found[4]}"


if __name__ == "__main__":
    sys.stdout.write(written())
