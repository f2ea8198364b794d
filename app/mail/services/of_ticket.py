"""What a person sees of the mails of a ticket: whether it watches it or is reminded of it, and
what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, exists, false, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Actor
from app.mail.models.mails import Mail
from app.mail.services.mails import FAILED
from app.mail.services.recipients import NEVER
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.models.watchers import TicketWatcher


@dataclass(frozen=True)
class TicketMails:
    """``choice``: None where the person does not watch the ticket; else which mails it chose, ""
    where it has no address for them. ``reminder``: with ``due_at`` and ``note``, if the person set
    one. ``failed``: id, address and reason of the mails that a server refused for good, the newest
    of each address; for operators."""

    choice: str | None
    gets_mails: bool
    reminder: Row[Any] | None
    failed: Sequence[Row[Any]]


def mails_of_ticket(session: Session, actor: Actor, number: int) -> TicketMails:
    """One statement: few tickets are watched, and few mails fail."""
    watching = exists().where(
        TicketWatcher.ticket_number == number, TicketWatcher.user_id == User.id
    )
    failed = and_(Mail.ticket_number == number, Mail.state == FAILED)
    wanted: Select[*tuple[Any, ...]] = (
        select(
            *(User.mail, User.mail_choice, watching.label("watching")),
            *(TicketReminder.due_at, TicketReminder.note),
            *(Mail.id, Mail.address_key, Mail.address, Mail.reason),
        )
        .outerjoin(
            TicketReminder,
            and_(TicketReminder.ticket_number == number, TicketReminder.user_id == User.id),
        )
        .outerjoin(Mail, failed if actor.is_operator else false())
        .where(User.id == actor.account_id)
        .order_by(Mail.id.desc())
    )
    rows = session.execute(wanted).all()
    newest: dict[str, Row[Any]] = {}
    for row in rows:
        if row.id is not None:
            newest.setdefault(row.address_key, row)
    person = rows[0]
    choice = person.mail_choice if person.mail else ""
    return TicketMails(
        choice if person.watching else None,
        choice not in ("", NEVER),
        person if person.due_at is not None else None,
        list(newest.values()),
    )
