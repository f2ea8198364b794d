"""The downtimes of sites on the page of a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.times import now
from app.evidence.services.downtimes import downtimes_beside
from app.matching.rules.matching import TicketTimes, ticket_interval
from app.tickets.models.tickets import Ticket


def downtimes_panel(_actor: Actor, ticket: Ticket) -> Mapping[str, Any]:
    """All people may read all downtimes, which are public."""
    sites = {item.site.id for item in ticket.affected_sites if item.site is not None}
    for item in ticket.affected_links:
        sites |= {item.link.end_a_id, item.link.end_b_id}
    start, end = ticket_interval(
        TicketTimes(
            *(ticket.state, ticket.created_at, ticket.event_start, ticket.event_end),
            *(ticket.window_start, ticket.window_end, ticket.ended_at),
        )
    )
    return {"downtimes": downtimes_beside(db.session(), sites, start, end or max(start, now()))}
