"""What the home page shows: numbers that stop at ``MAX_COUNTED``, and the first rows behind them.

A page asks few statements however many groups it has: one for all numbers, one for the numbers of
all tickets to show, and two for these tickets with what they affect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, select, union_all
from sqlalchemy.orm import Session

from app.accounts.models.calls import PartnerCall
from app.accounts.services import second_factor
from app.core.rules.access import Actor, require_admin
from app.core.rules.language import _
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.rules.replies import MailState
from app.exchange.services.incoming_mails import count_refused
from app.exchange.services.overview import count_troubles
from app.jobs.services.followers import count_failing
from app.jobs.services.workers import WorkerState, worker_state_and
from app.mail.models.mails import Mail
from app.mail.services.mails import FAILED
from app.names.services.unresolved import count_unresolved
from app.notices.models.notices import MaintenanceNotice
from app.notices.rules.notices import Outcome
from app.registry.models.registry import Proposal
from app.registry.rules.networks import Network
from app.registry.services.cric import ProposalState
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES, State
from app.tickets.services.lists.lists import SORTS, TicketFilter, condition_of
from app.tickets.services.lists.query import readable
from app.tickets.services.pages import INDEXES, Listed, listed
from app.tickets.services.reminders import waits_of

MAX_COUNTED: Final = 10_000
"""Counting stops behind it: nobody needs to know by how many more it is too many."""
MAX_PER_GROUP: Final = 1_000
"""The same for what is to be done: finding it costs more."""
ROWS: Final = 5
"""Tickets shown of a group, if it does not say otherwise."""


@dataclass(frozen=True)
class Count:
    """How many; ``number`` is ``most`` + 1 where there are more than ``most``."""

    number: int
    most: int

    @property
    def is_more(self) -> bool:
        """Whether there are more than were counted."""
        return self.number > self.most

    def __str__(self) -> str:
        return f"{min(self.number, self.most):,}{'+' if self.is_more else ''}"


@dataclass(frozen=True)
class Asked:
    """A group of tickets: its filter, with how it is sorted, and how many rows to show."""

    filter: TicketFilter
    rows: int = ROWS
    """0 = it is only counted."""
    most: int = MAX_PER_GROUP
    """Where counting stops."""


@dataclass(frozen=True)
class Group(Listed):
    """How many tickets a group holds, and the first of them in its order."""

    count: Count


def _counts(
    session: Session, asked: Mapping[str, Asked], conditions: Mapping[str, ColumnElement[bool]]
) -> Mapping[str, Count]:
    """How many tickets each filter finds, in one statement."""
    numbers = [
        _counted(select(Ticket.number).where(conditions[name]), one.most)
        for name, one in asked.items()
    ]
    row = session.execute(select(*numbers)).one()
    return {
        name: Count(number, one.most)
        for (name, one), number in zip(asked.items(), row, strict=True)
    }


def groups_of(session: Session, actor: Actor, asked: Mapping[str, Asked]) -> Mapping[str, Group]:
    """Each group with its count and first tickets."""
    may_read = readable(actor)
    conditions = {name: and_(may_read, condition_of(one.filter)) for name, one in asked.items()}
    counts = _counts(session, asked, conditions)
    shown = {name: one for name, one in asked.items() if one.rows and counts[name].number}
    if not shown:
        return {name: Group((), {}, {}, counts[name]) for name in asked}
    parts = [
        select(_first_numbers(conditions[name], one, name, counts[name]).subquery())
        for name, one in shown.items()
    ]
    found: dict[str, list[int]] = {name: [] for name in shown}
    for name, number in session.execute(union_all(*parts)):
        found[name].append(number)
    wanted = dict.fromkeys(number for numbers in found.values() for number in numbers)
    every = listed(session, list(wanted))
    tickets = {ticket.number: ticket for ticket in every.tickets}
    return {
        name: Group(
            _sorted([tickets[number] for number in found.get(name, ())], one.filter),
            every.links,
            every.sites,
            counts[name],
        )
        for name, one in asked.items()
    }


def waiting_since(session: Session, tickets: Iterable[Row[Any]]) -> Mapping[int, datetime]:
    """Since when those of these tickets wait that wait for a reply, by number."""
    numbers = {ticket.number for ticket in tickets if ticket.state == State.WAITING}
    if not numbers:
        return {}
    return {number: wait.since for number, wait in waits_of(session, numbers).items()}


def _first_numbers(
    condition: ColumnElement[bool], asked: Asked, name: str, count: Count
) -> Select[str, int]:
    sort = asked.filter.sort.removeprefix("-")
    column = SORTS[sort]
    downwards = asked.filter.sort.startswith("-")
    order = (column.desc(), Ticket.number.desc()) if downwards else (column, Ticket.number)
    query = (
        select(literal(name).label("name"), Ticket.number)
        .where(condition)
        .order_by(*order)
        .limit(asked.rows)
    )
    if not count.is_more:
        return query
    # few are found by their state; of many the first of the sort are looked for
    return query.with_hint(Ticket, f"INDEXED BY {INDEXES[sort]}", "sqlite")


def _sorted(tickets: list[Row[Any]], wanted: TicketFilter) -> Sequence[Row[Any]]:
    """The few tickets of a group in its order: a union does not keep it."""
    field = {"created": "created_at", "changed": "changed_at"}.get(
        wanted.sort.removeprefix("-"), "number"
    )
    return sorted(
        tickets,
        key=lambda one: (getattr(one, field), one.number),
        reverse=wanted.sort.startswith("-"),
    )


def _counted(rows: Select[Any], most: int) -> ColumnElement[int]:
    return select(func.count()).select_from(rows.limit(most + 1).subquery()).scalar_subquery()


BY_STATE: Final[Mapping[str, Asked]] = {
    str(state): Asked(TicketFilter(states=(state,)), 0, MAX_COUNTED) for state in OPEN_STATES
}
"""The open tickets by state, to be counted together with other groups."""


def open_counts(groups: Mapping[str, Group]) -> Mapping[str, Count]:
    """What was counted of ``BY_STATE``, and all of them together as ``open``."""
    counts = {state: groups[state].count for state in BY_STATE}
    return {"open": Count(sum(one.number for one in counts.values()), MAX_COUNTED), **counts}


def what_runs(session: Session, now: datetime) -> tuple[WorkerState, int, int, int, int, int, int]:
    """Whether a worker lives, how many mails were given up, how many maintenance notices,
    exchanged tickets and incoming mails wait for a person, how many followers of the change log
    fail, and how many incoming mails were refused since yesterday. One statement."""
    failed = select(func.count()).where(Mail.state == FAILED)
    to_read = select(func.count()).where(MaintenanceNotice.state == Outcome.TO_READ)
    came_in = select(func.count()).where(IncomingMail.state == MailState.REVIEW)
    yesterday = (now - timedelta(days=1)).date()
    workers, (mails, notices, exchanges, incoming, failing, refused) = worker_state_and(
        session,
        now,
        failed.scalar_subquery(),
        to_read.scalar_subquery(),
        count_troubles(),
        came_in.scalar_subquery(),
        count_failing(),
        count_refused(yesterday),
    )
    return workers, mails, notices, exchanges, incoming, failing, refused


def count_open_of_networks(session: Session, actor: Actor) -> Mapping[str, Count]:
    """The open tickets of each network, up to ``MAX_PER_GROUP``."""
    counted = [
        _counted(
            select(Ticket.number).where(
                readable(actor), Ticket.state.in_(OPEN_STATES), Ticket.network == network
            ),
            MAX_PER_GROUP,
        )
        for network in Network
    ]
    row = session.execute(select(*counted)).one()
    return {
        str(network): Count(number, MAX_PER_GROUP)
        for network, number in zip(Network, row, strict=True)
    }


@dataclass(frozen=True)
class Duties:
    """What waits for an administrator."""

    accounts_with_faults: int
    """Partners' accounts of which a call was answered with a fault in the last 24 hours."""
    unresolved_names: int
    proposals: int
    """Open ones of CRIC."""
    lacks_factor: bool
    """Whether the administrator's password alone logs in."""


def duties_of_admin(session: Session, actor: Actor, now: datetime) -> Duties:
    """What needs an administrator's attention at ``now`` (UTC)."""
    require_admin(actor, _("see the tasks of administrators"))
    faults = (
        select(func.count(PartnerCall.account_id.distinct()))
        .where(and_(PartnerCall.at > now - timedelta(hours=24), PartnerCall.fault.is_not(None)))
        .scalar_subquery()
    )
    proposals = select(func.count()).where(Proposal.state == ProposalState.OPEN).scalar_subquery()
    row = session.execute(select(faults, proposals)).one()
    factor = second_factor.is_on(session, actor.account_id or 0)
    return Duties(row[0], count_unresolved(session, actor), row[1], not factor)
