"""Pages of the list of tickets and their counts.

One statement finds the numbers of a page: the filter, the order of a key and the number, what lies
behind the last row that was seen, and one row more than the page has. Each order has an index that
holds what a filter asks of a ticket, so that even a walk past all tickets reads no ticket that is
not shown. PostgreSQL knows by its figures when a filter's own index is shorter. SQLite keeps no
figures and is forced to walk: otherwise it collects all rows of the filter and sorts them.

Two things are decided here, for what they bring (docs/adr/0037-pages-of-lists.md): words that few
tickets hold are looked up in their index, others in each ticket of the walk; and states and
priorities, whose order no index knows, are read one value after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    bindparam,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

from app.core.models.changes import Counter
from app.core.rules.access import Actor, may_read_internal
from app.core.services.changes import TICKET
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.tickets import Priority, State
from app.tickets.rules.tokenizer import read_search
from app.tickets.services.lists.lists import (
    PAGE,
    SORTS,
    TicketFilter,
    condition_of,
    with_known_sites,
)
from app.tickets.services.lists.query import readable
from app.tickets.services.search.search import condition_of_search, count_found

Position = tuple[Any, int]
"""The value of the sort and the number of a row: where a page ends or begins."""

MAX_COUNTED: Final = 10_000
"""Beyond it a count says only "more"."""
SMALL: Final = 4_000
"""Tickets of a portal that counts every filter at once."""
FEW: Final = 1_000
"""Hits of words up to which all are taken from their index ..."""
AHEAD: Final = (500, 10_000)
"""... and if there are more, how many tickets of the list are looked at first, one by one, and how
many if those do not fill a page. SQLite looks at all of them, as it sorts what it found again."""
_RANKS: Final[dict[str, Sequence[str]]] = {"state": tuple(State), "priority": tuple(Priority)}
"""Sorts by the place of a value among all, and their values in order."""
INDEXES: Final = {
    "created": "ix_tickets_created_at",
    "changed": "ix_tickets_changed_at",
    **{name: f"ix_tickets_{name}" for name in ("number", "title", "state", "priority")},
}
"""The index of each sort."""
_LISTED: Final[Select[*tuple[Any, ...]]] = (
    select(*Ticket.__table__.columns, Site.key.label("responsible"))
    .outerjoin(Site, Site.id == Ticket.responsible_site_id)
    .where(Ticket.number.in_(bindparam("numbers", expanding=True)))
)
_AFFECTED: Final[CompoundSelect[*tuple[Any, ...]]] = union_all(
    select(
        TicketLink.ticket_number,
        TicketLink.position,
        literal("link").label("kind"),
        TicketLink.link_id.label("key"),
        Link.name,
        Link.name.label("shown"),
    )
    .join(Link, Link.id == TicketLink.link_id)
    .where(TicketLink.ticket_number.in_(bindparam("numbers", expanding=True))),
    select(
        TicketSite.ticket_number,
        TicketSite.position,
        literal("site"),
        TicketSite.site_id,
        TicketSite.name,
        func.coalesce(Site.key, TicketSite.name),
    )
    .outerjoin(Site, Site.id == TicketSite.site_id)
    .where(TicketSite.ticket_number.in_(bindparam("numbers", expanding=True))),
).order_by("position")


class Affected(NamedTuple):
    """A link or site that a ticket affects."""

    key: int | None
    """None while the site is unknown."""
    name: str
    """As it was sent or chosen."""
    shown: str
    """A link's id, a site's LHCOPN name; of an unknown site as it was sent."""


@dataclass(frozen=True)
class Listed:
    """Tickets as a list shows them: rows of all their columns, with ``responsible``, the site's
    key, and what each affects, by its number."""

    tickets: Sequence[Row[Any]]
    links: Mapping[int, Sequence[Affected]]
    sites: Mapping[int, Sequence[Affected]]


@dataclass(frozen=True)
class Page(Listed):
    """One page of a list, and the positions from which the next ones are read, or None."""

    after: Position | None
    """Behind its last row, if there are more."""
    before: Position | None = None
    """Before its first row, if there are some."""


def list_tickets(
    session: Session,
    actor: Actor,
    wanted: TicketFilter,
    *,
    after: Position | None = None,
    before: Position | None = None,
    last: bool = False,
    limit: int = PAGE,
) -> Page:
    """One page: the first, or that behind ``after``, that before ``before``, or the ``last``."""
    backwards = last or before is not None
    start = before if backwards else after
    rows = _rows(session, actor, wanted, limit + 1, start, backwards=backwards)
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
    after_last = before_first = None
    if rows and (more if not backwards else not last):
        after_last = rows[-1]
    if rows and (more if backwards else after is not None):
        before_first = rows[0]
    shown = listed(session, [number for _, number in rows])
    return Page(shown.tickets, shown.links, shown.sites, after_last, before_first)


def first_numbers(session: Session, actor: Actor, wanted: TicketFilter, limit: int) -> list[int]:
    """Only the numbers of the first tickets."""
    return [number for _, number in _rows(session, actor, wanted, limit)]


def found_among(
    session: Session, actor: Actor, wanted: TicketFilter, numbers: Sequence[int]
) -> list[int]:
    """Those of the tickets with these numbers that the filter finds."""
    query = select(Ticket.number).where(
        Ticket.number.in_(numbers), *_conditions(session, actor, wanted, by_index=False)
    )
    return list(session.scalars(query.order_by(Ticket.number)))


def count_by_state(
    session: Session, actor: Actor, wanted: TicketFilter, *, most: int = 2**31 - 2
) -> dict[str, int]:
    """How many tickets of each state the filter finds, its states left aside.

    A count that is larger than ``most`` is ``most`` + 1.
    """
    query = counts_by_state(session, actor, wanted, most)
    return {state: min(count, most + 1) for state, count in session.execute(query)}


def counts_by_state(
    session: Session, actor: Actor, wanted: TicketFilter, most: int | None = None
) -> Select[str, int]:
    """The query of ``count_by_state``: at most ``most`` + 1 tickets of each state are read, None =
    all. What builds a list of tickets' numbers first runs once, and not for each state."""
    conditions = _conditions(session, actor, replace(wanted, states=()))
    if most is None or is_asked_beside_tickets(wanted) or wanted.links or wanted.affected:
        return (
            select(Ticket.state, func.count().label("tickets"))
            .where(*conditions)
            .with_hint(Ticket, "INDEXED BY ix_tickets_state", "sqlite")
            .group_by(Ticket.state)
        )
    found = (
        select(Ticket.state)
        .where(Ticket.state == state, *conditions)
        .with_hint(Ticket, "INDEXED BY ix_tickets_state", "sqlite")
        .limit(most + 1)
        for state in State
    )
    every = union_all(*(select(one.subquery().c.state) for one in found)).subquery().c
    return select(every.state, func.count().label("tickets")).group_by(every.state)


