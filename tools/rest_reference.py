"""Writes ``docs/rest.md`` with tables generated from the operations of REST, and with the
examples of ``docs/examples``.

``make docs`` writes the tables after the marked line; a test compares them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from app.api import OPERATIONS  # noqa: E402
from app.api.document import document  # noqa: E402
from app.api.operations import Operation  # noqa: E402
from app.tickets.rules.content import LABELS  # noqa: E402
from app.tickets.rules.fields import BY_NAME, TicketField, ValueKind  # noqa: E402
from app.tickets.rules.relations import RELATION_FIELDS  # noqa: E402
from app.tickets.services.creation.idempotency import CONTACTS  # noqa: E402

DOCUMENT = PROJECT / "docs" / "rest.md"
MARK = "<!-- from here on written by tools/rest_reference.py -->\n"
_EXAMPLE = re.compile(r"(```(\w+) (\S+)\n).*?(```\n)", re.DOTALL)


def tables() -> str:
    """The reference: every operation with its parameters and body, noun by noun."""
    whole = document(OPERATIONS)
    lines = [
        "\n## Operations\n",
        "Required parameters and fields are in bold. The body is a JSON object with the fields in"
        " the last column, or content of the media type that is named there. `{key}` is the id,"
        " name or number of the object; for a report, it is the site and the quarter"
        " (`DE-KIT/2012-Q4`); for `/v1/exchange/pairs`, it is the ticket's number.\n",
    ]
    by_noun = sorted(OPERATIONS, key=_noun)
    for noun, operations in groupby(by_noun, _noun):
        lines += [f"### /v1/{noun}\n", *_table(whole, operations), ""]
    return "\n".join(lines)


def fields_of_changes() -> str:
    """The names that the changes of tickets may hold, from their declarations."""
    lines = [
        "\n## Fields of changes\n",
        "Values of `field` in the rows of `/v1/changes`, in a ticket's history and in webhooks. All"
        " values are strings.\n",
        "| field | label in the web interface | values |",
        "| --- | --- | --- |",
    ]
    for name, label in LABELS.items():
        lines.append(f"| `{name}` | {label} | {_VALUES.get(name) or _values(BY_NAME[name])} |")
    return "\n".join([*lines, ""])


_VALUES: Mapping[str, str] = {
    "links": "ids, separated by `; `",
    "sites": "names, separated by `; `",
    "asked_sites": "names, separated by `; `",
    "responsible_site": "name of a site",
    "references": "separated by `; `",
    "handed_to": "codes of partners, separated by `; `",
    "attachment": "id and name of a file; `new` is null if it was removed",
    "to_check": "yes or no",
    "acknowledgement": "site, answer and reason",
    "reminder": "first or second reminder: `1 of 2`, `2 of 2`",
    "carbon_copy": "email addresses; only users of the web interface and the partner that sent"
    " them can read them",
    **dict.fromkeys(RELATION_FIELDS, "number of a ticket"),
    **dict.fromkeys(CONTACTS.values(), "text, for operators and the partner that sent it"),
}


def _values(field: TicketField) -> str:
    if field.choices is not None:
        return ", ".join(field.choices)
    if field.kind is ValueKind.TIME:
        return "time in UTC"
    if field.kind is ValueKind.FLAG:
        return "yes or no"
    if field.kind is ValueKind.ENTRY:
        return "the new entry"
    return "text, for operators and the partner that sent it" if field.is_contact else "text"


def _noun(operation: Operation) -> str:
    return operation.path.split("/")[2]


def _table(whole: Any, operations: Iterator[Operation]) -> Iterator[str]:
    yield "| request | summary | scope | query parameters | body |"
    yield "| --- | --- | --- | --- | --- |"
    for one in operations:
        described = whole["paths"][one.path][one.method.lower()]
        request = f"`{one.method} {one.path}`"
        scopes = " or ".join(one.scopes)
        cells = request, one.summary, scopes, _parameters(described), _body(whole, described)
        yield f"| {' | '.join(cells)} |"


def _parameters(described: Any) -> str:
    parameters = [one for one in described["parameters"] if one["in"] == "query"]
    return ", ".join(_name(one["name"], one.get("required", False)) for one in parameters)


def _body(whole: Any, described: Any) -> str:
    media = described.get("requestBody", {}).get("content", {})
    if not media:
        return ""
    (schema, *_others) = (one["schema"] for one in media.values())
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = whole["components"]["schemas"][name] if name else schema
    needed = schema.get("required", ())
    fields = ", ".join(_name(field, field in needed) for field in schema.get("properties", ()))
    return fields or " or ".join(media)


def _name(name: str, needed: bool) -> str:
    return f"**{name}**" if needed else name


def written() -> str:
    """The whole page."""
    head = DOCUMENT.read_text("utf-8").partition(MARK)[0]
    return f"{_EXAMPLE.sub(_example, head)}{MARK}{fields_of_changes()}{tables()}"


def _example(found: re.Match[str]) -> str:
    text = (PROJECT / "docs" / "examples" / found[3]).read_text("utf-8")
    return f"{found[1]}{text}{found[4]}"


if __name__ == "__main__":
    sys.stdout.write(written())
