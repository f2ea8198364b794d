"""Where things are on a slide, in points (1/72 inch), for every kind of file alike.

A slide is 16:9. Chart and table are side by side where there are both; a table that is too long
continues over further slides, and no row is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.core.documents.font_metrics import width_of
from app.core.rules.documents.slides import Cell, Slide, SlideRow, Table, Tone

WIDTH: Final = 960.0
HEIGHT: Final = 540.0
LEFT: Final = 44.0
INNER: Final = WIDTH - 2 * LEFT
TITLE_SIZE: Final = 26.0
SUBTITLE_SIZE: Final = 13.0
CELL_SIZE: Final = 11.0
WORDS_SIZE: Final = 14.0
FOOT_SIZE: Final = 9.0
CHART_SIZE: Final = 10.0
ROW: Final = 19.5
"""Height of a table's row."""
_LOWEST_ROW: Final = 17.5
"""The same where a table just fits on one slide with it."""
_FEWEST_ROWS: Final = 3
"""Rows of the last slide of a long table: a total alone says nothing."""
PAD: Final = 5.0
"""Room next to a cell's text."""
_SLACK: Final = 1.08
"""So much wider may a text be in the letters of who opens slides: capitals of Arial are."""

INK: Final = (0x1B, 0x20, 0x25)
GREY: Final = (0x59, 0x62, 0x6C)
LINE: Final = (0xDF, 0xE3, 0xE7)
LINE_STRONG: Final = (0x82, 0x8B, 0x95)
ACCENT: Final = (0x0B, 0x5C, 0xAD)
SERIES: Final = (
    *((0x0B, 0x5C, 0xAD), (0x9C, 0xC4, 0xEA)),
    *((0x8A, 0x5A, 0x00), (0xE8, 0xC4, 0x72)),
    *((0x1A, 0x73, 0x40), (0xA3, 0xD9, 0xB8)),
    *((0x59, 0x62, 0x6C), (0xC3, 0xC9, 0xCF)),
)
"""Colours of rows of bars: pairs of a dark and a light one, which differ in grey print as well."""
TONES: Final = {
    Tone.OK: (0x1A, 0x73, 0x40),
    Tone.WAITING: (0x8A, 0x5A, 0x00),
    Tone.TROUBLE: (0xB3, 0x26, 0x1E),
    Tone.QUIET: GREY,
}


@dataclass(frozen=True)
class Box:
    """A rectangle, its upper left corner first."""

    x: float
    y: float
    width: float
    height: float


TITLE: Final = Box(LEFT, 26, INNER, 36)
SUBTITLE: Final = Box(LEFT, 64, INNER, 20)
CONTENT: Final = Box(LEFT, 98, INNER, 400)
FOOT: Final = Box(LEFT, 512, INNER - 60, 16)
NUMBER: Final = Box(LEFT + INNER - 60, 512, 60, 16)
_GAP: Final = 24.0
_NARROWEST_TABLE: Final = 0.3
_WIDEST_TABLE: Final = 0.5
"""Of the width, next to a chart."""
_WIDEST_BAR: Final = 64.0
_WORDS: Final = 22.0
"""Height of a paragraph below figures."""


@dataclass(frozen=True)
class Placed:
    """A slide with the places of what depends on it."""

    slide: Slide
    chart: Box | None
    table: Box | None
    words: Box | None
    columns: Sequence[float] = ()
    """The widths of the table's columns."""


def placed(slides: Sequence[Slide]) -> Sequence[Placed]:
    """Each slide with its places, and further ones for what does not fit; what is said below a long
    table is said once, on its last slide."""
    return [page for slide in slides for page in _pages(slide)]


