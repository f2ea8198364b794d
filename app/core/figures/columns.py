"""Rows of several columns, each of which lies in one piece: figures read few columns, and whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class Columns:
    """Rows that are ordered by their column ``number``; they are never written to."""

    __slots__ = ("_columns", "_type")

    def __init__(self, kind: np.dtype[Any], columns: Mapping[str, Array]) -> None:
        self._type, self._columns = kind, columns

    @classmethod
    def of(cls, rows: Array) -> Columns:
        """From rows that lie one behind the other."""
        kind = rows.dtype
        return cls(kind, {name: np.ascontiguousarray(rows[name]) for name in kind.names or ()})

    def __len__(self) -> int:
        return len(self._columns["number"])

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def at(self, places: Array | slice) -> Columns:
        """The rows at these places, or those of a mask."""
        return Columns(self._type, {name: one[places] for name, one in self._columns.items()})

    def rows(self) -> Array:
        """The rows one behind the other, as they are kept in bytes."""
        found = np.empty(len(self), self._type)
        for name, column in self._columns.items():
            found[name] = column
        return found

    def replaced(self, numbers: Array, newer: Columns) -> Columns:
        """All rows of these numbers (ascending) gone, and the newer ones in their order.

        What lies before the first and behind the last of these numbers is copied as it is: after a
        change that is nearly all.
        """
        known = self["number"]
        first, last = known.dtype.type(numbers[0]), known.dtype.type(numbers[-1])
        begin = np.searchsorted(known, first, "left")
        end = np.searchsorted(known, last, "right")
        stays = np.flatnonzero(~np.isin(known[begin:end], numbers)) + begin
        order = np.argsort(np.concatenate([known[stays], newer["number"]]), kind="stable")
        return Columns(
            self._type,
            {
                name: np.concatenate(
                    [one[:begin], np.concatenate([one[stays], newer[name]])[order], one[end:]]
                )
                for name, one in self._columns.items()
            },
        )


def joined(parts: Sequence[Columns]) -> Columns:
    """Several (at least one) as one; they are given in the order of their numbers."""
    first = parts[0]
    return Columns(
        first._type,
        {name: np.concatenate([part[name] for part in parts]) for name in first._columns},
    )
