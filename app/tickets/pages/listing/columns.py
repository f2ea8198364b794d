"""The columns of the list of tickets: which there are, how wide, which a person sees.

The address says which (``columns``, repeated, in their order); else the person's own choice holds,
else the portal's. The title always is one of them: it leads to the ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.core.rules.language import _
from app.tickets.rules.fields import ValueKind, Where, fields_at


@dataclass(frozen=True)
class ListColumn:
    """``sort``: by what the list can be sorted, or None; ``width`` in pixels as in the style
    sheet; ``field``: what of the ticket it shows as it is, or ""."""

    key: str
    word: str
    sort: str | None = None
    down_first: bool = False
    number: bool = False
    width: int = 128
    usual: bool = False
    field: str = ""


def _declared(*, times: bool) -> Iterator[ListColumn]:
    for field in fields_at(Where.LIST, "category"):
        if (field.kind is ValueKind.TIME) is times:
            key, word = field.key or field.name, field.head or field.label
            yield ListColumn(key, word, number=times, width=field.width, field=field.name)


COLUMNS = {
    column.key: column
    for column in (
        ListColumn("state", _("State"), "state", width=138, usual=True),
        ListColumn(
            "number", _("Number"), "number", down_first=True, number=True, width=68, usual=True
        ),
        ListColumn("title", _("Title"), "title", width=280, usual=True),
        ListColumn("links", _("Links and sites"), width=220, usual=True),
        ListColumn("responsible", _("Responsible"), usual=True),
        ListColumn("priority", _("Priority"), "priority", down_first=True, width=132, usual=True),
        ListColumn("age", _("Age"), "created", down_first=True, number=True, width=88, usual=True),
        ListColumn("changed", _("Changed"), "changed", down_first=True, number=True, usual=True),
        *_declared(times=False),
        ListColumn("author", _("Changed by"), width=140, field="last_author"),
        ListColumn("created", _("Created"), number=True, width=148, field="created_at"),
        *_declared(times=True),
        ListColumn("ended", _("Solved"), number=True, width=148, field="ended_at"),
        ListColumn("references", _("References"), width=180),
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
