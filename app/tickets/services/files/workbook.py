"""Tickets as a workbook (XLSX): texts are texts, times real dates in UTC, the number a number.

XlsxWriter makes the workbook with its head and its formats; the rows, which it would gather on disk
at a third of the speed, are put into its sheet here and packed while they are read. So the file
begins at once, and a million rows need as little memory as ten. It must not know its callers.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from string import ascii_uppercase
from typing import Final

import xlsxwriter

from app.core.rules.texts import cut_with_pointer
from app.tickets.rules.files import COLUMNS, TIME_COLUMNS, TicketCells

MAX_ROWS: Final = 1_048_575
"""A sheet ends there, without its head (limits of Excel)."""
MAX_CELL_LENGTH: Final = 32_767
"""Characters of a cell (the same)."""
_CUT: Final = " … (cut here, where a cell ends; the whole text is in the portal)"
_SHEET: Final = "xl/worksheets/sheet1.xml"
_WIDTHS: Final = {"title": 50, "links": 28, "sites": 16, "description": 60, "solution": 60}
_TIMES: Final = frozenset(COLUMNS.index(name) for name in TIME_COLUMNS)
_LETTERS: Final = ascii_uppercase[: len(COLUMNS)]
_SAMPLE: Final = re.compile(r'<row r="2".*</row>', re.DOTALL)
_STYLE: Final = re.compile(r' s="\d+"')
_RANGE: Final = re.compile(r'<dimension ref="[^"]*"/>')
_DAY_ZERO: Final = date(1899, 12, 30).toordinal()
"""From which a workbook counts days."""
_FIRST_DAY: Final = "1900-03-01"
"""Before it, workbooks count a day that never was."""
_LIKE_ESCAPE: Final = re.compile(r"_x[0-9A-Fa-f]{4}_")
_LARGE: Final = 200_000
"""Rows from which the packed sheet may be larger than the old form of zip files allows."""


def workbook_pieces(parts: Iterable[Sequence[TicketCells]], count: int) -> Iterator[bytes]:
    """The file in pieces, about one for each part of the rows. ``count`` is at most how many."""
    out = _Pipe()
    with (
        zipfile.ZipFile(BytesIO(_empty_workbook(count))) as empty,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
    ):
        for item in empty.infolist():
            if item.filename != _SHEET:
                packed.writestr(item.filename, empty.read(item))
        before, style, after = _around_the_rows(empty.read(_SHEET).decode())
        before = _RANGE.sub(f'<dimension ref="A1:{_LETTERS[-1]}{count + 1}"/>', before)
        with packed.open(_SHEET, "w", force_zip64=count > _LARGE) as sheet:
            sheet.write(before.encode())
            line = 2
            for part in parts:
                lines = [_xml(row, number, style) for number, row in enumerate(part, line)]
                sheet.write("".join(lines).encode())
                line += len(part)
                yield out.taken()
            sheet.write(after.encode())
    yield out.taken()


def _empty_workbook(count: int) -> bytes:
    """With its head and, in a second row, one time in the format of times."""
    file = BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Tickets")
        time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        bold = book.add_format({"bold": True})
        for place, name in enumerate(COLUMNS):
            is_time = place in _TIMES
            sheet.set_column(place, place, 19 if is_time else _WIDTHS.get(name, 14))
            sheet.write_string(0, place, f"{name} (UTC)" if is_time else name, bold)
        sheet.write_datetime(1, 0, datetime(2000, 1, 1), time)  # noqa: DTZ001  # cells know no zone
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, count, len(COLUMNS) - 1)
    return file.getvalue()


def _around_the_rows(sheet: str) -> tuple[str, str, str]:
    """What is before the rows, the style of times, and what is behind."""
    sample = _SAMPLE.search(sheet)
    style = _STYLE.search(sample[0]) if sample is not None else None
    if sample is None or style is None:
        raise AssertionError("XlsxWriter writes sheets in another way")
    return sheet[: sample.start()], style[0], sheet[sample.end() :]


def _xml(row: TicketCells, line: int, style: str) -> str:
    cells = [f'<row r="{line}"><c r="A{line}"><v>{row[0]}</v></c>']
    for place in range(1, len(row)):
        text = row[place]
        if not text:
            continue
        where = f'<c r="{_LETTERS[place]}{line}"'
        if place in _TIMES and text >= _FIRST_DAY:
            cells.append(f"{where}{style}><v>{_days(text)}</v></c>")
        else:
            cells.append(
                f'{where} t="inlineStr"><is><t xml:space="preserve">{_escaped(text)}</t></is></c>'
            )
    cells.append("</row>")
    return "".join(cells)


def _days(text: str) -> float:
    """A time in ISO 8601 as days, as workbooks count them."""
    days = date.fromisoformat(text[:10]).toordinal() - _DAY_ZERO
    return days + (int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])) / 86400


def _escaped(text: str) -> str:
    if len(text) > MAX_CELL_LENGTH:
        text = cut_with_pointer(text, MAX_CELL_LENGTH, _CUT)
    if "_x" in text:  # else it would be read as the letter of that code
        text = _LIKE_ESCAPE.sub(r"_x005F\g<0>", text)
    if "&" in text or "<" in text or ">" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "_x000D_") if "\r" in text else text


class _Pipe:
    """A file that is only written, and forgets what was taken from it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes, /) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole
