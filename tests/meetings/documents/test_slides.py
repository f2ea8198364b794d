"""Slides as PPTX and PDF: read back, every text is text, nothing lies on anything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from typing import Any

import openpyxl
import pypdfium2
import pytest
from pptx import Presentation

from app.core.documents import layout
from app.core.documents.deck_pptx import deck_as_pptx
from app.core.documents.font_metrics import NO_GLYPH, cut_to, drawable, lines_of, width_of, wrapped
from app.core.rules.documents.slides import (
    Chart,
    Column,
    Deck,
    Series,
    Slide,
    SlideRow,
    Table,
    Tone,
)
from app.meetings.documents.deck_pdf import deck_as_pdf

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
HOSTILE = (
    "=1+1",
    '=HYPERLINK("http://evil.example","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "网络中断 臺灣",
    "| a | %TOC% |",
    "http://evil.example/",
    "&amp; ]]> \u202e",
)


def deck(*slides: Slide) -> Deck:
    return Deck("LHCOPN 网络", "2013-Q1", ["Figures computed 2026-11-26 09:00 UTC"], slides)


def table(rows: int, *, text: str = "CERN-RAL-LHCOPN-001") -> Table:
    head = [Column("Number", 1, is_number=True), Column("What", 4)]
    return Table(head, [SlideRow([number, text]) for number in range(rows)])


def opened(content: bytes) -> Any:
    return Presentation(BytesIO(content))


def tables_in(slide: Any) -> Iterator[list[list[str]]]:
    for shape in slide.shapes:
        if shape.has_table:
            yield [[cell.text for cell in row.cells] for row in shape.table.rows]


def charts_in(slide: Any) -> list[Any]:
    return [shape.chart for shape in slide.shapes if shape.has_chart]


def sheet_of(chart: Any) -> Any:
    """The workbook behind a chart."""
    book = openpyxl.load_workbook(BytesIO(chart.part.chart_workbook.xlsx_part.blob))
    return book["Sheet1"]


def pdf_texts(content: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(content)
    return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


def test_charts_are_native_and_hold_their_numbers() -> None:
    chart = Chart(["DE-KIT", "ES-PIC"], [Series("detected", [12, None]), Series("there", [3, 0])])
    file = opened(deck_as_pptx(deck(Slide("Events", "Of a quarter", "/statistics", chart)), NOW))
    _, slide = file.slides
    (found,) = charts_in(slide)
    assert list(found.plots[0].categories) == ["DE-KIT", "ES-PIC"]
    assert [(one.name, tuple(one.values)) for one in found.plots[0].series] == [
        ("detected", (12, None)),
        ("there", (3, 0)),
    ]
    sheet = sheet_of(found)
    assert [[cell.value for cell in row] for row in sheet.rows] == [
        [None, "detected", "there"],
        ["DE-KIT", 12, 3],
        ["ES-PIC", None, 0],
    ]


def test_a_chart_without_a_site_is_drawn_all_the_same() -> None:
    nothing = Slide("Matching", "No T1 yet", "/x", Chart([], [Series("detected", [])]), table(1))
    presented = opened(deck_as_pptx(deck(nothing), NOW))
    assert [len(rows) for rows in tables_in(presented.slides[1])] == [2]
    assert charts_in(presented.slides[1]) == []
    assert len(pdf_texts(deck_as_pdf(deck(nothing), NOW))) == 2


def test_values_of_bars_side_by_side_stand_apart() -> None:
    """Else 2, 2, 2 and 2 would read as 2222."""
    names = [f"Site {letter}" for letter in "abcdefghijkl"]
    chart = Chart(names, [Series(word, [7] * 12) for word in "abcd"])
    beside = Table([Column("Site"), Column("Q", is_number=True)], [SlideRow(["Site a", 1])])
    slide = Slide("Events", "", "", chart, beside)
    page = pypdfium2.PdfDocument(deck_as_pdf(deck(slide), NOW))[1]
    text = page.get_textpage()
    labels = sorted(
        text.get_charbox(at)
        for at in range(text.count_chars())
        if text.get_text_range(at, 1) == "7"
    )
    assert len(labels) == 4 * len(names)
    gaps = [after[0] - before[2] for before, after in pairwise(labels)]
    assert min(gaps) > 2.5


def test_the_notes_name_the_page() -> None:
    address = "http://127.0.0.1:8000/statistics/matching?from=2013-Q1&to=2013-Q2"
    file = opened(deck_as_pptx(deck(Slide("Events", "Of a quarter", address)), NOW))
    title, slide = file.slides
    assert slide.notes_slide.notes_text_frame.text.endswith(f"Source: {address}")
    assert "Figures computed 2026-11-26 09:00 UTC" in title.notes_slide.notes_text_frame.text
    assert slide.shapes.title.text == "Events"
    assert file.core_properties.title == "LHCOPN 网络"


def test_each_slide_of_sample_data_says_so() -> None:
    slide = Slide("Events", "Of a quarter", "/x", None, table(47), is_sample=True)
    file = opened(deck_as_pptx(deck(slide), NOW))
    for one in list(file.slides)[1:]:
        texts = [shape.text_frame.text for shape in one.shapes if shape.has_text_frame]
        assert "Sample data. Source: /x" in texts
        assert "Sample data." in one.notes_slide.notes_text_frame.text
    for page in pdf_texts(deck_as_pdf(deck(slide), NOW))[1:]:
        assert "Sample data. Source: /x" in page
    real = Slide("Events", "Of a quarter", "/x", None, table(1))
    assert "Sample" not in pdf_texts(deck_as_pdf(deck(real), NOW))[1]


def test_any_text_stays_text() -> None:
    slides = [
        Slide(text, text, "/x", Chart([text], [Series(text, [7])]), table(1, text=text), [text])
        for text in HOSTILE
    ]
    file = opened(deck_as_pptx(deck(*slides), NOW))
    pages = pdf_texts(deck_as_pdf(deck(*slides), NOW))
    for text, drawn, page in zip(HOSTILE, list(file.slides)[1:], pages[1:], strict=True):
        assert drawn.shapes.title.text == text
        (rows,) = tables_in(drawn)
        assert rows[1] == ["0", text]
        (found,) = charts_in(drawn)
        assert list(found.plots[0].categories) == [text]
        sheet = sheet_of(found)
        cells = [sheet["A2"], sheet["B1"]]
        assert [(cell.value, cell.data_type, cell.hyperlink) for cell in cells] == [
            (text, "s", None),
            (text, "s", None),
        ]
        assert text.removesuffix(" \u202e") in page


def test_4000_characters_are_cut_with_a_visible_mark() -> None:
    text = "网络 down again " * 300
    slide = Slide(text, text, text, None, table(2, text=text), [text])
    drawn = opened(deck_as_pptx(deck(slide), NOW)).slides[1]
    (rows,) = tables_in(drawn)
    assert drawn.shapes.title.text.endswith("…")
    assert rows[1][1].endswith("…")
    assert rows[1][1].removesuffix("…").rstrip() in text
    assert text.strip() in drawn.notes_slide.notes_text_frame.text.replace("\n", " "), (
        "all is there"
    )
    assert "…" in pdf_texts(deck_as_pdf(deck(slide), NOW))[1]


def test_no_row_of_a_long_table_is_lost() -> None:
    slide = Slide("Long", "47 rows", "/x", None, table(47))
    file = opened(deck_as_pptx(deck(slide), NOW))
    pages = [rows for one in file.slides for rows in tables_in(one)]
    assert [row[0] for rows in pages for row in rows[1:]] == [str(at) for at in range(47)]
    assert [one.shapes.title.text for one in file.slides][1:] == [
        "Long (1 of 3)",
        "Long (2 of 3)",
        "Long (3 of 3)",
    ]
    texts = pdf_texts(deck_as_pdf(deck(slide), NOW))
    assert len(texts) == 4
    assert "46 CERN-RAL-LHCOPN-001" in texts[3]


def test_a_total_never_stands_on_a_slide_alone() -> None:
    chart = Chart([f"SITE-{at}" for at in range(16)], [Series("a", list(range(16)))])
    sites = Table(
        [Column("Site"), Column("Asked", is_number=True)],
        [
            *(SlideRow([f"SITE-{at}", at]) for at in range(16)),
            SlideRow(["TOTAL", 120], is_total=True),
        ],
    )
    whole = Slide("Sites", "x", "/x", chart, sites, ["One", "Two", "Three"])
    many = Slide("Long", "x", "/x", None, table(39))
    file = opened(deck_as_pptx(deck(whole, many), NOW))
    pages = [rows for one in file.slides for rows in tables_in(one)]
    assert [len(rows) - 1 for rows in pages] == [17, 19, 17, 3]
    assert [len(charts_in(one)) for one in file.slides][1] == 1
    assert "TOTAL 120" in pdf_texts(deck_as_pdf(deck(whole), NOW))[1]


def test_what_is_said_below_a_long_table_is_said_once() -> None:
    """ "And 22 more" stood on each of four slides."""
    file = opened(
        deck_as_pptx(deck(Slide("Long", "x", "/x", None, table(54), ["And 22 more."])), NOW)
    )
    texts = [
        " ".join(shape.text_frame.text for shape in one.shapes if shape.has_text_frame)
        for one in file.slides
    ]
    notes = [one.notes_slide.notes_text_frame.text for one in file.slides if one.has_notes_slide]
    assert len(texts) > 3
    assert ["And 22 more." in text for text in texts] == [False] * (len(texts) - 1) + [True]
    assert sum("And 22 more." in text for text in notes) == 1


def test_nothing_lies_on_anything_else() -> None:
    chart = Chart([f"SITE-{at}" for at in range(14)], [Series("a", list(range(14)))])
    slides = [
        Slide("Both", "x", "/x", chart, table(15), ["One", "Two", "Three"]),
        Slide("A table", "x", "/x", None, table(60), ["One"]),
        Slide("Narrow rows", "x", "/x", chart, table(17), ["One", "Two", "Three"]),
        Slide("A chart", "x", "/x", chart),
        Slide("Words", "x", "/x", words=["Nothing"]),
    ]
    for slide in opened(deck_as_pptx(deck(*slides), NOW)).slides:
        boxes = [(one.left, one.top, one.width, one.height) for one in slide.shapes]
        for at, (x, y, wide, high) in enumerate(boxes):
            assert x >= 0
            assert y >= 0
            assert x + wide <= 960 * 12700
            assert y + high <= 540 * 12700
            for x2, y2, wide2, high2 in boxes[at + 1 :]:
                apart = x + wide <= x2 or x2 + wide2 <= x or y + high <= y2 or y2 + high2 <= y
                assert apart, slide.shapes.title.text


def test_a_word_has_its_colour_and_no_data_its_word() -> None:
    head = [Column("Site"), Column("2013-Q1")]
    rows = [SlideRow(["DE-KIT", "missing"]), SlideRow(["ES-PIC", None])]
    marked = Table(head, rows, {"missing": Tone.TROUBLE})
    drawn = opened(deck_as_pptx(deck(Slide("Reports", "x", "/x", None, marked)), NOW)).slides[1]
    (shape,) = [shape for shape in drawn.shapes if shape.has_table]
    run = shape.table.cell(1, 1).text_frame.paragraphs[0].runs[0]
    assert str(run.font.color.rgb) == "B3261E"
    assert shape.table.cell(2, 1).text == "no data"


def test_chinese_is_drawn_and_not_boxes() -> None:
    """The picture of a sign is neither empty nor that of another sign."""

    def picture(text: str) -> bytes:
        content = deck_as_pdf(deck(Slide(text, "", "")), NOW)
        page = pypdfium2.PdfDocument(content)[1]
        return bytes(page.render(scale=2).to_pil().crop((80, 50, 160, 130)).tobytes())

    drawn = {text: picture(text) for text in ("中", "断", "灣", "Ж", "Ω", NO_GLYPH, "")}
    assert len(set(drawn.values())) == len(drawn)
    assert picture("\U0001f600") == drawn[NO_GLYPH], "what no font has is told"


def test_latin_behind_chinese_keeps_its_letters() -> None:
    """A line that begins in the second font leaves the first one to the next line."""

    def second_row(first: str) -> bytes:
        rows = Table([Column("Head")], [SlideRow([first]), SlideRow(["Latin letters"])])
        content = deck_as_pdf(deck(Slide("Title", "", "", None, rows)), NOW)
        picture = pypdfium2.PdfDocument(content)[1].render(scale=2).to_pil()
        top = layout.CONTENT.y + 2 * layout.ROW
        return bytes(picture.crop((80, int(2 * top) + 3, 600, int(2 * top) + 36)).tobytes())

    assert second_row("网络") == second_row("Others")


def test_cutting_and_breaking() -> None:
    assert cut_to("short", 100, 10) == "short"
    assert cut_to("two\nlines\tand blanks", 1000, 10) == "two lines and blanks"
    cut = cut_to("W" * 50, 100, 10)
    assert cut.endswith("…")
    assert width_of(cut, 10) <= 100 < width_of(cut.replace("…", "WW"), 10)
    assert list(wrapped("one two", 20, 10)) == ["one", "two"]
    assert list(wrapped("a\n\nb", 100, 10)) == ["a", "", "b"]
    assert "".join(wrapped("x" * 300, 100, 10)) == "x" * 300
    assert lines_of("one two three", 25, 10, 2)[1].endswith("…")
    assert drawable("a\U0001f600b") == f"a{NO_GLYPH}b"


@pytest.mark.parametrize(
    ("values", "top", "step"),
    [
        ([], 1, 1),
        ([0, None], 1, 1),
        ([4], 4, 1),
        ([7, 10], 10, 2),
        ([11], 15, 5),
        ([111], 150, 50),
        ([999], 1000, 200),
    ],
)
def test_a_scale_ends_on_a_round_number(values: list[int | None], top: int, step: int) -> None:
    assert layout.top_of(values) == top
    assert layout.step_of(top) == step
