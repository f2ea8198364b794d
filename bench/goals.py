"""The goals of pages and calls over HTTP: on PostgreSQL at design size, on a quiet machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench import desk
from bench.tables import print_table

Reached = tuple[str, float, float]
"""What a goal is about, the goal, and the figure of this checkout."""
P50: Final = {
    "list": 30.0,
    "ticket, another each time": 20.0,
    "home": 45.0,
    "map": 40.0,
    **{f"list, {name}": 45.0 for name in desk.FILTERS},
    **{f"list, {name}": 35.0 for name in desk.WORDS},
    "REST get": 6.0,
    "statistics after a ticket": 150.0,
    "statistics by site after a ticket": 200.0,
}
"""Goals of rows on PostgreSQL with one client: milliseconds."""
BY_THE_FLOOR: Final = {"list": 4.0, "ticket, another each time": 3.0, "home": 6.0}
GROWTH: Final = 0.15
"""Goal of each page's exponent."""
BY_TICKET_GET: Final = 1.5
"""How many times the p50 of TicketGet those of REST get and GetTicket may be."""
FOLLOW_UP: Final = 50.0
"""Milliseconds of the worker's processor for what follows a new ticket."""
RATES: Final = {"OpCreate": 200.0, "REST create": 150.0}
"""New tickets a second from all clients, at least."""
TOGETHER: Final = 100.0
"""Milliseconds of pages at p95 while partners call."""


def print_table_of(reached: Sequence[Reached]) -> None:
    """Each goal with what this checkout reached; what misses its goal is bold."""
    rows = []
    for what, goal, figure in reached:
        is_met = figure >= goal if what.endswith("at least") else figure <= goal
        shown = f"{figure:,.2f}" if goal < 10 else f"{figure:,.0f}"
        rows.append((what, f"{goal:g}", shown if is_met else f"**{shown}**"))
    print_table("Goals on PostgreSQL, and this checkout", ("", "goal", "this"), rows)
