"""What tickets store of a person who is forgotten in other columns than those of names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.rules.former import Former
from app.accounts.services.forgetting import hide_logged
from app.core.rules.access import Writer
from app.core.services.changes import TICKET
from app.tickets.models.desk import SavedFilter
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tokenizer import words_of
from app.tickets.services.search.index import AT_ONCE, index_tickets

_ONLY_ROWS: Final[Any] = {"execution_options": {"synchronize_session": False}}
_PHONES: Final = ("submitter_phone", "repeated_phone")
"""Fields of the change log with a phone number of the submitter."""


def forget_in_tickets(session: Session, _by: Writer, former: Former) -> Mapping[str, int]:
    """Delete filters that only the person used, and the phone numbers that they gave; write the
    words again by which tickets are found."""
    is_unused = or_(SavedFilter.shared.is_(False), SavedFilter.deleted_at.is_not(None))
    own = (SavedFilter.owner_id == former.user_id, is_unused)
    filters = session.scalars(
        delete(SavedFilter).where(*own).returning(SavedFilter.id), **_ONLY_ROWS
    ).all()
    created = Ticket.created_by_user_id == former.user_id
    session.execute(update(Ticket).where(created).values(submitter_phone=""), **_ONLY_ROWS)
    hide_logged(session, TICKET, select(Ticket.number).where(created), _PHONES)
    session.flush()
    session.expire_all()
    found = [
        and_(*(part.contains(f" {word} ") for word in words_of(text)))
        for text in (former.name, *former.addresses)
        for part in (TicketWords.public, TicketWords.internal)
    ]
    numbers = session.scalars(
        select(TicketWords.ticket_number).where(or_(*found)).order_by(TicketWords.ticket_number)
    ).all()
    for first in range(0, len(numbers), AT_ONCE):
        index_tickets(session, numbers[first : first + AT_ONCE])
    return {"saved filters": len(filters)}
