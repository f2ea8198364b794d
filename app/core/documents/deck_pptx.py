"""Slides as PPTX: titles in the title's place, charts and tables native, so that all can be edited.

Each chart carries its workbook; each slide has notes that name the page with the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import xlsxwriter
from pptx import Presentation
from pptx.chart.data import ChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import (
    XL_CHART_TYPE,
    XL_LABEL_POSITION,
    XL_LEGEND_POSITION,
    XL_TICK_LABEL_POSITION,
)
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.oxml.xmlchemy import OxmlElement
from pptx.slide import Slide as PptxSlide
from pptx.util import Emu, Pt

from app.core.documents import layout
from app.core.documents.font_metrics import cut_to, lines_of
from app.core.documents.layout import Box, Placed
from app.core.rules.documents.slides import Chart, Deck, Slide, Table
from app.core.rules.texts import storable_text

_NO_STYLE: Final = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
"""PowerPoint's id of a table without style and grid."""
_FONT: Final = "Arial"
"""Or what stands for it: everywhere there, and narrower than the fonts by which texts are cut."""
_TITLE_ONLY: Final = 5
"""Place of that layout in the library's own template."""
_TEMPLATE_WIDTH: Final = 720
"""Points: the template is 4:3; its masters are widened for who adds slides."""
_MAX_NAME_LENGTH: Final = 60
"""Characters of a category or row of bars in a chart; the workbook behind it has them whole."""
_MAX_PROPERTY_LENGTH: Final = 255
"""Maximum characters of a file's property, set by the library."""


class _Data(ChartData):
    """A chart's data whose workbook holds every text as text, and never as a formula."""

    def __init__(self, chart: Chart) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # as all of its charts
            number_format="#,##0"
        )
        self._chart = chart
        self.categories = [cut_name(name) for name in chart.categories]
        for series in chart.series:
            self.add_series(  # type: ignore[no-untyped-call]  # likewise
                cut_name(series.name), series.values
            )

    @property
    def xlsx_blob(self) -> bytes:
        """The workbook, as the chart's references expect it: names in A, a column per series."""
        out = BytesIO()
        with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
            sheet = book.add_worksheet("Sheet1")
            for row, name in enumerate(self._chart.categories, 1):
                sheet.write_string(row, 0, name)
            for column, series in enumerate(self._chart.series, 1):
                sheet.write_string(0, column, series.name)
                for row, value in enumerate(series.values, 1):
                    if value is not None:
                        sheet.write_number(row, column, value)
        return out.getvalue()


def cut_name(name: str) -> str:
    """A name as it is shown at a bar."""
    return cut_to(
        storable_text(name, 2 * _MAX_NAME_LENGTH),
        _MAX_NAME_LENGTH * layout.CHART_SIZE,
        layout.CHART_SIZE,
    )


def deck_as_pptx(deck: Deck, made_at: datetime) -> bytes:
    """The deck as a file; ``made_at`` (UTC) is in its properties."""
    book = _book(deck.title, deck.subtitle, made_at)
    _title_slide(book, deck)
    return _with_slides(book, deck.slides, first=2)


def slides_as_pptx(slides: Sequence[Slide], made_at: datetime) -> bytes:
    """Slides without a title slide, to be put into another deck."""
    book = _book(slides[0].title, slides[0].subtitle, made_at)
    return _with_slides(book, slides, first=1)


def _book(title: str, subject: str, made_at: datetime) -> Any:
    book = Presentation()
    _widen(book)
    book.core_properties.title = storable_text(title, _MAX_PROPERTY_LENGTH)
    book.core_properties.subject = storable_text(subject, _MAX_PROPERTY_LENGTH)
    book.core_properties.author = "LHCOPN portal"
    book.core_properties.last_modified_by = "LHCOPN portal"
    book.core_properties.created = book.core_properties.modified = made_at.replace(tzinfo=None)
    return book


def _with_slides(book: Any, slides: Sequence[Slide], *, first: int) -> bytes:
    for number, page in enumerate(layout.placed(slides), first):
        _slide(book, page, number)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _widen(book: Any) -> None:
    book.slide_width, book.slide_height = Pt(layout.WIDTH), Pt(layout.HEIGHT)
    for holder in (book.slide_master, *book.slide_layouts):
        for shape in holder.placeholders:
            if shape.element.spPr.xfrm is not None:
                left, wide = shape.left, shape.width
                shape.left = Emu(round(left * layout.WIDTH / _TEMPLATE_WIDTH))
                shape.width = Emu(round(wide * layout.WIDTH / _TEMPLATE_WIDTH))


