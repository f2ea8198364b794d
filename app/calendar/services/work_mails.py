"""What the mails about a ticket carry of its planned work: conflicts, and a maintenance notice."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.calendar.adapters.planned_work import Publisher, notice_of
from app.calendar.services.calendar import CATEGORIES, window_of
from app.tickets.models.tickets import Ticket


def notice_of_ticket(session: Session, ticket: Ticket, public_url: str, address: str) -> str:
    """The ticket's window as a MAINTNOTE calendar, as it is now; "" where it plans no work.

    ``address`` is the one from which the portal's mails come.
    """
    if ticket.category not in CATEGORIES or ticket.window_end is None:
        return ""
    window = window_of(session, ticket.number)
    return notice_of(window, Publisher(public_url, address)) if window is not None else ""
