"""CSV: the bytes of ``csv.writer``, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from app.core.figures.tables import FigureTable, as_csv
from app.core.rules.documents.cells import plain_cell, safe_cell
from app.core.rules.documents.spreadsheets import csv_lines, rows_of

CELLS = st.text(st.sampled_from("a=+-@\t\r\n'\",; ß"), max_size=4)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=3)


@given(ROWS)
def test_the_bytes_are_those_of_the_standard_library(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([safe_cell(cell) for cell in row] for row in rows)
    assert csv_lines(rows) == file.getvalue()


@given(ROWS)
def test_rows_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    head = ["a", "b", "c"]
    read = [row for _, row in rows_of(io.StringIO(csv_lines([head, *rows]), newline=""))]
    assert [[plain_cell(cell) for cell in row] for row in read] == [
        head,
        *(row for row in rows if any(safe_cell(cell).strip() for cell in row)),
    ]


def test_only_named_cells_are_made_safe() -> None:
    assert csv_lines([["-1", "-a,b"], ["2", ""]], [1]) == '-1,"\'-a,b"\r\n2,\r\n'
    assert csv_lines([]) == ""


def test_numbers_of_figures_stay_numbers_and_texts_run_nowhere() -> None:
    table = FigureTable("links", ["link", "=1+1"], [["=1+1", -1.5], ["-", None]])
    assert as_csv(table) == "link,'=1+1\r\n'=1+1,-1.5\r\n'-,\r\n"
