"""Availability of sites by month as a heat map: the figures of its page, each cell a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.quarters import CalendarPeriod, Month
from app.statistics.figures.availability import Availability
from app.statistics.services.availability import availability_of

MONTHS: Final = 12
BANDS: Final = (0.9995, 0.995, 0.98, 0.95)
"""A cell is in the first band whose availability it reaches, else in the last."""


@dataclass(frozen=True)
class HeatCell:
    """A site in a month: its availability, its band (None = no data), and its events."""

    availability: Availability
    band: int | None
    url: str


@dataclass(frozen=True)
class HeatMap:
    """The sites, all of their links together, over the last months of the selected period."""

    months: Sequence[Month]
    rows: Sequence[tuple[str, Sequence[HeatCell]]]


def heat_map(
    session: Session,
    last: CalendarPeriod,
    now: datetime,
    url: Callable[[Sequence[CalendarPeriod], dict[str, str]], str],
    *,
    network: str,
    site: str,
) -> HeatMap:
    """The twelve months that end with ``last``, or with this one where that is sooner.

    ``url`` gives the address of the events of a site in a month.
    """
    newest = min(Month.of(last.begin).after(last.MONTHS - 1), Month.of(now))
    months = [newest.after(at - MONTHS + 1) for at in range(MONTHS)]
    figures = availability_of(session, months, now, network=network, site=site)
    return HeatMap(
        months,
        [
            (
                row.name,
                [
                    HeatCell(cell, band_of(cell), url([month], {"site": row.name}))
                    for month, cell in zip(months, row.cells, strict=True)
                ],
            )
            for row in figures.sites
        ],
    )


def band_of(cell: Availability) -> int | None:
    """0 for the best; None where nothing is known."""
    share = cell.share
    if share is None:
        return None
    return next((at for at, least in enumerate(BANDS) if share >= least), len(BANDS))
