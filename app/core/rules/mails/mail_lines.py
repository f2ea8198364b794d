"""Lines of a name and a value in mails of operations centres, in one column or in several.

Source of the second form: HEAnet's fault mails of 2008, in which "Ticket Number: ...      Ticket
Status: ..." is one line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

_FIRST: Final = re.compile(r"[ \t>*]{0,20}[^\W\d_][^\s:]*(?: [^\s:]+){0,8}[ \t]{0,40}:(?!//)")
_FURTHER: Final = re.compile(
    r"(?:(?<=   )|(?<=\t))([^\W\d_][\w/-]*(?: [\w/-]+){0,5})[ \t]{0,20}:(?=[ \t]|$)"
)
"""A name in the midst of a line: after three blanks or a tab."""
_LOOKED_AT: Final = 1000
"""Characters of a line in which further columns are looked for."""
_TIME: Final = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})[T ]\s{0,5}(\d{2}):?(\d{2})(?::?(\d{2}))?\s{0,5}(?:UTC|GMT|Z)\b",
    re.I,
)


def columns_of(rows: Sequence[str], names: Collection[str]) -> Sequence[Sequence[str]]:
    """The columns of each row, which together are the row; one, unless it holds several names.

    ``names``, in small letters, are those that the reader knows. A further column begins with one
    of them, or where one of them begins a column in another row of the mail.
    """
    found = [
        [
            (match.start(), len(row[: match.start()].expandtabs()), match[1].casefold() in names)
            for match in _FURTHER.finditer(row[:_LOOKED_AT])
        ]
        if _FIRST.match(row)
        else []
        for row in rows
    ]
    edges = {edge for row in found for _start, edge, is_known in row if is_known}
    return [
        _cut(row, [start for start, edge, is_known in further if is_known or edge in edges])
        for row, further in zip(rows, found, strict=True)
    ]


def _cut(row: str, starts: Sequence[int]) -> Sequence[str]:
    ends = [*starts, len(row)]
    return [row[start:end] for start, end in zip([0, *starts], ends, strict=True)]


def utc_time(text: str) -> datetime | None:
    """The first time in a text that says UTC, GMT or Z, between 1990 and 2100; None = no such."""
    match = _TIME.search(text)
    if match is None:
        return None
    try:
        moment = datetime(*(int(part or 0) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]  # six numbers
    except ValueError:
        return None
    return moment if is_in_reach(moment) else None


def is_in_reach(moment: datetime) -> bool:
    """Whether a time may be a real one: 1990 to 2100."""
    return 1990 <= moment.year < 2100
