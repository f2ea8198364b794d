"""What other rooms show on pages of one ticket and of several (``_ticket.html``, ``bulk/``)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from app.core.rules.access import Actor
from app.core.rules.hooks import Hook
from app.core.web.panels import Panels
from app.tickets.models.tickets import Ticket

TICKET_PANELS: Final[Panels[[Actor, Ticket]]] = Hook("TICKET_PANELS")
SOLVE_PANELS: Final[Panels[[Collection[int]]]] = Hook("SOLVE_PANELS")
"""What other rooms show before the tickets with these numbers are solved at once."""
