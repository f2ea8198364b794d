"""The open tickets that concern a site or name a link: while there are some, it cannot end."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import OPEN_STATES
from app.tickets.services.concern.concerned_sites import concerns_sites


def open_tickets_on(session: Session, row: Site | Link, limit: int) -> tuple[str, Sequence[str]]:
    """The words for open tickets that name a link or concern a site, and the first numbers."""
    named = (
        concerns_sites((row.id,))
        if isinstance(row, Site)
        else exists().where(TicketLink.ticket_number == Ticket.number, TicketLink.link_id == row.id)
    )
    numbers = session.scalars(
        select(Ticket.number)
        .where(Ticket.state.in_(OPEN_STATES), named)
        .order_by(Ticket.number)
        .limit(limit)
    )
    return "open tickets", [str(number) for number in numbers]