def _pages(slide: Slide) -> list[Placed]:
    if slide.chart is not None and not slide.chart.categories:  # a portal without sites
        slide = replace(slide, chart=None)
    words = len(slide.words) * _WORDS
    has_figures = slide.chart is not None or slide.table is not None
    figures = _with_height(CONTENT, CONTENT.height - (words + 8 if slide.words else 0))
    below = None
    if slide.words:
        below = Box(LEFT, figures.y + figures.height + 8, INNER, words) if has_figures else CONTENT
    if slide.table is None:
        return [Placed(slide, figures if slide.chart else None, None, below)]
    table = slide.table
    if slide.chart is None:
        chart, beside = None, figures
    else:
        wanted = sum(_needed_widths(table))
        wide = min(max(wanted, INNER * _NARROWEST_TABLE), INNER * _WIDEST_TABLE)
        chart = Box(LEFT, figures.y, INNER - wide - _GAP, figures.height)
        beside = Box(LEFT + INNER - wide, figures.y, wide, figures.height)
    parts = _parts(table.rows, beside.height)
    found = []
    for at, rows in enumerate(parts):
        part = replace(slide, table=replace(table, rows=rows))
        if len(parts) > 1:
            part = replace(part, title=f"{slide.title} ({at + 1} of {len(parts)})")
        if at and chart is not None:
            part = replace(part, chart=None)
        is_last = at + 1 == len(parts)
        if not is_last:
            part = replace(part, words=())
        place = beside if at == 0 or chart is None else figures
        columns = _column_widths(table, place.width, beside_chart=chart is not None)
        box = _with_height(place, min(ROW * (len(rows) + 1), place.height))
        found.append(Placed(part, None if at else chart, box, below if is_last else None, columns))
    return found


def _parts(rows: Sequence[SlideRow], height: float) -> Sequence[Sequence[SlideRow]]:
    """The rows of each slide. A table is as high as its box, with its head: what is a little too
    long for usual rows has lower ones."""
    if len(rows) + 1 <= height // _LOWEST_ROW:
        return [rows]
    most = int(height // ROW) - 1
    ends = [*range(most, len(rows), most), len(rows)]
    if ends[-1] - ends[-2] < _FEWEST_ROWS:
        ends[-2] = ends[-1] - _FEWEST_ROWS
    return [rows[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def row_height(box: Box, table: Table) -> float:
    """The height of each row of a table in its box, its head among them."""
    return box.height / (len(table.rows) + 1)


def _with_height(box: Box, height: float) -> Box:
    """The same box with another height."""
    return replace(box, height=height)


def _column_widths(table: Table, width: float, *, beside_chart: bool) -> Sequence[float]:
    """By what is in them where the table is narrow, else by the columns' shares."""
    parts = _needed_widths(table) if beside_chart else [column.share for column in table.columns]
    return [width * part / sum(parts) for part in parts]


def _needed_widths(table: Table) -> Sequence[float]:
    """How wide each column has to be so that nothing of it is cut."""
    return [
        2 * PAD
        + 2
        + _SLACK
        * max(
            width_of(column.head, CELL_SIZE, bold=True),
            *(
                width_of(words_of(row.cells[at]), CELL_SIZE, bold=row.is_total)
                for row in table.rows
            ),
        )
        for at, column in enumerate(table.columns)
    ]


def room_in(width: float) -> float:
    """How wide the text of a cell may be."""
    return (width - 2 * PAD) / _SLACK


def bar_width(band: float, series: int) -> float:
    """How wide a bar is where each category has so much room."""
    return min(_WIDEST_BAR, band * (0.75 if series > 1 else 0.62) / series)


def words_of(cell: Cell) -> str:
    """A cell as it is read."""
    if cell is None:
        return "no data"
    return f"{cell:,}" if isinstance(cell, int) else cell


def top_of(values: Sequence[int | None]) -> int:
    """A round number to which a scale of these values reaches."""
    highest = max([value for value in values if value is not None], default=0)
    if highest <= 5:
        return max(highest, 1)
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= 5 * step * factor:
                return -(-highest // (step * factor)) * step * factor
        step *= 10


def step_of(top: int) -> int:
    """The distance of a scale's lines."""
    if top <= 5:
        return 1
    step = 1
    while True:
        for factor in (1, 2, 5):
            if top <= 5 * step * factor:
                return step * factor
        step *= 10


def tone_of(table: Table, cell: Cell) -> tuple[int, int, int]:
    """The colour of a cell's text."""
    if cell is None:
        return GREY
    tone = table.tones.get(cell) if isinstance(cell, str) else None
    return INK if tone is None else TONES[tone]
