"""The comparison of rules, and due tickets, as slides: for a pack, and for the pages' files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.core.rules.documents.slides import Cell, Chart, Column, Series, Slide, SlideRow, Table
from app.duties.services.duties import DutyCounts, JudgedRule

RULES_AT_ONCE: Final = 2
"""Rules on one slide: as many as fit into its chart."""
_TOTAL: Final = "TOTAL"


def comparison_slide(
    rules: Sequence[JudgedRule],
    sites: Sequence[tuple[str, Sequence[DutyCounts | None]]],
    whole: Sequence[DutyCounts | None],
    title: str,
    when: str,
    source: str,
    said: Sequence[str],
) -> Slide:
    """``sites`` and ``whole`` have a cell for each rule, None without data; ``when``: the quarters
    in words; ``said``: remarks."""
    words = [
        f"{rule.label} is {'in force' if rule.in_force_now else 'not in force'} today"
        + ("." if one is None else f": {one.asked:,} required, {one.there:,} exist.")
        for rule, one in zip(rules, whole, strict=True)
    ]
    return Slide(
        title,
        f"{when}: tickets that each rule would have required. Table: existing of required",
        source,
        Chart(
            [name for name, _ in sites],
            [
                Series(
                    f"{rule.label} {word}",
                    [None if mine[at] is None else getattr(mine[at], name) for _, mine in sites],
                )
                for at, rule in enumerate(rules)
                for word, name in (("required", "asked"), ("existing", "there"))
            ],
        ),
        Table(
            [Column("Site", 1.6), *(Column(rule.label, 1, is_number=True) for rule in rules)],
            [
                *(SlideRow([name, *_existing_of_required(mine)]) for name, mine in sites),
                SlideRow([_TOTAL, *_existing_of_required(whole)], is_total=True),
            ],
        ),
        [*words, *said],
    )


def _existing_of_required(cells: Sequence[DutyCounts | None]) -> list[Cell]:
    return [None if one is None else f"{one.there:,} of {one.asked:,}" for one in cells]
