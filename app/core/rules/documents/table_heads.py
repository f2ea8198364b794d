"""The first line of a table, which names its columns, and the rows below it.

The reader of a kind of file says which columns it has. It must not know what they mean.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.core.rules.documents.cells import plain_cell
from app.core.rules.file_problems import BadFile, Problem
from app.core.rules.language import _


def columns_of(
    line: int, row: Sequence[str], known: Sequence[str], needed: Collection[str]
) -> tuple[str, ...]:
    """The columns in the order of the file, whatever their case; ``(UTC)`` behind one is left out.

    Raises ``BadFile`` with all that is wrong: unknown ones, those that are there twice, and
    ``needed`` ones that are missing; or that this line names no columns at all.
    """
    names = [plain_cell(cell.strip()).strip().casefold().removesuffix(" (utc)") for cell in row]
    while names and not names[-1]:
        names.pop()  # spreadsheets keep columns that were emptied
    place = _("line %(line)s", line=line)
    allowed = _("the columns are %(listed)s", listed=", ".join(known))
    if not set(names) & set(known):
        # each cell of a file without its first line would be told as a column that is unknown
        first = next((cell.strip() for cell in row if cell.strip()), "")
        raise BadFile(
            [
                Problem(
                    place,
                    "",
                    first,
                    _("the first line names the columns; %(allowed)s", allowed=allowed),
                )
            ]
        )
    problems = [
        Problem(place, "", name or "(empty)", allowed)
        for name in dict.fromkeys(names)
        if name not in known
    ]
    problems += [
        Problem(place, name, "", _("this column occurs twice"))
        for name in known
        if names.count(name) > 1
    ]
    problems += [
        Problem(place, name, "", _("this column is required"))
        for name in needed
        if name not in names
    ]
    if problems:
        raise BadFile(problems)
    return tuple(names)


def cells_below(columns: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """The cells of a row by their columns, as they were before they were made safe.

    Empty cells behind the last column are left out. Raises ``ValueError`` with the reason where
    there are more or fewer cells than columns.
    """
    cells = list(row)
    while len(cells) > len(columns) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(columns):
        why = _(
            "it has %(count)s cells, but the first line has %(count2)s",
            count=len(cells),
            count2=len(columns),
        )
        if len(cells) > len(columns):
            why += _("; a cell that contains the separator needs quotes")
        raise ValueError(why)
    return dict(zip(columns, map(plain_cell, cells), strict=True))
