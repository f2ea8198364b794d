"""Rows of several columns, each of which lies in one piece: figures read few columns, and whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class Columns:
    """Rows that are ordered by their column ``number``; they are never written to."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Array]) -> None:
        self._columns = columns

    @classmethod
    def of(cls, rows: Array) -> Columns:
        """From rows that lie one behind the other."""
        names = rows.dtype.names or ()
        return cls({name: np.ascontiguousarray(rows[name]) for name in names})

    def __len__(self) -> int:
        return len(self._columns["number"])

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def at(self, places: Array | slice) -> Columns:
        """The rows at these places, or those of a mask."""
        return Columns({name: one[places] for name, one in self._columns.items()})

    def replaced(self, numbers: Array, newer: Columns) -> Columns:
        """All rows of these numbers gone, and the newer ones in their order."""
        stays = ~np.isin(self["number"], numbers)
        order = np.argsort(np.concatenate([self["number"][stays], newer["number"]]), kind="stable")
        return Columns(
            {
                name: np.concatenate([one[stays], newer[name]])[order]
                for name, one in self._columns.items()
            }
        )


def joined(parts: Sequence[Columns]) -> Columns:
    """Several (at least one) as one; they are given in the order of their numbers."""
    names = parts[0]._columns
    return Columns({name: np.concatenate([part[name] for part in parts]) for name in names})
