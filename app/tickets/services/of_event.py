"""What a new ticket of an event begins with; the rooms of events fill it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.tickets.models.tickets import Ticket


@dataclass(frozen=True)
class TicketOfEvent:
    """What a new ticket of an event begins with."""

    event_id: int
    title: str
    description: str
    links: Sequence[str]
    sites: Sequence[str]
    network: str
    layer: str
    start: datetime
    end: datetime | None
    tickets: Sequence[Ticket]
    """Those that document it as the figures stand, by number: another one is hardly needed."""
