"""CSV: read as spreadsheets write it (encodings, separators, marks), written safe for them.

Letters are never guessed, for a wrong guess is stored for good. It must not know what a table
holds.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Final

from app.core.rules.documents.cells import FORMULA_STARTS
from app.core.rules.file_problems import BadFile, Problem
from app.core.rules.language import _
from app.core.rules.texts import PORTAL_TEXT_LIMIT

ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "windows-1252": "cp1252",
}
"""What a person may say that a file is written in, and how it is read."""
_SEPARATORS: Final = (",", ";", "\t")
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How packed files begin, and a workbook is one; and how older workbooks begin."""
_MARK: Final = "sep="
_BEGINNING: Final = 1000
"""Bytes by which the kind of a file is known."""
MAX_ROW_LENGTH: Final = 1_000_000
"""Characters of one row: a packed file of some kilobytes may hold a line of gigabytes."""

_FORMULA_STARTS: Final = frozenset(FORMULA_STARTS)

csv.field_size_limit(4 * PORTAL_TEXT_LIMIT)


def csv_lines(
    rows: Iterable[Sequence[str]], texts: Sequence[int] | None = None, *, are_safe: bool = False
) -> str:
    """Rows as lines of a CSV file (RFC 4180); no spreadsheet runs a cell as a formula.

    ``texts``: the indexes of the cells that may start like a formula or need quotes, by default
    all. ``are_safe``: each text went through ``safe_cell`` already; the other cells are numbers,
    and "-1.5" only looks like a formula.

    Written by hand: the same bytes as ``csv.writer`` in a third of its time, which was half of
    an export.
    """
    starts = frozenset() if are_safe else _FORMULA_STARTS
    lines = []
    for row in rows:
        cells = list(row)
        for place in range(len(cells)) if texts is None else texts:
            text = cells[place]
            if not text:
                continue
            if text[0] in starts:
                cells[place] = text = f"'{text}"
            if '"' in text:
                text = text.replace('"', '""')
                cells[place] = f'"{text}"'
            elif "," in text or "\n" in text or "\r" in text:
                cells[place] = f'"{text}"'
        lines.append(",".join(cells))
    lines.append("")
    return "\r\n".join(lines)


def decoded(content: bytes, encoding: str = "", *, has_choice: bool = True) -> str:
    """The text of a file: UTF-8 or UTF-16 unless ``encoding`` names another one.

    ``has_choice``: whether people can name it where they send the file. Raises ``BadFile`` with
    the line that cannot be read.
    """
    encoding = _encoding_of(content[:_BEGINNING], encoding)
    try:
        return content.decode(ENCODINGS[encoding])
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _undecodable(line, encoding, has_choice) from None


def _encoding_of(beginning: bytes, said: str) -> str:
    """How a file is written that begins so; ``BadFile`` for what is no text."""
    if beginning.startswith(_WORKBOOKS):
        raise BadFile(
            [Problem(_("the file"), "", "", _("this is a workbook; save it as “CSV UTF-8”"))]
        )
    if not said:
        utf16 = beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        said = "utf-16" if utf16 else "utf-8"
    if said != "utf-16" and beginning.count(b"\0") > len(beginning) // 4:
        wrong = _("this looks like UTF-16 without its mark; save the file as “CSV UTF-8”")
        raise BadFile([Problem(_("line 1"), "", "", wrong)])
    return said


def _undecodable(line: int, encoding: str, has_choice: bool) -> BadFile:
    if encoding == "utf-8" and has_choice:
        wrong = _(
            "this is not UTF-8. Save the file as “CSV UTF-8”,"
            " or choose windows-1252 (Western European) if the file has that encoding"
        )
    elif encoding == "utf-8":
        wrong = _("this is not UTF-8; save the file as UTF-8")
    else:
        wrong = _("this is not %(encoding)s", encoding=encoding)
    return BadFile([Problem(_("line %(line)s", line=line), "", "", wrong)])


def rows_of(text: IO[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table that are not empty, each with the number of its first line.

    What is between two cells is known by the first line. Raises ``BadFile`` where it is no CSV.
    """
    lines, line = _Lines(text), 1
    try:
        first = next(lines, "")
        skipped = 0
        separator = max(_SEPARATORS, key=first.count)
        if is_mark(first) and (mark := first.strip("\r\n ")[len(_MARK) :]) in _SEPARATORS:
            separator, first, skipped, line = mark, "", 1, 2
        rows = csv.reader(chain([first] if first else [], lines), delimiter=separator, strict=True)
        for row in rows:
            place, line = line, rows.line_num + skipped + 1
            lines.since = 0
            if any(cell.strip() for cell in row) and not (len(row) == 1 and is_mark(row[0])):
                yield place, row
    except csv.Error as error:
        wrong = _("this is not valid CSV: %(error)s", error=_csv_error(error))
        raise BadFile([Problem(_("line %(line)s", line=line), "", "", wrong)]) from None


class _Lines:
    """The lines of a text; more than ``MAX_ROW_LENGTH`` characters in one row are no CSV."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.since = 0
        """Characters read since a row was complete."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW_LENGTH + 1)
        if not line:
            raise StopIteration
        self.since += len(line)
        if self.since > MAX_ROW_LENGTH:
            raise csv.Error(
                _(
                    "this row is longer than %(max_row_length)s characters",
                    max_row_length=format(MAX_ROW_LENGTH, ","),
                )
            )
        return line


def _csv_error(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text or "field limit" in text:
        return _("a quote is opened here and never closed")
    return text


def is_mark(cell: str) -> bool:
    """Whether a spreadsheet wrote this to say what is between two cells."""
    return cell.strip().lower().startswith(_MARK)
