"""What a person has not seen: tickets that are new or changed since the last visit to the list.

Two times per person are nearly enough: when the list was last read, and when the visit before
this one ended. Only tickets that the person opened of those that changed since have a row of their
own, with the version that was seen. Nothing is written when a ticket changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, delete, exists, select, update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.database.upsert import upsert
from app.core.rules.access import Actor
from app.tickets.models.desk import TicketVisit
from app.tickets.models.tickets import Ticket

VISIT_ENDS = timedelta(hours=4)
"""Who does not read the list for so long has left; the next reading is another visit."""
NOTED_EVERY = timedelta(minutes=5)
"""Reading the list is written at most so often. What changes in between may be marked again at the
next visit; nothing is missed."""


class Mark(StrEnum):
    """Why a ticket is marked in a list."""

    UNSEEN = "unseen"
    """Created since the last visit."""
    UPDATED = "updated"
    """Changed since then by somebody else."""


@dataclass(frozen=True)
class Unseen:
    """What somebody has not seen, to filter by: changed by others after ``since`` (UTC)."""

    person: int
    name: str
    since: datetime


def needs_note(visited_at: datetime | None, now: datetime) -> bool:
    """Whether this reading of the list is to be written."""
    return visited_at is None or visited_at <= now - NOTED_EVERY


def note_visit(session: Session, actor: Actor, now: datetime) -> datetime:
    """Write that the list is being read; since when changes are marked.

    To a person who comes for the first time nothing is new.
    """
    left = User.visited_at <= now - VISIT_ENDS
    session.execute(
        update(User)
        .where(User.id == actor.account_id)
        .values(
            visited_at=now,
            seen_until=case(
                (User.visited_at.is_(None), now), (left, User.visited_at), else_=User.seen_until
            ),
        )
    )
    since = session.scalar(select(User.seen_until).where(User.id == actor.account_id)) or now
    _forget_before(session, actor, since)
    return since


def mark_all_seen(session: Session, actor: Actor, until: datetime) -> None:
    """Nothing that changed up to ``until`` is marked any more."""
    session.execute(update(User).where(User.id == actor.account_id).values(seen_until=until))
    _forget_before(session, actor, until)


def _forget_before(session: Session, actor: Actor, since: datetime) -> None:
    """Delete the rows of tickets that did not change after ``since``: time alone tells of them."""
    old = select(Ticket.number).where(
        Ticket.number == TicketVisit.ticket_number, Ticket.changed_at <= since
    )
    session.execute(
        delete(TicketVisit)
        .where(TicketVisit.user_id == actor.account_id, exists(old))
        .execution_options(synchronize_session=False)
    )


def marks_of(
    session: Session, actor: Actor, tickets: Iterable[Ticket | Row[Any]], since: datetime | None
) -> Mapping[int, Mark]:
    """The marks of these tickets by number; at most one statement, none where nothing changed."""
    if since is None:
        return {}
    changed = [
        ticket
        for ticket in tickets
        if ticket.changed_at > since and ticket.last_author != actor.account
    ]
    if not changed:
        return {}
    rows = session.execute(
        select(TicketVisit.ticket_number, TicketVisit.version).where(
            TicketVisit.user_id == actor.account_id,
            TicketVisit.ticket_number.in_([ticket.number for ticket in changed]),
        )
    )
    seen: dict[int, int] = {row[0]: row[1] for row in rows}
    return {
        ticket.number: Mark.UNSEEN
        if ticket.created_at > since and ticket.number not in seen
        else Mark.UPDATED
        for ticket in changed
        if seen.get(ticket.number, 0) < ticket.version
    }


def unseen_condition(wanted: Unseen) -> ColumnElement[bool]:
    """The tickets that ``marks_of`` would mark."""
    seen = select(TicketVisit.ticket_number).where(
        TicketVisit.user_id == wanted.person,
        TicketVisit.ticket_number == Ticket.number,
        TicketVisit.version >= Ticket.version,
    )
    return and_(Ticket.changed_at > wanted.since, Ticket.last_author != wanted.name, ~exists(seen))


def is_marked(session: Session, actor: Actor, ticket: Ticket, since: datetime | None) -> bool:
    """Whether opening this ticket is to be written."""
    return bool(marks_of(session, actor, [ticket], since))


def note_opened(session: Session, actor: Actor, number: int, version: int) -> None:
    """Write that a person saw this version of a ticket."""
    statement = upsert(TicketVisit).values(
        user_id=actor.account_id, ticket_number=number, version=version
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "ticket_number"],
            set_={"version": statement.excluded.version},
            where=TicketVisit.version < statement.excluded.version,
        )
    )
