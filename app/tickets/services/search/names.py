"""Tickets are found by the names of their sites and links; when these change, the words follow.

A site may have many thousands of tickets, so their words are written by the worker, some hundred at
a time, after the change was committed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.services.concern.concern_rows import write_again
from app.tickets.services.concern.concerned_sites import concerns_sites
from app.tickets.services.search.index import AT_ONCE, index_tickets


def follow_names_of(session: Session, kind: str, record_id: int, after: int) -> int | None:
    """Write the words of the record's next tickets behind number ``after``; the last one's number,
    or None at the end."""
    numbers = _next_tickets(session, kind, record_id, after)
    if not numbers:
        return None
    index_tickets(session, numbers)
    if kind == "link":  # of tickets that were written while its ends changed
        write_again(session, lambda number: number.in_(numbers))
    return numbers[-1]


def _next_tickets(session: Session, kind: str, record_id: int, after: int) -> Sequence[int]:
    concerned = (
        Ticket.number.in_(select(TicketLink.ticket_number).where(TicketLink.link_id == record_id))
        if kind == "link"
        else concerns_sites((record_id,))
    )
    return session.scalars(
        select(Ticket.number)
        .where(Ticket.number > after, concerned)
        .order_by(Ticket.number)
        .limit(AT_ONCE)
    ).all()
