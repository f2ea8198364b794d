"""Rows of tickets as lines of CSV: what the standard writer writes, and safe."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from app.core.rules.documents.cells import plain_cell, safe_cell
from app.tickets.rules.file_reading import read_tickets
from app.tickets.rules.files import COLUMNS, csv_head, csv_lines

TEXTS = (
    "",
    "plain",
    "a,b",
    'say "no"',
    '"',
    "two\nlines",
    "a\rb",
    "=1+1",
    "-1",
    "+1",
    "@x",
    "\tx",
    "\rx",
    "\n",
    "'quoted",
    '=HYPERLINK("http://x","y")',
    " =1",
    "\u202eabc \u4e2d\u6587 \U0001f6a7",
    ";",
    "\u2028",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_line_is_what_the_standard_writer_writes(text: str) -> None:
    row = ["7" if name == "number" else text for name in COLUMNS]
    fixed = {"state", "network", "category", "layer", "priority", "impact"}
    for place, name in enumerate(COLUMNS):
        if name in fixed or name.endswith(("_start", "_end", "_detected")):
            row[place] = "less urgent"
        elif name in ("created", "changed", "solved"):
            row[place] = "2013-03-06T10:05:09Z"
    out = io.StringIO()
    csv.writer(out).writerow([safe_cell(cell) for cell in row])
    assert csv_lines([row]) == out.getvalue()
    (read,) = csv.reader(io.StringIO(csv_lines([row]), newline=""))
    assert [plain_cell(cell) for cell in read] == row


def test_the_head_names_the_columns() -> None:
    assert csv_head() == ",".join(COLUMNS) + "\r\n"
    assert csv_lines([]) == ""


def test_a_line_has_the_digest_of_every_release_before() -> None:
    """By it the same file is known again, also after a column was added."""
    text = "number,title,state,created,solution\n2,two,solved,2011-01-02,spliced\n"
    (read,) = read_tickets(text, datetime(2013, 1, 1, tzinfo=UTC))
    assert read.digest == "653a7d7f81f073d56b1cc76309cb7e364b8d2a37667d5c68bfa6b29db55bdaa5"
