"""The detected events on the page of a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.matching.services.ticket_events import events_of_ticket
from app.tickets.models.tickets import Ticket


def events_panel(_actor: Actor, ticket: Ticket) -> Mapping[str, Any]:
    """All people may read all events."""
    return {"detected_events": events_of_ticket(db.session(), ticket.number)}
