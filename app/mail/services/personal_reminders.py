"""The mails of personal reminders (``app.tickets.services.personal_reminders``).

The mail and the mark that the person was reminded are written in one transaction, and the message
has a key: each reminder is one mail, with any number of workers and wherever one is killed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.language import _, joined, said_word
from app.mail.services.messages import PRIVATE, MessageRecipient, queue_message
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.models.tickets import Ticket

AT_ONCE: Final = 50
"""Reminders in one transaction, so that other writers never wait long."""


def send_due_reminders(session: Session, now: datetime) -> int:
    """Queue the mails of some due reminders; return how many reminders were handled (0 = none
    left).

    People who want no mails or may not log in get none, not even later; home shows the reminder.
    """
    due = session.execute(
        select(TicketReminder, Ticket.title, Ticket.state, User.mail)
        .join(Ticket, Ticket.number == TicketReminder.ticket_number)
        .join(User, User.id == TicketReminder.user_id)
        .where(TicketReminder.reminded_at.is_(None), TicketReminder.due_at <= now)
        .order_by(TicketReminder.due_at)
        .limit(AT_ONCE)
        .with_for_update(of=TicketReminder, skip_locked=True)
    ).all()
    for reminder, title, state, address in due:
        number, at = reminder.ticket_number, reminder.due_at.astimezone(UTC)
        parts = [
            _(
                "You set a reminder for ticket %(number)s on %(day)s at %(time)s UTC.",
                number=number,
                day=f"{at:%Y-%m-%d}",
                time=f"{at:%H:%M}",
            ),
            _("Your note: %(note)s", note=reminder.note) if reminder.note else "",
            joined("\n", (title, _("State now: %(state)s", state=said_word(state)))),
        ]
        queue_message(
            session,
            key=f"{PRIVATE}reminder {number} {reminder.user_id} {at:%Y-%m-%dT%H:%M:%S}",
            recipients=[
                MessageRecipient(address, reminder.user_id, _("because you set this reminder"))
            ],
            subject=_("Reminder: ticket %(number)s, %(title)s", number=number, title=title),
            text=joined("\n\n", filter(None, parts)),
            url=f"/tickets/{number}",
            now=now,
        )
        reminder.reminded_at = now
    session.flush()
    return len(due)
