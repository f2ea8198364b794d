"""The columns of the list of tickets: which there are, how wide, which a person sees.

The address says which (``columns``, repeated, in their order); else the person's own choice holds,
else the portal's. The title always is one of them: it leads to the ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ListColumn:
    """``sort``: by what the list can be sorted, or None; ``width`` in pixels as in the style
    sheet."""

    key: str
    word: str
    sort: str | None = None
    down_first: bool = False
    number: bool = False
    width: int = 128
    usual: bool = False


COLUMNS = {
    column.key: column
    for column in (
        ListColumn("state", "State", "state", width=138, usual=True),
        ListColumn(
            "number", "Number", "number", down_first=True, number=True, width=68, usual=True
        ),
        ListColumn("title", "Title", "title", width=280, usual=True),
        ListColumn("links", "Links and sites", width=220, usual=True),
        ListColumn("responsible", "Responsible", usual=True),
        ListColumn("priority", "Priority", "priority", down_first=True, width=132, usual=True),
        ListColumn("age", "Age", "created", down_first=True, number=True, width=88, usual=True),
        ListColumn("changed", "Changed", "changed", down_first=True, number=True, usual=True),
        ListColumn("category", "Category", width=116),
        ListColumn("network", "Network", width=92),
        ListColumn("layer", "Layer", width=104),
        ListColumn("impact", "Impact", width=168),
        ListColumn("unit", "Unit", width=140),
        ListColumn("person", "In charge", width=140),
        ListColumn("submitter", "Submitter", width=140),
        ListColumn("author", "Changed by", width=140),
        ListColumn("created", "Created", number=True, width=148),
        ListColumn("event_start", "Event start", number=True, width=148),
        ListColumn("event_end", "Event end", number=True, width=148),
        ListColumn("window_start", "Window start", number=True, width=148),
        ListColumn("window_end", "Window end", number=True, width=148),
        ListColumn("ended", "Solved", number=True, width=148),
        ListColumn("references", "References", width=180),
    )
}
"""Every column, in the order in which they are offered."""
USUAL = tuple(key for key, column in COLUMNS.items() if column.usual)
_STEP = 200


def shown_columns(asked: Sequence[str], remembered: str) -> tuple[str, ...]:
    """The keys of the columns to show: of the address, else remembered, else the usual ones."""
    return _usable(asked) or _usable(remembered.split()) or USUAL


def _usable(keys: Iterable[str]) -> tuple[str, ...]:
    known = tuple(dict.fromkeys(key for key in keys if key in COLUMNS))
    if known and "title" not in known:
        at = next(
            (at for at, key in enumerate(known) if key not in ("state", "number")), len(known)
        )
        known = (*known[:at], "title", *known[at:])
    return known


def width_class(keys: Sequence[str]) -> str:
    """The class of a table wide enough for these columns; "" where the page is."""
    width = sum(COLUMNS[key].width for key in keys)
    if width <= sum(COLUMNS[key].width for key in USUAL):
        return ""
    return f"at-least-{min(-(-width // _STEP) * _STEP, 3600)}"


def in_order(keys: Iterable[str], places: dict[str, str]) -> tuple[str, ...]:
    """The chosen keys by the place that was typed for each; what is no number stays where it is."""

    def place(pair: tuple[int, str]) -> tuple[int, int]:
        index, key = pair
        text = places.get(key, "").strip()
        typed = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else index + 1
        return typed, index

    return tuple(key for _index, key in sorted(enumerate(keys), key=place))