class AllTickets(NamedTuple):
    """What a list says of all tickets."""

    opened: int
    """How many there ever were."""
    to_check: int
    """How many an operator has to look at because a repeated creation differed."""
    any_readable: bool


def all_tickets(session: Session, actor: Actor) -> AllTickets:
    """One statement, that reads no ticket."""
    opened = select(Counter.value).where(Counter.name == TICKET).scalar_subquery()
    to_check = select(func.count()).where(Ticket.to_check).scalar_subquery()
    any_readable = select(Ticket.number).where(readable(actor)).exists()
    return AllTickets(
        *session.execute(select(func.coalesce(opened, 0), to_check, any_readable)).one()
    )


def is_costly_to_count(everything: AllTickets, wanted: TicketFilter) -> bool:
    """Whether counts take longer than the page itself may."""
    return is_asked_beside_tickets(wanted) and everything.opened > SMALL


def is_asked_beside_tickets(wanted: TicketFilter) -> bool:
    """Whether each ticket is requested something that no index of tickets holds."""
    return wanted != replace(wanted, text="", unseen=None, desk=(), counted=())


def _rows(
    session: Session,
    actor: Actor,
    wanted: TicketFilter,
    limit: int,
    start: Position | None = None,
    *,
    backwards: bool = False,
) -> list[Position]:
    """The first rows behind ``start`` in the order asked for."""
    name = wanted.sort.removeprefix("-")
    downwards = wanted.sort.startswith("-") is not backwards
    found = _conditions(session, actor, wanted)
    few = _finds_few(session, actor, wanted)
    ahead = () if few else _conditions(session, actor, replace(wanted, text=""))

    def first(
        key: Sequence[ColumnElement[Any]],
        begin: Position | None,
        most: int,
        *more: ColumnElement[bool],
    ) -> Sequence[Row[Any]]:
        query = select(*key).where(*more)
        query = query.with_hint(Ticket, f"INDEXED BY {INDEXES[name]}", "sqlite")
        for count in () if few else AHEAD:
            listed = _ordered(query.where(*ahead), key, begin, downwards)
            tickets = listed.limit(count).subquery().c
            holding = select(*tickets).where(_holds(actor, wanted, tickets.number))
            rows = session.execute(
                _ordered(holding, tuple(tickets), None, downwards).limit(most)
            ).all()
            if len(rows) == most or session.execute(listed.offset(count).limit(1)).first() is None:
                return rows
        return session.execute(
            _ordered(query.where(*found), key, begin, downwards).limit(most)
        ).all()

    number = Ticket.number.expression
    if name not in _RANKS:
        key = (SORTS[name].label("sorted"), number.label("number"))
        return [(row.sorted, row.number) for row in first(key, start, limit)]
    rows: list[Position] = []
    for rank, value in sorted(enumerate(_RANKS[name]), reverse=downwards):
        begun = start is not None and rank == start[0]
        if start is not None and not begun and (rank > start[0]) is downwards:
            continue
        of_value = getattr(Ticket, name) == value
        begin = start if begun else None
        rows += [(rank, one.number) for one in first((number,), begin, limit - len(rows), of_value)]
        if len(rows) == limit:
            break
    return rows


