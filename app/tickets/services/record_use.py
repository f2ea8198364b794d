"""The open tickets that name a site or link: while there are some, it cannot end."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Exists, exists, or_, select
from sqlalchemy.orm import Session

from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.tickets import OPEN_STATES


def open_tickets_on(session: Session, row: Site | Link, limit: int) -> Sequence[str]:
    """The numbers of the first open tickets that name a link, or a site or a link that ends there.

    Naming a site is to affect it or to have it as the responsible one.
    """
    if isinstance(row, Site):
        ends = select(Link.id).where(or_(Link.end_a_id == row.id, Link.end_b_id == row.id))
        named: ColumnElement[bool] = or_(
            Ticket.responsible_site_id == row.id,
            _has(TicketSite, TicketSite.site_id == row.id),
            _has(TicketLink, TicketLink.link_id.in_(ends)),
        )
    else:
        named = _has(TicketLink, TicketLink.link_id == row.id)
    numbers = session.scalars(
        select(Ticket.number)
        .where(Ticket.state.in_(OPEN_STATES), named)
        .order_by(Ticket.number)
        .limit(limit)
    )
    return [str(number) for number in numbers]


def _has(part: type[TicketSite] | type[TicketLink], which: ColumnElement[bool]) -> Exists:
    return exists().where(part.ticket_number == Ticket.number, which)
