"""Taking back the newest move of a ticket: a change of its own, also where no move leads back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules import access
from app.core.rules.access import ActorKind, Writer
from app.core.rules.clock import strictly_after
from app.core.rules.errors import MoveNotAllowed
from app.core.rules.language import _
from app.core.rules.texts import read_time
from app.core.services.changes import TICKET, FieldChange
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import TIMES
from app.tickets.rules.fields import ENTRIES
from app.tickets.rules.tickets import ENDED_STATES
from app.tickets.rules.undo import is_undoable
from app.tickets.services.fields import apply_value, as_logged, current_value, facts_of
from app.tickets.services.lifecycle import locked_ticket, record_on_ticket


def undo_move(session: Session, by: Writer, number: int, version: int) -> Ticket:
    """Take back the move that made this ``version``; entries that came with it stay.

    Raises ``MoveNotAllowed`` unless it is the newest change, a person's own, of the last ten
    minutes, and a move with no more than one brings along.
    """
    ticket = locked_ticket(session, number)
    access.require_write(by.actor, facts_of(ticket))
    change = session.scalars(
        select(Change).where(
            Change.kind == TICKET, Change.thing_id == number, Change.version == ticket.version
        )
    ).one()
    before = {item.field: item.old for item in change.fields}
    mine = by.actor.kind is ActorKind.PERSON and (change.actor_kind, change.actor_account) == (
        by.actor.kind,
        by.actor.account,
    )
    if ticket.version != version or not mine or before.get("state") is None:
        raise MoveNotAllowed(
            _("Only the newest move can be undone, by the person who moved the ticket")
        )
    if not is_undoable(before, change.at, by.now):
        raise MoveNotAllowed(_("A move can be undone for 10 minutes; move the ticket instead"))
    at = strictly_after(by.now, ticket.changed_at)
    logged = _put_back(session, by, ticket, before)
    if ticket.state not in ENDED_STATES:
        ticket.ended_at = None
    elif ticket.ended_at is None:  # only reopening takes it away
        ticket.ended_at = _newest_end(session, number, ticket.version)
    return record_on_ticket(session, by, ticket, logged, at)


def _put_back(
    session: Session, by: Writer, ticket: Ticket, before: Mapping[str, str | None]
) -> list[FieldChange]:
    logged = []
    for field, text in before.items():
        if field in ENTRIES:
            continue
        now = as_logged(current_value(ticket, field))
        value: Any = text or ""
        if field in TIMES:
            value = read_time(field, text) if text else None
        apply_value(session, by, ticket, field, value)
        logged.append(FieldChange(field, now, text))
    return logged


def _newest_end(session: Session, number: int, version: int) -> datetime | None:
    """When the ticket was moved to solved or unsolved before this version."""
    return session.scalars(
        select(Change.at)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(
            Change.kind == TICKET,
            Change.thing_id == number,
            Change.version < version,
            ChangedField.field == "state",
            ChangedField.new.in_(ENDED_STATES),
        )
        .order_by(Change.version.desc())
        .limit(1)
    ).first()
