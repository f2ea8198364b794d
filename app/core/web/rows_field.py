"""A form field of many rows, each of some columns, that can grow and shrink without a script.

Each column is an input of its own, named ``field-column``, repeated for each row. A button "add",
"remove" or "move up" sends the form; nothing is stored then. An empty row is no
row. The rows replace those that are stored, so a form without the field is refused, and not taken
for one that removes them all: a page always sends at least one row, which may be empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from wtforms import Field
from wtforms.validators import StopValidation

from app.core.rules.language import _

ADD, REMOVE, UP = "add", "remove", "up"
MAX_ROWS = 500
"""Rows that are shown again; a record takes fewer."""


@dataclass(frozen=True)
class Column:
    """One input of each row. With ``choices`` it is a select, whose first is preset."""

    name: str
    label: str
    choices: tuple[str, ...] = ()
    placeholder: str = ""
    optional: bool = False


class RowsField(Field):
    """Rows of texts as they were typed; ``data`` is a list of texts by column."""

    data: list[dict[str, str]]

    def __init__(
        self,
        label: str,
        columns: Sequence[Column],
        *,
        row: str,
        description: str = "",
        ordered: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(label, description=description, **more)
        self.columns = columns
        self.row = row
        """What one row is called."""
        self.ordered = ordered
        """Whether the order of the rows says something, so that each can be moved up."""

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        """Take the rows that were sent, else those of the record."""
        self.process_errors = []
        self.errors: Sequence[Any] = []
        self.object_data = data
        self._is_missing = formdata is not None and not all(
            self._part(column) in formdata for column in self.columns
        )
        given = [dict(row) for row in data] if isinstance(data, list) else []
        if formdata is not None and any(self._part(column) in formdata for column in self.columns):
            sent = (formdata.getlist(self._part(column)) for column in self.columns)
            given = [
                dict(zip((column.name for column in self.columns), row, strict=True))
                for row in zip_longest(*sent, fillvalue="")
            ]
        self.data = given[:MAX_ROWS]

    def pre_validate(self, _form: Any) -> None:
        """Refuse a form that was sent without one of the columns."""
        if self._is_missing:
            raise StopValidation(
                _("%(text)s is missing in the form; reload the page", text=self.label.text)
            )

    def _part(self, column: Column) -> str:
        return f"{self.name}-{column.name}"

    def is_empty(self, row: Mapping[str, str]) -> bool:
        """Whether nothing was typed into a row."""
        return not any(row[column.name].strip() for column in self.columns if not column.choices)

    def rows(self) -> list[dict[str, str]]:
        """The rows that are not empty, without blanks around their values."""
        return [
            {name: text.strip() for name, text in row.items()}
            for row in self.data
            if not self.is_empty(row)
        ]

    def shown(self) -> list[dict[str, str]]:
        """The rows to show: at least one, which may be empty."""
        return self.data or [self._blank()]

    def press(self, action: str) -> bool:
        """Carry out a button of this field (``add-names``, ``remove-names-2``, ``up-names-2``);
        whether it was."""
        verb, _, rest = action.partition("-")
        name, _, place = rest.partition("-")
        if name != self.name:
            return False
        if verb == ADD:
            self.data.append(self._blank())
            return True
        if verb in (REMOVE, UP) and place.isascii() and place.isdigit() and len(place) < 4:
            at = int(place)
            if at < len(self.data):
                row = self.data.pop(at)
                if verb == UP:
                    self.data.insert(max(at - 1, 0), row)
            return True
        return False

    def _blank(self) -> dict[str, str]:
        return {column.name: column.choices[0] if column.choices else "" for column in self.columns}


def pressed(form: Any, action: str) -> bool:
    """Whether a button of one of the form's rows was pressed; it is carried out."""
    return any(field.press(action) for field in form if isinstance(field, RowsField))