def _ordered(
    query: Select[Any],
    key: Sequence[ColumnElement[Any]],
    start: Position | None,
    downwards: bool,
) -> Select[Any]:
    """The query in the order of a key that ends with the number, behind ``start``."""
    if start is not None:
        values = zip(start[-len(key) :], key, strict=True)
        row, given = tuple_(*key), tuple_(*(literal(value, one.type) for value, one in values))
        query = query.where(row < given if downwards else row > given)
    return query.order_by(*(one.desc() if downwards else one for one in key))


def _conditions(
    session: Session, actor: Actor, wanted: TicketFilter, *, by_index: bool = True
) -> Sequence[ColumnElement[bool]]:
    internal = may_read_internal(actor)
    wanted = with_known_sites(session, wanted)
    condition = condition_of(wanted, internal=internal, by_index=by_index)
    return readable(actor), condition


def _holds(actor: Actor, wanted: TicketFilter, number: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a ticket holds the words, looked up by its number."""
    internal = may_read_internal(actor)
    return condition_of_search(
        read_search(wanted.text), internal=internal, by_index=False, number=number
    )


def _finds_few(session: Session, actor: Actor, wanted: TicketFilter) -> bool:
    """Whether few tickets hold the words that are searched for, as their index says."""
    terms = [term for term in read_search(wanted.text).terms if term.words]
    return not terms or count_found(session, terms, FEW, internal=may_read_internal(actor)) <= FEW


def listed(session: Session, numbers: Sequence[int]) -> Listed:
    """These tickets in this order, by two statements."""
    if not numbers:
        return Listed((), {}, {})
    given = {"numbers": numbers}
    found: dict[int, Row[Any]] = {row.number: row for row in session.execute(_LISTED, given)}
    affected: dict[str, dict[int, list[Affected]]] = {
        kind: {number: [] for number in numbers} for kind in ("link", "site")
    }
    for number, _position, kind, *one in session.execute(_AFFECTED, given):
        affected[kind][number].append(Affected(*one))
    return Listed(
        [found[number] for number in numbers if number in found], affected["link"], affected["site"]
    )
