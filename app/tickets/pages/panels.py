"""What other rooms show on the page of a ticket (``tickets/_ticket.html``)."""

from __future__ import annotations

from typing import Final

from app.core.rules.access import Actor
from app.core.web.panels import Panels
from app.tickets.models.tickets import Ticket

TICKET_PANELS: Final[Panels[[Actor, Ticket]]] = Panels()
