"""A table of figures as files: CSV and XLSX, with the same cells.

No cell is ever run as a formula. Numbers stay numbers; what is not known is an empty cell.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import xlsxwriter

from app.core.rules.documents.cells import safe_cell
from app.core.rules.documents.spreadsheets import csv_lines

Cell: TypeAlias = str | int | float | datetime | None
DIGITS: Final = 4
"""Behind the point, in files."""
_WIDEST: Final = 60


@dataclass(frozen=True)
class FigureTable:
    """The name of a table (of its file and its sheet), its head, and its rows; times are UTC."""

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def as_csv(table: FigureTable) -> str:
    """The table as CSV with a head; times in ISO 8601 with ``Z``."""
    rows: list[Sequence[Cell]] = [table.head, *table.rows]
    return csv_lines(([_text(cell) for cell in row] for row in rows), are_safe=True)


def as_workbook(table: FigureTable, notes: Iterable[str] = ()) -> bytes:
    """The table as a workbook of one sheet; ``notes`` are on a second one."""
    return as_workbook_of([table], notes)


def as_workbook_of(tables: Iterable[FigureTable], notes: Iterable[str] = ()) -> bytes:
    """A workbook with a sheet for each table, named after it; ``notes`` are on the last one."""
    file = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(file, options) as book:
        for table in tables:
            _add_sheet(book, table)
        said = list(notes)
        if said:
            about = book.add_worksheet("About")
            about.set_column(0, 0, 100)
            for line, text in enumerate(said):
                about.write_string(line, 0, text)
    return file.getvalue()


def _add_sheet(book: xlsxwriter.Workbook, table: FigureTable) -> None:
    bold = book.add_format({"bold": True})
    time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet(table.name[:31])
    for place, word in enumerate(table.head):
        cells = [_text(row[place]) for row in table.rows[:200]]
        width = max(len(text) for text in [word, *cells]) + 2
        sheet.set_column(place, place, min(width, _WIDEST))
        sheet.write_string(0, place, word, bold)
    for line, row in enumerate(table.rows, 1):
        for place, cell in enumerate(row):
            if isinstance(cell, datetime):
                naive = cell.astimezone(UTC).replace(tzinfo=None)
                sheet.write_datetime(line, place, naive, time)
            elif isinstance(cell, str):
                sheet.write_string(line, place, cell)
            elif cell is not None:
                sheet.write_number(line, place, round(cell, DIGITS))
    sheet.freeze_panes(1, 0)
    if table.rows:
        sheet.autofilter(0, 0, len(table.rows), len(table.head) - 1)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(cell, float):
        return f"{cell:.{DIGITS}f}".rstrip("0").rstrip(".")
    return safe_cell(cell) if isinstance(cell, str) else str(cell)
