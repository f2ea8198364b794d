"""Which tickets somebody watches."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.database.upsert import upsert
from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.errors import Forbidden
from app.core.rules.language import _
from app.tickets.models.tickets import Ticket
from app.tickets.models.watchers import TicketWatcher
from app.tickets.services.lifecycle import find_ticket


def watch_ticket(session: Session, by: Writer, number: int) -> None:
    """Watch a ticket that one may read; a second time changes nothing."""
    find_ticket(session, by.actor, number)
    new = upsert(TicketWatcher)
    row = {"ticket_number": number, "user_id": _person(by.actor), "since": by.now}
    session.execute(new.values(row).on_conflict_do_nothing())


def unwatch_ticket(session: Session, by: Writer, number: int) -> None:
    """Stop watching; other reasons for mails stay."""
    find_ticket(session, by.actor, number)
    session.execute(
        delete(TicketWatcher).where(
            TicketWatcher.ticket_number == number, TicketWatcher.user_id == _person(by.actor)
        )
    )


def watched_by(session: Session, user: User, limit: int = 100) -> Sequence[Ticket]:
    """The tickets that a person watches, the newest watched first."""
    return session.scalars(
        select(Ticket)
        .join(TicketWatcher, TicketWatcher.ticket_number == Ticket.number)
        .where(TicketWatcher.user_id == user.id)
        .order_by(TicketWatcher.since.desc(), Ticket.number.desc())
        .limit(limit)
    ).all()


def _person(actor: Actor) -> int:
    if actor.kind is not ActorKind.PERSON or actor.account_id is None:
        raise Forbidden(_("Only people can watch tickets"))
    return actor.account_id
