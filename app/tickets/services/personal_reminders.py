"""What people want to be reminded of: set, moved, removed by themselves, and seen by nobody else.

``app.mail.services.personal_reminders`` sends what is due. No change of the ticket, so the change
log does not contain them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Row, Select, delete, select
from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.errors import Forbidden, Invalid
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import find_ticket

Reminder = Row[int, str, str, datetime, str]
"""A ticket's ``number``, ``title`` and ``state`` now, with ``due_at`` and ``note``."""
_SHOWN: Final[Select[int, str, str, datetime, str]] = (
    select(Ticket.number, Ticket.title, Ticket.state, TicketReminder.due_at, TicketReminder.note)
    .join(Ticket, Ticket.number == TicketReminder.ticket_number)
    .order_by(TicketReminder.due_at, Ticket.number)
)


def set_reminder(
    session: Session, by: Writer, number: int, due_at: datetime | None, note: str
) -> datetime:
    """Remind this person of a ticket at ``due_at`` (UTC), which returns then, and no longer at what
    it said before.

    Raises ``Invalid`` for a time that is missing or not to come, and for a note that is no line.
    """
    find_ticket(session, by.actor, number)
    person = _person(by.actor)
    if due_at is None:
        raise Invalid("due_at", _("When: enter a time"))
    if due_at <= by.now:
        raise Invalid(
            "due_at",
            _(
                "When: the time must be in the future; %(time)s UTC is past",
                time=f"{due_at:%Y-%m-%d %H:%M}",
            ),
        )
    checked_text("note", note, SHORT_TEXT_LIMIT, label=_("Note"))
    says = {"due_at": due_at, "note": " ".join(note.split()), "reminded_at": None}
    new = upsert(TicketReminder)
    session.execute(
        new.values(ticket_number=number, user_id=person, **says).on_conflict_do_update(
            index_elements=["ticket_number", "user_id"], set_=says
        )
    )
    return due_at


def remove_reminder(session: Session, by: Writer, number: int) -> None:
    """Remove a reminder, or mark it as done; a second call changes nothing."""
    find_ticket(session, by.actor, number)
    session.execute(
        delete(TicketReminder).where(
            TicketReminder.ticket_number == number, TicketReminder.user_id == _person(by.actor)
        )
    )


def reminders_of(session: Session, actor: Actor, limit: int = 100) -> Sequence[Reminder]:
    """What this person is reminded of, the first to come first."""
    return session.execute(
        _SHOWN.where(TicketReminder.user_id == actor.account_id).limit(limit)
    ).all()


def due_reminders(session: Session, actor: Actor, now: datetime, limit: int) -> Sequence[Reminder]:
    """Those that are due and neither done nor moved, the oldest first."""
    mine = (TicketReminder.user_id == actor.account_id, TicketReminder.due_at <= now)
    return session.execute(_SHOWN.where(*mine).limit(limit)).all()


def _person(actor: Actor) -> int:
    if actor.kind is not ActorKind.PERSON or actor.account_id is None:
        raise Forbidden(_("Only people can set reminders"))
    return actor.account_id