def _title_slide(book: Any, deck: Deck) -> None:
    slide = book.slides.add_slide(book.slide_layouts[_TITLE_ONLY])
    x, wide = layout.LEFT, layout.INNER
    title = lines_of(deck.title, wide, 40, 3, bold=True)
    height = 50 * len(title)
    top = 230 - height
    _bar(slide, Box(x, top - 22, 72, 6))
    _fill_title(slide, Box(x, top, wide, height), "\n".join(title), 40)
    _text(slide, Box(x, 240, wide, 30), [cut_to(deck.subtitle, wide, 20)], 20, layout.GREY)
    facts = [line for fact in deck.facts for line in lines_of(fact, wide, layout.WORDS_SIZE, 2)]
    _text(slide, Box(x, 300, wide, 22 * len(facts)), facts, layout.WORDS_SIZE, layout.INK)
    slide.notes_slide.notes_text_frame.text = "\n".join((deck.title, deck.subtitle, *deck.facts))


def _slide(book: Any, page: Placed, number: int) -> None:
    slide, what = book.slides.add_slide(book.slide_layouts[_TITLE_ONLY]), page.slide
    title = cut_to(what.title, layout.TITLE.width, layout.TITLE_SIZE, bold=True)
    _fill_title(slide, layout.TITLE, title, layout.TITLE_SIZE)
    subtitle = cut_to(what.subtitle, layout.SUBTITLE.width, layout.SUBTITLE_SIZE)
    _text(slide, layout.SUBTITLE, [subtitle], layout.SUBTITLE_SIZE, layout.GREY)
    if page.chart is not None and what.chart is not None:
        _chart(slide, page.chart, what.chart)
    if page.table is not None and what.table is not None:
        _table(slide, page.table, what.table, page.columns)
    if page.words is not None:
        words = [
            line
            for said in what.words
            for line in lines_of(said, page.words.width, layout.WORDS_SIZE, 1)
        ]
        _text(slide, page.words, words, layout.WORDS_SIZE, layout.INK)
    foot = cut_to(what.foot, layout.FOOT.width, layout.FOOT_SIZE)
    _text(slide, layout.FOOT, [foot], layout.FOOT_SIZE, layout.GREY)
    _text(slide, layout.NUMBER, [str(number)], layout.FOOT_SIZE, layout.GREY, right=True)
    slide.notes_slide.notes_text_frame.text = what.notes


def _fill_title(slide: PptxSlide, box: Box, text: str, size: float) -> None:
    title = slide.shapes.title
    assert title is not None, "the layout has a title"
    _put(title, box)
    _write(title.text_frame, text.split("\n"), size, layout.INK, bold=True)


def _text(
    slide: PptxSlide,
    box: Box,
    lines: Sequence[str],
    size: float,
    colour: tuple[int, int, int],
    *,
    right: bool = False,
) -> None:
    shape = slide.shapes.add_textbox(*_place(box))
    _write(shape.text_frame, lines, size, colour, right=right)


def _write(
    frame: Any,
    lines: Sequence[str],
    size: float,
    colour: tuple[int, int, int],
    *,
    bold: bool = False,
    right: bool = False,
) -> None:
    frame.word_wrap = True
    frame.auto_size = MSO_AUTO_SIZE.NONE
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.vertical_anchor = MSO_ANCHOR.TOP
    for at, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if at == 0 else frame.add_paragraph()
        paragraph.alignment = PP_ALIGN.RIGHT if right else PP_ALIGN.LEFT
        _run(paragraph, line, size, colour, bold=bold)


def _run(
    paragraph: Any, text: str, size: float, colour: tuple[int, int, int], *, bold: bool = False
) -> None:
    run = paragraph.add_run()
    run.text = text
    run.font.name, run.font.size, run.font.bold = _FONT, Pt(size), bold
    run.font.color.rgb = _rgb(colour)


def _bar(slide: PptxSlide, box: Box) -> None:
    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *_place(box))
    shape.fill.solid()
    shape.fill.fore_color.rgb = _rgb(layout.ACCENT)
    shape.line.fill.background()
    shape.shadow.inherit = False


