"""The filter of lists of tickets as people see them, as a condition on tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    select,
    true,
)
from sqlalchemy.orm import Session

from app.registry.models.registry import Link
from app.tickets.models.tickets import ExternalReference, Ticket, TicketLink
from app.tickets.rules.tickets import CLOSED_STATES, OPEN_STATES, Priority, State
from app.tickets.rules.tokenizer import read_search
from app.tickets.services.concern.concerned_sites import (
    NamedSites,
    affects_sites,
    concerns_named,
    keys_of_sites,
    look_up_sites,
)
from app.tickets.services.lists.desk import OnDesk, desk_condition
from app.tickets.services.lists.statistics_conditions import CountedAt, counted_condition
from app.tickets.services.lists.visits import Unseen, unseen_condition
from app.tickets.services.search.search import condition_of_search

PAGE = 50

_STATE_RANK = case({state: rank for rank, state in enumerate(State)}, value=Ticket.state)
_PRIORITY_RANK = case({prio: rank for rank, prio in enumerate(Priority)}, value=Ticket.priority)
SORTS: dict[str, ColumnElement[Any]] = {
    "number": Ticket.number.expression,
    "title": Ticket.title.expression,
    "state": _STATE_RANK,
    "priority": _PRIORITY_RANK,
    "created": Ticket.created_at.expression,
    "changed": Ticket.changed_at.expression,
}
"""What a list may be sorted by; a leading ``-`` turns it round."""
_ALL: dict[str, set[str]] = {"state": set(State), "priority": set(Priority)}
"""If all values are selected, none need be looked at."""


@dataclass(frozen=True)
class TicketFilter:
    """What a list shows. Several values of one field are alternatives, fields are all required.

    ``sites`` are those that a ticket concerns, ``affected`` and ``responsible`` are narrower. They
    take any name of a site; unresolved affected sites are found by their text. ``created_from`` and
    ``created_to`` are days of creation, UTC, both included.
    """

    text: str = ""
    states: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of declared fields, by name."""
    sites: tuple[str, ...] = ()
    known: NamedSites | None = None
    """What ``sites`` mean, once they were looked up (``with_known_sites``)."""
    links: tuple[str, ...] = ()
    affected: tuple[str, ...] = ()
    responsible: tuple[str, ...] = ()
    created_from: date | None = None
    created_to: date | None = None
    to_check: bool = False
    unseen: Unseen | None = None
    desk: tuple[OnDesk, ...] = ()
    counted: tuple[CountedAt, ...] = ()
    """Conditions of figures; all of them are required."""
    sort: str = "-changed"

    def expanded_states(self) -> tuple[str, ...]:
        """The states meant, with ``open`` and ``closed`` spelled out."""
        groups = {"open": OPEN_STATES, "closed": (*CLOSED_STATES, State.CLOSED)}
        # "closed" is a state and a group: as a filter it means all closed ones
        return tuple(
            dict.fromkeys(
                str(state) for given in self.states for state in groups.get(given, (given,))
            )
        )


def with_known_sites(session: Session, wanted: TicketFilter) -> TicketFilter:
    """The filter with its sites looked up, once; the same for one without sites. For one
    transaction only: names of sites change."""
    if not wanted.sites or wanted.known is not None:
        return wanted
    return replace(wanted, known=look_up_sites(session, wanted.sites))


def references_of(session: Session, tickets: Sequence[Row[Any]]) -> dict[int, list[str]]:
    """The external references of these tickets in words, by the ticket's number."""
    found: dict[int, list[str]] = {}
    rows = session.execute(
        select(
            ExternalReference.ticket_number,
            ExternalReference.provider,
            ExternalReference.reference,
        )
        .where(ExternalReference.ticket_number.in_([ticket.number for ticket in tickets]))
        .order_by(ExternalReference.id)
    )
    for number, provider, reference in rows:
        found.setdefault(number, []).append(" ".join(filter(None, (provider, reference))))
    return found


def condition_of(
    wanted: TicketFilter,
    *,
    internal: bool = False,
    by_index: bool = True,
) -> ColumnElement[bool]:
    """The filter as a condition on tickets; ``internal``: found by internal words, too.

    ``by_index``: words as their index finds all tickets that have them, else as each ticket is
    looked at.
    """
    parts: list[ColumnElement[bool]] = [true()]
    for column, values in (
        (Ticket.state, wanted.expanded_states()),
        *((getattr(Ticket, name), values) for name, values in wanted.values.items()),
    ):
        if values and set(values) != _ALL.get(column.key):
            parts.append(column.in_(values))
    if wanted.text.strip():
        search = read_search(wanted.text)
        parts.append(condition_of_search(search, internal=internal, by_index=by_index))
    if wanted.links:
        parts.append(Ticket.number.in_(_with_links(wanted.links)))
    if wanted.sites:
        parts.append(concerns_named(wanted.sites, wanted.known))
    if wanted.affected:
        parts.append(affects_sites(keys_of_sites(wanted.affected), wanted.affected))
    if wanted.responsible:
        parts.append(Ticket.responsible_site_id.in_(keys_of_sites(wanted.responsible)))
    if wanted.created_from is not None:
        parts.append(Ticket.created_at >= _midnight(wanted.created_from))
    if wanted.created_to is not None and wanted.created_to < date.max:
        parts.append(Ticket.created_at < _midnight(wanted.created_to) + timedelta(days=1))
    if wanted.to_check:
        parts.append(Ticket.to_check.is_(True))
    if wanted.unseen is not None:
        parts.append(unseen_condition(wanted.unseen))
    parts += [desk_condition(part) for part in wanted.desk]
    parts += [counted_condition(part) for part in wanted.counted]
    return and_(*parts)


def _with_links(names: Sequence[str]) -> Select[int]:
    """The numbers of tickets that affect any of these links."""
    return select(TicketLink.ticket_number).where(
        TicketLink.link_id.in_(select(Link.id).where(Link.name.in_(names)))
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
