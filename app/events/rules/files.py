"""The columns of event files, and how a row is written.

Programs around the portal rely on the columns, which never change; the same names are the keys of
the JSON form. Times are ISO 8601 with ``Z``; a cell that a spreadsheet would run as a formula
starts with ``'``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from app.core.rules.documents import spreadsheets
from app.events.rules.events import COLUMNS

TIME_COLUMNS: Final = frozenset({"start", "end"})

EventCells = Sequence[str]
"""The cells of one event in the order of ``COLUMNS``, not yet escaped for spreadsheets."""


def csv_lines(rows: Iterable[EventCells], columns: Sequence[str] = COLUMNS) -> str:
    """Rows as lines of a CSV file (RFC 4180), safe in a spreadsheet.

    ``columns`` names the cells if there are more of them than an import reads.
    """
    texts = [place for place, name in enumerate(columns) if name not in TIME_COLUMNS]
    return spreadsheets.csv_lines(rows, texts)


def csv_head(columns: Sequence[str] = COLUMNS) -> str:
    """The first line of such a file."""
    return csv_lines([columns], columns)
