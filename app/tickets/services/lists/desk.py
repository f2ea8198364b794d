"""Tickets on somebody's desk, as conditions: what waits too long, what nobody took, whose it is.

The list of tickets and the home page ask the same conditions, so that a number and the rows behind
it are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Actor, ActorKind
from app.core.services.changes import TICKET
from app.tickets.models.relations import Acknowledgement
from app.tickets.models.tickets import Ticket
from app.tickets.rules.desk import DAYS_TO_TAKE, Desk
from app.tickets.rules.reminders import DAYS_BETWEEN
from app.tickets.rules.tickets import OPEN_STATES, Category, State
from app.tickets.rules.working_time import working_days_before
from app.tickets.services.concern.concerned_sites import concerns_sites
from app.tickets.services.diaries import PUBLIC


@dataclass(frozen=True)
class OnDesk:
    """One of the desk's words, at ``now`` (UTC) for this person."""

    desk: Desk
    now: datetime
    person: int | None
    sites: frozenset[int] = field(default_factory=frozenset)


def on_desk(desk: Desk, now: datetime, actor: Actor) -> OnDesk:
    """That word as this account means it."""
    person = actor.account_id if actor.kind is ActorKind.PERSON else None
    return OnDesk(desk, now, person, actor.site_ids)


def desk_condition(wanted: OnDesk) -> ColumnElement[bool]:
    """Which tickets lie there. All are open."""
    return {
        Desk.WAITS_TOO_LONG: _waits_too_long,
        Desk.NOT_TAKEN: _not_taken,
        Desk.ANSWER_MISSING: _answer_missing,
        Desk.MY_SITES: _mine,
        Desk.WAITS_FOR_ME: _waits_for_me,
        Desk.MY_ANSWER: _my_answer,
    }[wanted.desk](wanted)


_OPEN: Final = Ticket.state.in_(OPEN_STATES)


def _waits_too_long(wanted: OnDesk) -> ColumnElement[bool]:
    """By the rule of reminders: since the move to this state, or the newest public comment of
    anybody but the portal. The log is asked only for tickets that were changed since."""
    limit = working_days_before(wanted.now, DAYS_BETWEEN)
    restarted = exists(
        select(Change.id)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(
            Change.kind == TICKET,
            Change.thing_id == Ticket.number,
            Change.at > limit,
            or_(
                ChangedField.field == "state",
                and_(ChangedField.field == PUBLIC, Change.actor_kind != ActorKind.SYSTEM),
            ),
        )
    )
    return and_(Ticket.state == State.WAITING, or_(Ticket.changed_at <= limit, ~restarted))


def _not_taken(wanted: OnDesk) -> ColumnElement[bool]:
    limit = working_days_before(wanted.now, DAYS_TO_TAKE)
    return and_(Ticket.state == State.NEW, Ticket.created_at <= limit)


def _answer_missing(_wanted: OnDesk) -> ColumnElement[bool]:
    return and_(_OPEN, Ticket.category == Category.CHANGE, Ticket.number.in_(_unanswered()))


def _unanswered(*more: ColumnElement[bool]) -> Select[int]:
    """The tickets to which an answer is missing: few, and an index of their own holds them."""
    return select(Acknowledgement.ticket_number).where(Acknowledgement.answer == "", *more)


def _concerns(wanted: OnDesk) -> ColumnElement[bool]:
    return or_(Ticket.created_by_user_id == wanted.person, concerns_sites(wanted.sites))


def _mine(wanted: OnDesk) -> ColumnElement[bool]:
    return and_(_OPEN, concerns_sites(wanted.sites))


def _waits_for_me(wanted: OnDesk) -> ColumnElement[bool]:
    return and_(Ticket.state == State.WAITING, _concerns(wanted))


def _my_answer(wanted: OnDesk) -> ColumnElement[bool]:
    mine = _unanswered(Acknowledgement.site_id.in_(wanted.sites))
    return and_(_OPEN, Ticket.category == Category.CHANGE, Ticket.number.in_(mine))
