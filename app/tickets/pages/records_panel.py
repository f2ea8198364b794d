"""What the pages of a site and of a link show of its tickets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.registry.models.registry import Link, Site
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import count_by_state, list_tickets

OPEN_SHOWN = 10
"""Open tickets that a record's page lists."""


@dataclass(frozen=True)
class TicketCounts:
    """How many tickets name a record, and the newest open ones."""

    open: int
    past: int
    newest: Sequence[Any]


def tickets_panel(actor: Actor, row: Site | Link, _day: date) -> dict[str, Any]:
    """The tickets that name a site or link, as the list of tickets finds them."""
    session = db.session()
    wanted = TicketFilter(
        states=("open",),
        sites=(row.key,) if isinstance(row, Site) else (),
        links=(row.name,) if isinstance(row, Link) else (),
    )
    counts = count_by_state(session, actor, wanted)
    opened = sum(counts.get(state, 0) for state in wanted.expanded_states())
    newest = list_tickets(session, actor, wanted, limit=OPEN_SHOWN).tickets if opened else ()
    return {"tickets": TicketCounts(opened, sum(counts.values()) - opened, newest)}
