"""The table "Events matching per T1": detected and documented events by site and quarter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from app.core.figures.frames import NOBODY
from app.core.rules.language import _

COUNTS: Final = ("quarter", "t1", "other_t1", "documented", "events")
"""Columns of the counted rows: position of the quarter, both T1 ends (``NOBODY`` = none),
documented or not (0, 1), and the number of such events."""


@dataclass(frozen=True)
class Cell:
    """Counted events, and how many of them a ticket documents."""

    detected: int
    documented: int

    @property
    def missing(self) -> int:
        """Events without a ticket."""
        return self.detected - self.documented

    @property
    def finding(self) -> str:
        """What the two numbers show, in words."""
        if not self.detected:
            return _("no events")
        of = _(
            "%(documented)s of %(detected)s events with a ticket",
            documented=format(self.documented, ","),
            detected=format(self.detected, ","),
        )
        if not self.missing:
            return of
        return _("%(finding)s, %(missing)s without", finding=of, missing=format(self.missing, ","))


@dataclass(frozen=True)
class PerT1:
    """Cells by (row, position of the quarter): a row is a site's id, or ``NOBODY`` for events
    without a T1 end. There is no cell if nothing was counted. ``totals`` has one for each
    quarter."""

    cells: dict[tuple[int, int], Cell]
    totals: Sequence[Cell]


def per_t1(rows: Sequence[Sequence[int]], quarters: int) -> PerT1:
    """Count events; ``rows`` have the columns ``COUNTS``.

    An event between two T1s counts for both of them, and once in the total.
    """
    counts = pd.DataFrame([*rows] or np.zeros((0, len(COUNTS)), np.int64), columns=[*COUNTS])
    second = counts[counts["other_t1"] != NOBODY].assign(t1=lambda one: one["other_t1"])
    by_row = pd.concat([counts, second])
    cells = {
        (int(row), int(quarter)): Cell(int(detected), int(documented))
        for (row, quarter), (detected, documented) in _summed(by_row, ["t1", "quarter"])
    }
    totals = [Cell(0, 0)] * quarters
    for (quarter,), (detected, documented) in _summed(counts, ["quarter"]):
        totals[int(quarter)] = Cell(int(detected), int(documented))
    return PerT1(cells, totals)


def _summed(counts: pd.DataFrame, by: list[str]) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
    both = counts.assign(found=counts["events"] * counts["documented"])
    sums = both.groupby(by)[["events", "found"]].sum()
    keys = [key if isinstance(key, tuple) else (key,) for key in sums.index]
    return [*zip(keys, sums.itertuples(index=False, name=None), strict=True)]
