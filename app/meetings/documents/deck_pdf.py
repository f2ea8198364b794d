"""Slides as PDF: the same places as in the PPTX, charts drawn as lines and areas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.core.documents import layout
from app.core.documents.font_metrics import cut_to, lines_of, width_of
from app.core.documents.layout import Box, Placed
from app.core.documents.page_pdf import Paper
from app.core.rules.documents.slides import Chart, Deck, Table

_LEGEND: Final = 20.0
_LEGEND_SIZE: Final = 9.0
_MARK: Final = 24.0
"""Room of a legend's mark, and between two of them."""
_NAMES: Final = 18.0
"""Room under the baseline where the names are level."""
_SLANTED: Final = 62.0
"""Where they do not fit: they are turned."""
_SCALE: Final = 34.0
"""Room for the scale's numbers."""
_BETWEEN: Final = 3.0
"""Points between the values of two bars that touch each other."""
_MIN_LABEL: Final = 6.0
"""Values that had to be smaller are not written at the bars: the table next to them has them."""


def deck_as_pdf(deck: Deck, made_at: datetime) -> bytes:
    """The deck as a file; ``made_at`` (UTC) is in its properties."""
    paper = Paper((layout.WIDTH, layout.HEIGHT), deck.title, made_at)
    _title_page(paper, deck)
    for number, page in enumerate(layout.placed(deck.slides), 2):
        _page(paper, page, number)
    return bytes(paper.output())


def _title_page(paper: Paper, deck: Deck) -> None:
    paper.add_page()
    x, wide = layout.LEFT, layout.INNER
    title = lines_of(deck.title, wide, 40, 3, bold=True)
    top = 230.0 - 50 * len(title)
    paper.filled(x, top - 22, 72, 6, layout.ACCENT)
    for line in title:
        paper.write_line(x, top, wide, 50, line, 40, bold=True)
        top += 50
    paper.write_line(x, 240, wide, 30, cut_to(deck.subtitle, wide, 20), 20, layout.GREY)
    y = 300.0
    for fact in deck.facts:
        for line in lines_of(fact, wide, layout.WORDS_SIZE, 2):
            paper.write_line(x, y, wide, 22, line, layout.WORDS_SIZE)
            y += 22


def _page(paper: Paper, page: Placed, number: int) -> None:
    paper.add_page()
    what = page.slide
    _line(paper, layout.TITLE, what.title, layout.TITLE_SIZE, layout.INK, bold=True)
    _line(paper, layout.SUBTITLE, what.subtitle, layout.SUBTITLE_SIZE, layout.GREY)
    if page.chart is not None and what.chart is not None:
        draw_chart(paper, page.chart, what.chart)
    if page.table is not None and what.table is not None:
        draw_table(paper, page.table, what.table, page.columns)
    if page.words is not None:
        y = page.words.y
        for said in what.words:
            for line in lines_of(said, page.words.width, layout.WORDS_SIZE, 1):
                paper.write_line(page.words.x, y, page.words.width, 22, line, layout.WORDS_SIZE)
                y += 22
    _line(paper, layout.FOOT, what.foot, layout.FOOT_SIZE, layout.GREY)
    _line(paper, layout.NUMBER, str(number), layout.FOOT_SIZE, layout.GREY, align="R")


def _line(
    paper: Paper,
    box: Box,
    text: str,
    size: float,
    colour: tuple[int, int, int],
    *,
    bold: bool = False,
    align: str = "L",
) -> None:
    shown = cut_to(text, box.width, size, bold=bold)
    paper.write_line(
        box.x, box.y, box.width, box.height, shown, size, colour, bold=bold, align=align
    )


def draw_table(paper: Paper, box: Box, table: Table, widths: Sequence[float]) -> None:
    """A table, a line under each row."""
    y, high = box.y, layout.row_height(box, table)
    _row(
        paper,
        box.x,
        y,
        high,
        [
            (column.head, width, column.is_number, layout.GREY)
            for column, width in zip(table.columns, widths, strict=True)
        ],
        bold=True,
    )
    paper.ruled(box.x, y + high, box.width, layout.LINE_STRONG, 1)
    for row in table.rows:
        y += high
        cells = [
            (layout.words_of(cell), width, column.is_number, layout.tone_of(table, cell))
            for cell, column, width in zip(row.cells, table.columns, widths, strict=True)
        ]
        _row(paper, box.x, y, high, cells, bold=row.is_total)
        paper.ruled(box.x, y + high, box.width, layout.LINE)


