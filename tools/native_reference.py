"""Writes ``docs/native-service.md`` with its tables created again from the models of the service.

``make docs`` puts them behind the line that says so; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from app.tickets.rules.content import LABELS  # noqa: E402
from soap_service.native.kinds import (  # noqa: E402
    Member,
    WsdlType,
    wire_name,
)
from soap_service.native.models import (  # noqa: E402
    AUTHENTICATION,
)
from soap_service.native.operations import Operation  # noqa: E402
from soap_service.native.service import native_service  # noqa: E402

DOCUMENT = PROJECT / "docs" / "native-service.md"
MARK = "<!-- from here on written by tools/native_reference.py -->\n"


def tables() -> str:
    """The reference: every operation, message and type."""
    operations = list(native_service(0).operations.values())
    kinds: dict[str, WsdlType] = AUTHENTICATION.messages()
    for operation in operations:
        for kind in (operation.request, operation.response, operation.fault):
            kinds |= kind.messages() if kind is not None else {}
    own = {
        name for operation in operations for name in (operation.name, f"{operation.name}Response")
    }
    lines = ["\n## Operations\n"]
    for operation in operations:
        lines += _operation(operation)
    lines.append("## Messages\n")
    for name in sorted(set(kinds) - own):
        lines += [f"### {name}\n", f"{kinds[name].meaning}\n", *_fields(kinds[name].members)]
    lines += ["## Values\n", *_values(kinds.values())]
    lines += [
        "\n## Fields in the history\n",
        "Each value is a text; `publicComment` and `internalComment` are entries of the diaries.\n",
        "| field | in the portal |\n| --- | --- |",
        *(f"| {wire_name(field)} | {label} |" for field, label in LABELS.items()),
    ]
    return "\n".join(lines) + "\n"


def _operation(operation: Operation) -> Iterator[str]:
    yield f"### {operation.name}\n"
    yield f"{operation.meaning}\n"
    if operation.takes:
        yield "Request:\n"
        yield from _fields(operation.takes)
    else:
        yield "The request has no fields.\n"
    yield "Answer:\n"
    yield from _fields(operation.answers)


def _fields(members: Iterable[Member]) -> Iterator[str]:
    yield "| field | type | occurs | meaning |\n| --- | --- | --- | --- |"
    for member in members:
        yield f"| {member.name} | {member.kind.name} | {member.occurs.value} | {member.meaning} |"
    yield ""


def _values(kinds: Iterable[WsdlType]) -> Iterator[str]:
    simple = {
        member.kind.name: member.kind
        for kind in kinds
        for member in kind.members
        if member.kind.values or member.kind.limit
    }
    yield "| type | allowed |\n| --- | --- |"
    for name in sorted(simple):
        kind = simple[name]
        allowed = ", ".join(kind.values) or f"a text of at most {kind.limit} characters"
        yield f"| {name} | {allowed} |"


def document() -> str:
    """The whole document as it should be."""
    return DOCUMENT.read_text("utf-8").partition(MARK)[0] + MARK + tables()


if __name__ == "__main__":
    sys.stdout.write(document())
