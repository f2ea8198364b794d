"""Tickets that wait for a reply: reminds of them, and gives the reply up in the end.

The change log is the proof of what was done: a reminder is one change, written while the ticket's
row is locked and after the log was read there. So each is made once, however many workers there
are and wherever one is killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules.access import ActorKind, Writer
from app.core.services.changes import TICKET, FieldChange
from app.tickets.models.tickets import Ticket
from app.tickets.rules.reminders import (
    DAYS_BETWEEN,
    REMINDER,
    WaitingStep,
    due_step,
    in_words,
    reason_to_give_up,
)
from app.tickets.rules.tickets import State
from app.tickets.services.diaries import PUBLIC
from app.tickets.services.lifecycle import locked_ticket, move_ticket, record_on_ticket

LOOKED_AT: Final = 500
"""Tickets whose log is read at once."""


@dataclass
class Wait:
    """Since when a ticket waits, and when the portal sent reminders since."""

    since: datetime
    reminded: list[datetime] = field(default_factory=list)


def overdue_replies(
    session: Session, as_of: datetime, after: int = 0
) -> tuple[Sequence[int], int | None]:
    """Tickets with a step due at ``as_of``, among the next ones behind number ``after`` that wait;
    and the number behind which to look on, None at the end. Only reads."""
    rows = session.execute(
        select(Ticket.number, Ticket.changed_at)
        .where(
            Ticket.state == State.WAITING,
            Ticket.number > after,
            Ticket.created_at <= as_of - timedelta(days=DAYS_BETWEEN),
        )
        .order_by(Ticket.number)
        .limit(LOOKED_AT)
    ).all()
    changed = {row.number: row.changed_at for row in rows}
    waits = waits_of(session, changed)
    due = [
        number
        for number, changed_at in changed.items()
        if _step(waits.get(number), changed_at, as_of) is not None
    ]
    return due, rows[-1].number if len(rows) == LOOKED_AT else None


def take_due_step(session: Session, by: Writer, number: int) -> WaitingStep | None:
    """Do what is due about one ticket now; None if nothing is (any more)."""
    ticket = locked_ticket(session, number)
    if ticket.state != State.WAITING:
        return None
    wait = waits_of(session, [number]).get(number)
    step = _step(wait, ticket.changed_at, by.now)
    reminded = wait.reminded if wait is not None else []
    if step is WaitingStep.REMIND:
        made = FieldChange(REMINDER, None, in_words(len(reminded) + 1))
        record_on_ticket(session, by, ticket, [made])
    elif step is WaitingStep.GIVE_UP:
        reason = reason_to_give_up(reminded)
        move_ticket(session, by, number, State.UNSOLVED, public_comment=reason)
    return step


def _step(wait: Wait | None, changed_at: datetime, as_of: datetime) -> WaitingStep | None:
    if wait is None:  # its log does not tell since when it waits; at the latest since then
        wait = Wait(changed_at)
    return due_step(wait.since, wait.reminded, as_of)


def waits_of(session: Session, numbers: Iterable[int]) -> dict[int, Wait]:
    """How long tickets that wait have done so, by number, from their logs."""
    rows = session.execute(
        select(Change.thing_id, Change.at, Change.actor_kind, ChangedField.field, ChangedField.new)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(
            Change.kind == TICKET,
            Change.thing_id.in_(list(numbers)),
            ChangedField.field.in_(("state", PUBLIC, REMINDER)),
        )
        .order_by(Change.thing_id, Change.version, ChangedField.position)
    )
    waits: dict[int, Wait] = {}
    for number, at, actor, name, value in rows:
        if name == "state":
            if value == State.WAITING:
                waits[number] = Wait(at)
        elif number in waits:
            if name == REMINDER:
                waits[number].reminded.append(at)
            elif actor != ActorKind.SYSTEM:
                waits[number] = Wait(at)
    return waits