def _chart(slide: PptxSlide, box: Box, what: Chart) -> None:
    graphic = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *_place(box), _Data(what))
    chart: Any = graphic.chart  # type: ignore[attr-defined]  # a graphic frame with a chart has it
    chart.font.name, chart.font.size = _FONT, Pt(layout.CHART_SIZE)
    chart.font.color.rgb = _rgb(layout.INK)
    chart.has_title = False
    several = len(what.series) > 1
    chart.has_legend = several
    if several:
        chart.legend.position = XL_LEGEND_POSITION.TOP
        chart.legend.include_in_layout = False
        chart.legend.font.size = Pt(layout.CHART_SIZE)
    values = chart.value_axis
    top = layout.top_of([value for series in what.series for value in series.values])
    values.minimum_scale, values.maximum_scale = 0, top
    values.major_unit = layout.step_of(top)
    values.has_minor_gridlines = False
    values.major_gridlines.format.line.color.rgb = _rgb(layout.LINE)
    values.major_gridlines.format.line.width = Pt(0.5)
    values.format.line.fill.background()
    values.tick_labels.number_format, values.tick_labels.number_format_is_linked = "#,##0", False
    names = chart.category_axis
    names.format.line.color.rgb = _rgb(layout.LINE_STRONG)
    names.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    names.has_major_gridlines = False
    plot = chart.plots[0]
    band = box.width / len(what.categories)
    bars = layout.bar_width(band, len(what.series)) * len(what.series)
    plot.gap_width = min(500, round(100 * (band - bars) * len(what.series) / bars))
    plot.overlap = 0
    if _bars_of(what) <= 48:
        plot.has_data_labels = True
        labels = plot.data_labels
        labels.show_value = True
        labels.position = XL_LABEL_POSITION.OUTSIDE_END
        labels.font.size = Pt(7 if _bars_of(what) > 24 else layout.CHART_SIZE)
        labels.number_format, labels.number_format_is_linked = "#,##0", False
    for series, colour in zip(plot.series, layout.SERIES * 4, strict=False):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = _rgb(colour)
        series.invert_if_negative = False


def _bars_of(chart: Chart) -> int:
    """How many bars a chart has."""
    return len(chart.categories) * len(chart.series)


def _table(slide: PptxSlide, box: Box, what: Table, widths: Sequence[float]) -> None:
    rows, columns = len(what.rows) + 1, len(what.columns)
    graphic = slide.shapes.add_table(rows, columns, *_place(box))
    table: Any = graphic.table
    properties = table._tbl.tblPr  # the library has no word for a table's style
    properties.find(qn("a:tableStyleId")).text = _NO_STYLE
    table.first_row, table.horz_banding = True, False
    for at, width in enumerate(widths):
        table.columns[at].width = Pt(width)
    for at in range(rows):
        table.rows[at].height = Pt(layout.row_height(box, what))
    for at, column in enumerate(what.columns):
        _cell(
            table.cell(0, at),
            column.head,
            widths[at],
            layout.GREY,
            right=column.is_number,
            head=True,
        )
    for place, row in enumerate(what.rows, 1):
        for at, cell in enumerate(row.cells):
            text = layout.words_of(cell)
            tone = layout.tone_of(what, cell)
            _cell(
                table.cell(place, at),
                text,
                widths[at],
                tone,
                right=what.columns[at].is_number,
                bold=row.is_total,
            )


def _cell(
    cell: Any,
    text: str,
    width: float,
    colour: tuple[int, int, int],
    *,
    right: bool,
    bold: bool = False,
    head: bool = False,
) -> None:
    cell.margin_left = cell.margin_right = Pt(layout.PAD)
    cell.margin_top = cell.margin_bottom = Pt(1)
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    bold = bold or head
    shown = cut_to(text, layout.room_in(width), layout.CELL_SIZE, bold=bold)
    paragraph = cell.text_frame.paragraphs[0]
    cell.text_frame.word_wrap = False
    paragraph.alignment = PP_ALIGN.RIGHT if right else PP_ALIGN.LEFT
    if shown:
        _run(paragraph, shown, layout.CELL_SIZE, colour, bold=bold)
    # an empty cell is as high as the letters that it would hold
    paragraph._p.get_or_add_endParaRPr().set("sz", f"{layout.CELL_SIZE * 100:.0f}")
    line = OxmlElement("a:lnB")
    line.set("w", str(Pt(1 if head else 0.5)))
    fill, tint = OxmlElement("a:solidFill"), OxmlElement("a:srgbClr")
    tint.set("val", str(_rgb(layout.LINE_STRONG if head else layout.LINE)))
    fill.append(tint)
    line.append(fill)
    cell._tc.get_or_add_tcPr().insert(0, line)  # nor for a cell's lines


def _put(shape: Any, box: Box) -> None:
    shape.left, shape.top, shape.width, shape.height = _place(box)


def _place(box: Box) -> tuple[Pt, Pt, Pt, Pt]:
    return Pt(box.x), Pt(box.y), Pt(box.width), Pt(box.height)


def _rgb(colour: tuple[int, int, int]) -> RGBColor:
    return RGBColor(*colour)  # type: ignore[no-untyped-call]  # as all of its colours
