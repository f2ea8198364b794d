"""The rows behind the numbers of tickets, as filters of the list of tickets; which values a figure
by one property counts, and in which order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.counted import SUBMITTED, Counted
from app.core.rules.quarters import CalendarPeriod
from app.registry.services.registry import all_sites
from app.statistics.services.figures import CountRow
from app.tickets.rules.tickets import Category, State

FILTERS: Final = (
    "network",
    "category",
    "layer",
    "state",
    "site",
    "affected",
    "responsible",
    "link",
)
"""Of figures of tickets; each is one of the list as well."""
_WITHOUT: Final = {
    "link": Counted.NO_LINK,
    "site": Counted.NO_SITE,
    "affected": Counted.NO_AFFECTED,
    "responsible": Counted.NO_RESPONSIBLE,
}


def rows_behind(
    filters: Mapping[str, Sequence[str]],
    periods: Sequence[CalendarPeriod],
    by: str = "",
    value: str | None = None,
    figures: Iterable[Counted] = (),
) -> Sequence[tuple[str, str]]:
    """What the list of tickets takes to show exactly those of these periods, of one value of what
    the figure is by. ``filters`` are those of the figure, by the names of ``FILTERS``."""
    pairs = {name: list(filters.get(name, ())) for name in FILTERS}
    counted = [str(word) for word in figures]
    if by and value is not None:
        if by in _WITHOUT and not value:
            counted.append(_WITHOUT[by])
        elif by == "priority":
            counted.append(f"{SUBMITTED}{value}")
        else:
            pairs[by] = [value]
            if by == "state" and value == State.CLOSED:
                counted.append(Counted.FINAL)
    if not pairs["state"]:
        pairs["state"] = ["open", "closed"]
    if not pairs["category"] or Category.TEST in pairs["category"]:
        counted.append(Counted.NO_TEST)
    if periods:
        pairs["from"] = [f"{periods[0].begin:%Y-%m-%d}"]
        pairs["to"] = [f"{periods[-1].end - timedelta(days=1):%Y-%m-%d}"]
    pairs["figure"] = counted
    return [(name, one) for name, many in pairs.items() for one in many]


def values_asked(session: Session, by: str, given: Sequence[str]) -> set[str] | None:
    """Where a figure is by links or sites and some were chosen (``given``): only these; None = all.
    The list of tickets cannot filter for those that affect one of them and another one."""
    if by not in ("link", "site", "affected") or not given:
        return None
    keys = {
        site.key
        for site in all_sites(session)
        if {site.key, *(name.name for name in site.names)} & {*given}
    }
    return {*given, *keys}


def in_order(rows: Sequence[CountRow], by: str) -> list[CountRow]:
    """Values of closed lists as they are there; links and sites by their number, none last."""
    if by in _WITHOUT:
        return sorted(rows, key=lambda row: (not row.value, -row.total, row.value))
    return list(rows)
