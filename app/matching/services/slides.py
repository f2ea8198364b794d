"""The table of detected and related events per T1 as a slide: for a pack, and for a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.core.rules.documents.slides import (
    Cell,
    Chart,
    Column,
    Series,
    Slide,
    SlideRow,
    Table,
    Tone,
)
from app.matching.figures.per_t1 import Cell as EventCell
from app.matching.rules.matching import RELATED_WORDS
from app.matching.services.tables import MatchingTable

QUARTERS_AT_ONCE: Final = 2
"""Quarters on one slide: as many as fit into its chart."""
_TOTAL: Final = "TOTAL"


def matching_slide(
    table: MatchingTable, detected: str, title: str, source: str, said: Sequence[str]
) -> Slide:
    """``detected``: what a detected event is, in words; ``said``: remarks on the quarters."""
    series = [
        Series(
            f"{quarter} {words}",
            [
                None if cell is None or not there else getattr(cell, word)
                for cell, there in ((row.cells[at], row.there[at]) for row in table.rows)
            ],
        )
        for at, quarter in enumerate(table.quarters)
        for word, words in (("detected", detected), ("documented", RELATED_WORDS))
    ]
    head = [Column("Site", 1.6)]
    head += [Column(str(quarter), 1, is_number=True) for quarter in table.quarters]
    rows = [SlideRow([row.site, *_shares(row.cells, row.there)]) for row in table.rows]
    rows.append(
        SlideRow([_TOTAL, *_shares(table.totals, [True] * len(table.quarters))], is_total=True)
    )
    words = [*said]
    if any(row.tier == 0 for row in table.rows):
        words.append(
            "T0 row: events on links without a T1 end. "
            "Events on links between two T1s count for both."
        )
    return Slide(
        title,
        f"{detected.capitalize()} and {RELATED_WORDS}. Table: related of detected",
        source,
        Chart([row.site for row in table.rows], series),
        Table(head, rows, {"not T1": Tone.QUIET}),
        words,
    )


def _shares(cells: Sequence[EventCell | None], there: Sequence[bool]) -> list[Cell]:
    found: list[Cell] = []
    for cell, was_there in zip(cells, there, strict=True):
        if not was_there:
            found.append("not T1")
        else:
            found.append(None if cell is None else f"{cell.documented:,} of {cell.detected:,}")
    return found
