"""Cells of CSV files: safe in a spreadsheet on the way out, as they were on the way in."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""How a text begins that a spreadsheet may run, or that ``plain_cell`` would change."""


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet runs as a formula: such a text starts with ``'``."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def plain_cell(cell: str) -> str:
    """The text of a cell that ``safe_cell`` made; one ``'`` in front is taken off."""
    return cell.removeprefix("'")


def joined(items: list[str], separator: str = ";") -> str:
    r"""Several texts in one cell; a separator or ``\`` inside one of them has a ``\`` in front."""
    return separator.join(
        item.replace("\\", "\\\\").replace(separator, f"\\{separator}") for item in items
    )


def parted(cell: str, separator: str = ";") -> list[str]:
    """What ``joined`` put together, without blanks around each; an empty cell holds nothing.

    Raises ``ValueError`` where a ``\\`` has nothing behind it.
    """
    if not cell.strip():
        return []
    items, item, letters = [], "", iter(cell)
    for letter in letters:
        if letter == "\\":
            after = next(letters, None)
            if after is None:
                raise ValueError(cell)
            item += after
        elif letter == separator:
            items.append(item.strip())
            item = ""
        else:
            item += letter
    return [*items, item.strip()]
