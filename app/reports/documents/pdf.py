"""Quarterly reports as PDF on A4: all that was written, over as many pages as it needs.

The same tables as in the other files of reports (``app.reports.rules.documents``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.core.documents import layout
from app.core.documents.font_metrics import cut_to, width_of, wrapped
from app.core.documents.page_pdf import Paper
from app.reports.rules.documents import (
    DocumentTable,
    QuarterDocument,
    ReportDocument,
    tables_of_quarter,
    tables_of_report,
)

_SHORT: Final = 595.28
_LONG: Final = 841.89
_EDGE: Final = 42.0
_FOOT: Final = 30.0
_TEXT: Final = 9.5
_CELL: Final = 8.5
_LINE: Final = 1.4
"""Of the letters' size: from one line to the next."""
_PAD: Final = 4.0


def report_as_pdf(document: ReportDocument, source: str) -> bytes:
    """One site's report; ``source`` is the address of its page."""
    flow = _Flow((_SHORT, _LONG), document.title, document.made_at, _foot(document, source))
    _report(flow, document)
    return flow.finished()


def quarter_as_pdf(document: QuarterDocument, source: str) -> bytes:
    """The whole quarter, and each signed report on pages of its own behind it."""
    flow = _Flow((_LONG, _SHORT), document.title, document.made_at, _foot(document, source))
    flow.title(document.title, document.notes_of_file)
    for table in tables_of_quarter(document):
        flow.table(table)
    for report in document.reports:
        flow.new_page()
        _report(flow, report)
    return flow.finished()


def _report(flow: _Flow, document: ReportDocument) -> None:
    flow.title(document.title, document.notes_of_file)
    for table in tables_of_report(document):
        flow.table(table)


def _foot(document: ReportDocument | QuarterDocument, source: str) -> str:
    """What stands at the foot of each page: one of them may be alone."""
    return f"Sample data. {source}" if document.is_sample else source


@dataclass(frozen=True)
class _Columns:
    """Of one table: their widths, and the places of those that hold numbers."""

    widths: Sequence[float]
    numbers: Collection[int]


class _Flow:
    """Writes downwards, and continues on a new page where there is no room left."""

    def __init__(self, size: tuple[float, float], title: str, made_at: datetime, foot: str) -> None:
        self._paper = Paper(size, title, made_at)
        self._foot = foot
        self._wide = size[0] - 2 * _EDGE
        self._bottom = size[1] - _EDGE - _FOOT
        self._height = size[1]
        self._y = 0.0
        self.new_page()

    def new_page(self) -> None:
        """Continue on a new page."""
        self._paper.add_page()
        self._y = _EDGE
        foot = self._height - _EDGE
        number = str(self._paper.page_no())
        shown = cut_to(self._foot, self._wide - 40, layout.FOOT_SIZE)
        write = self._paper.write_line
        write(_EDGE, foot, self._wide - 40, 12, shown, layout.FOOT_SIZE, layout.GREY)
        write(_EDGE, foot, self._wide, 12, number, layout.FOOT_SIZE, layout.GREY, align="R")

    def title(self, text: str, notes: Sequence[str]) -> None:
        """What it is, and its state."""
        for line in wrapped(text, self._wide, 18, bold=True):
            self._line(line, 18, bold=True)
        self._y += 4
        for line in wrapped(" ".join(notes), self._wide, _TEXT):
            self._line(line, _TEXT, layout.GREY)
        self._y += 8

    def table(self, table: DocumentTable) -> None:
        """A table with its title; a row that finds no room continues on the next page."""
        head = [cell or " " for cell in table.head]
        self._need(70)
        self._y += 8
        self._line(table.title, 12, bold=True)
        self._y += 2
        if not table.rows:
            self._line(table.empty, _TEXT, layout.GREY)
            return
        columns = _columns(table, self._wide)
        self._head(head, columns)
        for row in table.rows:
            self._row(row, head, columns)

    def finished(self) -> bytes:
        """The file."""
        return bytes(self._paper.output())

    def _need(self, height: float) -> None:
        if self._y + height > self._bottom:
            self.new_page()

    def _line(
        self,
        text: str,
        size: float,
        colour: tuple[int, int, int] = layout.INK,
        *,
        bold: bool = False,
    ) -> None:
        height = size * _LINE
        self._need(height)
        self._paper.write_line(_EDGE, self._y, self._wide, height, text, size, colour, bold=bold)
        self._y += height

    def _head(self, head: Sequence[str], columns: _Columns) -> None:
        cells = [
            list(wrapped(cell, width - 2 * _PAD, _CELL, bold=True))
            for cell, width in zip(head, columns.widths, strict=True)
        ]
        for at in range(max(map(len, cells))):
            self._cells(cells, at, columns, layout.GREY, bold=True)
        self._paper.ruled(_EDGE, self._y, sum(columns.widths), layout.LINE_STRONG, 1)

    def _row(self, row: Sequence[str], head: Sequence[str], columns: _Columns) -> None:
        cells = [
            list(wrapped(cell, width - 2 * _PAD, _CELL))
            for cell, width in zip(row, columns.widths, strict=True)
        ]
        count = max(map(len, cells))
        height = count * _CELL * _LINE
        if height < self._bottom - _EDGE - 60:  # else it begins here, and goes on
            self._break(height + 3, head, columns)
        self._y += 1.5
        for at in range(count):
            self._break(_CELL * _LINE, head, columns)
            self._cells(cells, at, columns, layout.INK)
        self._y += 1.5
        self._paper.ruled(_EDGE, self._y, sum(columns.widths), layout.LINE)

    def _break(self, height: float, head: Sequence[str], columns: _Columns) -> None:
        """A new page, with the table's head again, where there is no room."""
        if self._y + height > self._bottom:
            self.new_page()
            self._head(head, columns)

    def _cells(
        self,
        cells: Sequence[Sequence[str]],
        at: int,
        columns: _Columns,
        colour: tuple[int, int, int],
        *,
        bold: bool = False,
    ) -> None:
        x, height = _EDGE, _CELL * _LINE
        for place, (lines, width) in enumerate(zip(cells, columns.widths, strict=True)):
            if at < len(lines) and lines[at]:
                align = "R" if place in columns.numbers else "L"
                self._paper.write_line(
                    *(x + _PAD, self._y, width - 2 * _PAD, height, lines[at], _CELL, colour),
                    bold=bold,
                    align=align,
                )
            x += width
        self._y += height


def _columns(table: DocumentTable, width: float) -> _Columns:
    return _Columns(_widths(table, width), table.numbers)


def _widths(table: DocumentTable, width: float) -> Sequence[float]:
    """The columns' widths: as much as they want, or at least their longest word. A table of numbers
    is not stretched: a number stands near to what it is of."""
    columns = range(len(table.head))
    texts = [[table.head[at], *(row[at] for row in table.rows)] for at in columns]
    most = width / 2
    wanted = [
        2 * _PAD + 2 + max(min(most, _widest(text.splitlines())) for text in column)
        for column in texts
    ]
    if sum(wanted) <= width:
        if table.numbers:
            return wanted
        return [one * width / sum(wanted) for one in wanted]
    least = [
        2 * _PAD + 2 + max(min(most / 2, _widest(text.split())) for text in column)
        for column in texts
    ]
    if sum(least) >= width:
        return [one * width / sum(least) for one in least]
    share = (width - sum(least)) / (sum(wanted) - sum(least))
    return [low + (high - low) * share for low, high in zip(least, wanted, strict=True)]


def _widest(parts: Sequence[str]) -> float:
    return max((width_of(part, _CELL, bold=True) for part in parts), default=0)