def _row(
    paper: Paper,
    x: float,
    y: float,
    high: float,
    cells: list[tuple[str, float, bool, tuple[int, int, int]]],
    *,
    bold: bool,
) -> None:
    for text, width, is_number, colour in cells:
        room = width - 2 * layout.PAD
        shown = cut_to(text, layout.room_in(width), layout.CELL_SIZE, bold=bold)
        paper.write_line(
            x + layout.PAD,
            y,
            room,
            high,
            shown,
            layout.CELL_SIZE,
            colour,
            bold=bold,
            align="R" if is_number else "L",
        )
        x += width


def draw_chart(paper: Paper, box: Box, chart: Chart) -> None:
    """Columns on a zero baseline, with a scale, their values and their names."""
    several = len(chart.series) > 1
    top = layout.top_of([value for series in chart.series for value in series.values])
    left, right = box.x + _SCALE, box.x + box.width
    legend = _LEGEND * len(_legend_lines(box, chart)) if several else 0
    upper = box.y + legend + 12
    band = (right - left) / max(len(chart.categories), 1)
    longest = max((width_of(name, layout.CHART_SIZE) for name in chart.categories), default=0)
    is_slanted = longest > band - 4
    lower = box.y + box.height - (_SLANTED if is_slanted else _NAMES)
    if several:
        _legend(paper, box, chart)
    for number in range(0, top + 1, layout.step_of(top)):
        y = lower - (lower - upper) * number / top
        paper.ruled(left, y, right - left, layout.LINE if number else layout.LINE_STRONG)
        paper.write_line(
            box.x, y - 7, _SCALE - 6, 14, f"{number:,}", layout.CHART_SIZE, layout.GREY, align="R"
        )
    wide = layout.bar_width(band, len(chart.series))
    gap = band - wide * len(chart.series)
    size = _label_size(chart, wide)
    for at, name in enumerate(chart.categories):
        begin = left + at * band + gap / 2
        for place, series in enumerate(chart.series):
            value = series.values[at]
            x = begin + place * wide
            height = (lower - upper) * (value or 0) / top
            if value:
                colour = layout.SERIES[place % len(layout.SERIES)]
                paper.filled(x, lower - height, wide * 0.94, height, colour)
            if value is not None and size >= _MIN_LABEL:
                y = lower - height - size - 3
                paper.write_line(x, y, wide * 0.94, size + 2, f"{value:,}", size, align="C")
        _name(paper, name, left + at * band, lower, band, is_slanted=is_slanted)


def _label_size(chart: Chart, wide: float) -> float:
    """The size in which the widest of the values fits its bar: one for all of them. Values of bars
    that touch each other stand apart, else 1 and 1 would read as 11."""
    values = [value for series in chart.series for value in series.values if value is not None]
    widest = max((width_of(f"{value:,}", 1) for value in values), default=1)
    room = wide if len(chart.series) == 1 else wide - _BETWEEN
    return min(layout.CHART_SIZE, room / widest)


def _name(
    paper: Paper, name: str, x: float, baseline: float, band: float, *, is_slanted: bool
) -> None:
    size = layout.CHART_SIZE
    if not is_slanted:
        shown = cut_to(name, band - 2, size)
        paper.write_line(x, baseline + 4, band, 14, shown, size, align="C")
        return
    shown = cut_to(name, _SLANTED * 1.25, size)
    wide = width_of(shown, size)
    middle = x + band / 2
    with paper.turned(45, middle + 4, baseline + 6):
        paper.write_line(middle + 4 - wide, baseline, wide, 12, shown, size, align="R")


def _legend_lines(box: Box, chart: Chart) -> Sequence[Sequence[int]]:
    """The rows of bars that are named on each line of the legend, by their places."""
    lines: list[list[int]] = []
    left = 0.0
    for place, series in enumerate(chart.series):
        wide = width_of(series.name, _LEGEND_SIZE) + _MARK
        if not lines or wide > left:
            lines.append([])
            left = box.width - _SCALE
        lines[-1].append(place)
        left -= wide
    return lines


def _legend(paper: Paper, box: Box, chart: Chart) -> None:
    size = _LEGEND_SIZE
    for at, line in enumerate(_legend_lines(box, chart)):
        x, y = box.x + _SCALE, box.y + at * _LEGEND
        for place in line:
            name = chart.series[place].name
            wide = min(width_of(name, size), box.width - _SCALE - _MARK)
            paper.filled(x, y + 3, 9, 9, layout.SERIES[place % len(layout.SERIES)])
            paper.write_line(x + 13, y, wide + 1, 15, cut_to(name, wide + 1, size), size)
            x += wide + _MARK
