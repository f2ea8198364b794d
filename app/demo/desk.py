"""The demo's desk: saved filters, reminders, and people who were here two days ago."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Actor, Door, Writer
from app.demo.stories import OPERATOR, REPORTER, REPORTERS_SITE
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import State
from app.tickets.services.lists.saved_filters import save_filter
from app.tickets.services.personal_reminders import set_reminder

_FILTERS = (
    (OPERATOR, "Upcoming maintenance and changes", "category=maintenance&category=change", True),
    (OPERATOR, "Waiting, oldest first", "state=waiting+for+reply&sort=changed", True),
    (OPERATOR, "Circuits that are out", "category=incident&layer=L1%2FL2&sort=-priority", False),
    (REPORTER, "All of my site", f"state=open&state=closed&site={REPORTERS_SITE}", False),
)
"""Whose, name, query of the list's address, and whether everybody may use it."""
_REMINDERS = (
    (State.WAITING, timedelta(hours=-2), "Call them if there is no answer by now"),
    (State.ON_HOLD, timedelta(days=1), "Ask the provider for the new date"),
)
"""The state of the operator's ticket, when it is due, and the note."""
_AWAY = timedelta(days=2)


def seed_desk(session: Session, actors: Mapping[str, Actor], now: datetime) -> None:
    """Save filters and reminders; what happened in the last two days will be marked at the first
    visit."""
    for who, name, query, shared in _FILTERS:
        by = Writer(actor=actors[who], door=Door.PORTAL, now=now - _AWAY)
        save_filter(session, by, name, query, shared=shared)
    by = Writer(actor=actors[OPERATOR], door=Door.PORTAL, now=now - _AWAY)
    minute = now.replace(second=0, microsecond=0)
    for state, ahead, note in _REMINDERS:
        first = select(Ticket.number).where(Ticket.state == state).order_by(Ticket.number).limit(1)
        set_reminder(session, by, session.scalars(first).one(), minute + ahead, note)
    reminded = update(TicketReminder).where(TicketReminder.due_at <= now)
    session.execute(reminded.values(reminded_at=TicketReminder.due_at))
    session.execute(update(User).values(visited_at=now - _AWAY))
