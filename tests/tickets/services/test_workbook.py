"""The workbook of tickets, read back by another library than the one that made it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from openpyxl import load_workbook

from app.tickets.rules.files import COLUMNS
from app.tickets.services.files.workbook import MAX_CELL_LENGTH, workbook_pieces

TEXTS = {
    "formula": "=1+1",
    "markup": "a < b & c > d \"e\" 'f'",
    "looks escaped": "_x0041_ and _x000D_",
    "lines": "one\ntwo\r\nthree\tfour",
    "blanks": "  in front and behind  ",
    "letters": "Störung 中断 \U0001f6a7 \u202eabc",
    "number": "007",
}


def row(**cells: str) -> list[str]:
    return [{"number": "1", **cells}.get(name, "") for name in COLUMNS]


def utc(cell: Any) -> datetime:
    """A time of a cell; cells know no zone."""
    assert isinstance(cell, datetime)
    return cell.replace(tzinfo=UTC)


def read(parts: Sequence[Sequence[Sequence[str]]]) -> list[tuple[Any, ...]]:
    pieces = list(workbook_pieces(parts, sum(map(len, parts))))
    assert len(pieces) == len(parts) + 1  # given out while it is made
    content = b"".join(pieces)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    return [tuple(cell.value for cell in line) for line in sheet.iter_rows()]


def test_texts_are_texts_times_are_dates_and_the_number_is_a_number() -> None:
    one = row(
        number="1042",
        title=TEXTS["formula"],
        created="2013-03-06T10:05:09Z",
        window_start="1900-01-05T00:00:00Z",
        event_end="2012-02-29T23:59:59Z",
    )
    head, line, *more = read([[one]])
    assert not more
    names = [str(name).removesuffix(" (UTC)") for name in head]
    assert names == list(COLUMNS)
    cells = dict(zip(COLUMNS, line, strict=True))
    assert cells["number"] == 1042
    assert cells["title"] == "=1+1"
    assert utc(cells["created"]) == datetime(2013, 3, 6, 10, 5, 9, tzinfo=UTC)
    assert utc(cells["event_end"]) == datetime(2012, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert cells["window_start"] == "1900-01-05T00:00:00Z"  # before workbooks count rightly
    assert cells["solution"] is None


def test_no_cell_is_a_formula() -> None:
    content = b"".join(workbook_pieces([[row(title="=1+1", description="@SUM(A1)")]], 1))
    sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet


def test_every_text_comes_back() -> None:
    lines = read([[row(description=text)] for text in TEXTS.values()])[1:]
    place = COLUMNS.index("description")
    found = [line[place] for line in lines]
    # a reader of XML has one sign for the end of a line; what Excel escapes, openpyxl leaves
    wanted = [
        TEXTS["formula"],
        TEXTS["markup"],
        "_x005F_x0041_ and _x005F_x000D_",
        "one\ntwo_x000D_\nthree\tfour",
        *list(TEXTS.values())[4:],
    ]
    assert found == wanted


def test_a_text_longer_than_a_cell_says_so() -> None:
    (_head, line) = read(
        [[row(description="x" * (MAX_CELL_LENGTH + 1), solution="y" * MAX_CELL_LENGTH)]]
    )
    cells = dict(zip(COLUMNS, line, strict=True))
    assert len(cells["description"]) == MAX_CELL_LENGTH
    assert "the whole text is in the portal" in cells["description"]
    assert cells["solution"] == "y" * MAX_CELL_LENGTH


def test_a_workbook_without_tickets_has_its_head() -> None:
    assert len(read([])) == 1
