"""The columns under which tickets leave and enter as files, and how a row of them is written.

Fixed by the rules for programs around the portal: lists inside a cell are separated by ``;``, times
are ISO 8601 with ``Z``, a cell that a spreadsheet would run as a formula starts with ``'``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from app.core.rules.documents import spreadsheets
from app.tickets.rules.fields import TicketField, ValueKind, Where, fields_at

FIELDS: Final[Mapping[str, TicketField]] = {
    field.key or field.name: field for field in fields_at(Where.FILE)
}
"""The fields that are columns, by what the column is called."""
PUBLISHED: Final = (
    *("number", "title", "state", "network", "category", "layer", "priority", "impact"),
    *("links", "sites", "responsible_site", "unit", "event_start", "event_detected", "event_end"),
    *("window_start", "window_end", "created", "changed", "solved"),
    *("submitter", "origin_system", "origin_id", "description", "solution"),
)
"""Frozen: the digest by which an imported line is known again is made of these."""
COLUMNS: Final = tuple(dict.fromkeys((*PUBLISHED, *FIELDS)))
"""Programs may read by place: a column that is new is the last one."""
TIME_COLUMNS: Final = frozenset(
    {"created", "changed", "solved"}
    | {column for column, field in FIELDS.items() if field.kind is ValueKind.TIME}
)
_FREE_TEXTS: Final = tuple(
    place
    for place, column in enumerate(COLUMNS)
    if column in ("links", "sites", "responsible_site")
    or (column in FIELDS and FIELDS[column].is_text)
)
"""Only these can begin like a formula or need quotes: the others are numbers, times and words of
closed lists."""

TicketCells = Sequence[str]
"""The cells of one ticket in the order of ``COLUMNS``, as they are: not yet made safe."""


def csv_lines(rows: Iterable[TicketCells]) -> str:
    """Rows as lines of a CSV file, safe in a spreadsheet."""
    return spreadsheets.csv_lines(rows, _FREE_TEXTS)


def csv_head() -> str:
    """The first line of such a file."""
    return csv_lines([COLUMNS])
