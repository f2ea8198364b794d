"""Pages of the list of tickets and their counts, fast at any size.

A page is fifty rows of perhaps a million, and databases guess badly how to come by them: by the
index of the sort, until fifty rows pass the filter, or by whatever the filter finds, which is then
sorted. So it is not left to guessing. Where one part of the filter finds few tickets (counted in
an index, at most ``Effort.few``), these are collected and sorted; else each part is frequent, and
the sort's index is walked. A search is tried on the first rows of the walk before the full-text
index is asked: a frequent word is found there, and a list of its million tickets never made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, joinedload, lazyload, selectinload

from app.domain.access import Actor, Kind, may_read_internal
from app.domain.tickets import Priority, State
from app.domain.words import read_search
from app.models import Counter, Link, Ticket, TicketLink
from app.services.changes import TICKET
from app.services.ticket_lists import (
    PAGE,
    SORTS,
    TicketFilter,
    condition_of,
    numbers_affecting,
    site_ids,
    with_links,
)
from app.services.ticket_query import readable
from app.services.ticket_search import condition_of_search, count_found

Position = tuple[Any, int]
"""The value of the sort and the number of a row: where a page ends or begins."""


@dataclass(frozen=True)
class Effort:
    """Up to how many tickets something is tried; smaller in tests, so that all ways are gone."""

    few: int = 4000
    """So many are collected and sorted."""
    tried: int = 300
    """Rows in which a search is looked for before the full-text index is asked."""
    tried_on: int = 5000
    """Rows in which it is looked for when the index finds more than ``few``."""
    many: int = 200_000
    """So many are collected and sorted rather than walked for without end: hits may all lie
    together at the far end of the sort."""


EFFORT: Final = Effort()
MOST_COUNTED: Final = 10_000
"""Beyond it a count says only "more"."""
_RANKS: Final[dict[str, Sequence[str]]] = {"state": tuple(State), "priority": tuple(Priority)}
"""Sorts of which each value is a list of its own, in the order of numbers."""
_INDEXES: Final = {
    "number": "NOT INDEXED",
    **{
        name: f"INDEXED BY ix_tickets_{column}"
        for name, column in (
            *((name, name) for name in ("state", "priority", "title", "network", "category")),
            *((name, name) for name in ("layer", "unit", "to_check")),
            ("created", "created_at"),
            ("changed", "changed_at"),
            ("responsible", "responsible_site_id"),
        )
    },
}
"""What SQLite is told to begin with; it keeps no figures to find out by itself. PostgreSQL does."""
_LISTED: Final = (
    # what a row shows of other tables, and nothing that these bring along
    selectinload(Ticket.affected_links)
    .joinedload(TicketLink.link)
    .options(lazyload(Link.end_a), lazyload(Link.end_b)),
    lazyload(Ticket.handed_to),
    joinedload(Ticket.created_by_partner),
)


@dataclass(frozen=True)
class Page:
    """One page of a list, and the positions from which the next ones are read, or None."""

    tickets: Sequence[Ticket]
    after: Position | None
    """Behind its last row, if there are more."""
    before: Position | None = None
    """Before its first row, if there are some."""


@dataclass(frozen=True)
class _Way:
    """How rows are come by: their condition, and the index to begin with."""

    condition: ColumnElement[bool]
    index: str


def list_tickets(
    session: Session,
    actor: Actor,
    wanted: TicketFilter,
    *,
    after: Position | None = None,
    before: Position | None = None,
    last: bool = False,
    limit: int = PAGE,
    effort: Effort = EFFORT,
) -> Page:
    """One page: the first, or that behind ``after``, that before ``before``, or the ``last``."""
    backwards = last or before is not None
    start = before if backwards else after
    finder = _Finder(session, actor, wanted, backwards=backwards, effort=effort)
    rows = finder.rows(start, limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
    tickets = _tickets(session, [number for number, _ in rows])
    if not rows:
        return Page(tickets, None)
    first, end = (rows[0][1], rows[0][0]), (rows[-1][1], rows[-1][0])
    if backwards:
        return Page(tickets, None if last else end, first if more else None)
    return Page(tickets, end if more else None, first if after is not None else None)


def first_numbers(session: Session, actor: Actor, wanted: TicketFilter, limit: int) -> list[int]:
    """Only the numbers of the first tickets."""
    return [
        number for number, _ in _Finder(session, actor, wanted, effort=EFFORT).rows(None, limit)
    ]


def _tickets(session: Session, numbers: Sequence[int]) -> list[Ticket]:
    if not numbers:
        return []
    query = select(Ticket).where(Ticket.number.in_(numbers)).options(*_LISTED)
    found = {ticket.number: ticket for ticket in session.scalars(query).unique()}
    return [found[number] for number in numbers if number in found]


class _Finder:
    """Finds the numbers of one list, from any position on."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        wanted: TicketFilter,
        *,
        backwards: bool = False,
        effort: Effort,
    ) -> None:
        self.session = session
        self.wanted = wanted
        self.effort = effort
        self.internal = may_read_internal(actor)
        self.name = wanted.sort.removeprefix("-")
        self.downwards = wanted.sort.startswith("-") is not backwards
        self._readable = readable(actor)
        self._all_readable = actor.kind is not Kind.PARTNER
        search = read_search(wanted.text) if wanted.text.strip() else None
        self._terms = [term for term in search.terms if term.words] if search else []
        self._is_large = self._count_tickets() > effort.few
        self._begin: str | bool | None = False  # not asked yet

    def rows(self, start: Position | None, limit: int) -> list[tuple[int, Any]]:
        """(number, value of the sort) of the next ``limit`` rows behind ``start``."""
        if self.name not in _RANKS:
            return self._page(self.name, SORTS[self.name], start, limit)
        found: list[tuple[int, Any]] = []
        for rank, value in self._values():
            if start is not None and rank != start[0]:
                if (rank > start[0]) is self.downwards:
                    continue
                start = None
            column = getattr(Ticket, self.name)
            key = (start[1], start[1]) if start is not None else None
            part = self._page(
                self.name, Ticket.number.expression, key, limit - len(found), column == value
            )
            found += [(number, rank) for number, _ in part]
            start = None
            if len(found) == limit:
                break
        return found

    def counts(self, most: int) -> dict[str, int]:
        """How many of each state, at most ``most`` + 1."""
        begin = self._beginning()
        if begin is not None or not self._is_large:
            query = select(Ticket.state, func.count()).where(
                self._readable, self._condition(by_index=True)
            )
            if begin:
                query = query.with_hint(Ticket, begin, "sqlite")
            counted = self.session.execute(query.group_by(Ticket.state))
            return {state: min(count, most + 1) for state, count in counted}
        condition = and_(self._readable, self._condition(by_index=False))
        numbers = {
            str(state): select(literal_column("1"))
            .select_from(Ticket)
            .where(Ticket.state == state, condition)
            .with_hint(Ticket, _INDEXES["state"], "sqlite")
            .limit(most + 1)
            .subquery()
            for state in State
        }
        row = self.session.execute(
            select(
                *(
                    select(func.count()).select_from(one).scalar_subquery()
                    for one in numbers.values()
                )
            )
        ).one()
        return {state: count for state, count in zip(numbers, row, strict=True) if count}

    @property
    def is_costly(self) -> bool:
        """Whether counting looks at many tickets one by one."""
        plain = replace(self.wanted, states=(), sort="number") == TicketFilter(sort="number")
        return self._is_large and not plain and self._beginning_without_text() is None

    def _values(self) -> Iterator[tuple[int, str]]:
        asked = {"state": self.wanted.expanded_states(), "priority": self.wanted.priorities}
        values = [
            (rank, str(value))
            for rank, value in enumerate(_RANKS[self.name])
            if not asked[self.name] or value in asked[self.name]
        ]
        return iter(values[::-1] if self.downwards else values)

    def _page(
        self,
        sort: str,
        column: ColumnElement[Any],
        start: Position | None,
        limit: int,
        only: ColumnElement[bool] | None = None,
    ) -> list[tuple[int, Any]]:
        parts = [self._readable]
        if only is not None:
            parts.append(only)
        if start is not None:
            parts.append(self._behind(column, start))
        begin = self._beginning_without_text() if self._is_large else ""
        if begin is not None:  # few tickets, or few of the filter
            way = _Way(and_(*parts, self._condition(by_index=not begin)), begin)
            return self._read(way, column, limit)
        walk = _Way(and_(*parts), _INDEXES[sort])
        if self._terms:
            tried = self._try_walk(walk, column, limit, self.effort.tried)
            if tried is None and not self._finds_at_most(self.effort.few):
                tried = self._try_walk(walk, column, limit, self.effort.tried_on)
            if tried is not None:
                return tried
            if self._finds_at_most(self.effort.many):
                way = _Way(and_(*parts, self._condition(by_index=True)), _INDEXES["number"])
                return self._read(way, column, limit)
        parts.append(self._condition(by_index=False))
        return self._read(_Way(and_(*parts), walk.index), column, limit)

    def _condition(self, *, by_index: bool) -> ColumnElement[bool]:
        return condition_of(self.wanted, internal=self.internal, by_index=by_index)

    def _behind(self, column: ColumnElement[Any], start: Position) -> ColumnElement[bool]:
        key = tuple_(column, Ticket.number)
        given = tuple_(literal(start[0], column.type), literal(start[1]))
        return key < given if self.downwards else key > given

    def _select(self, way: _Way, column: ColumnElement[Any]) -> Select[Any]:
        query = select(Ticket.number, column.label("sorted")).where(way.condition)
        if way.index:
            query = query.with_hint(Ticket, way.index, "sqlite")
        if column is Ticket.number.expression or column.compare(Ticket.number.expression):
            return query.order_by(Ticket.number.desc() if self.downwards else Ticket.number)
        if self.downwards:
            return query.order_by(column.desc(), Ticket.number.desc())
        return query.order_by(column, Ticket.number)

    def _read(self, way: _Way, column: ColumnElement[Any], limit: int) -> list[tuple[int, Any]]:
        rows = self.session.execute(self._select(way, column).limit(limit))
        return [(row[0], row[1]) for row in rows]

    def _try_walk(
        self, way: _Way, column: ColumnElement[Any], limit: int, most: int
    ) -> list[tuple[int, Any]] | None:
        """The page, if the first ``most`` rows of the walk fill it; else None."""
        rest = condition_of(replace(self.wanted, text=""), internal=self.internal)
        rows = self._select(replace(way, condition=and_(way.condition, rest)), column)
        walked = rows.limit(most).subquery("walked")
        number, value = walked.c
        held = condition_of_search(
            read_search(self.wanted.text), internal=self.internal, by_index=False, number=number
        )
        order = (value.desc(), number.desc()) if self.downwards else (value, number)
        query = select(number, value).where(held).order_by(*order).limit(limit)
        found = [(row[0], row[1]) for row in self.session.execute(query)]
        return found if len(found) == limit else None

    def _finds_at_most(self, most: int) -> bool:
        """Whether the full-text index finds no more tickets than that."""
        return count_found(self.session, self._terms, most, internal=self.internal) <= most

    def _beginning(self) -> str | None:
        """The index to begin with where few tickets have to be looked at, or None."""
        if not self._is_large:
            return ""
        begin = self._beginning_without_text()
        if begin is None and self._terms and self._finds_at_most(self.effort.few):
            return _INDEXES["number"]
        return begin

    def _beginning_without_text(self) -> str | None:
        if self._begin is False:
            self._begin = self._find_beginning()
        assert not isinstance(self._begin, bool)
        return self._begin

    def _find_beginning(self) -> str | None:
        """Count what each part of the filter finds, in its index."""
        parts = list(self._parts())
        if not parts:
            return None
        most = self.effort.few
        counts = self.session.execute(
            select(
                *(
                    select(func.count())
                    .select_from(numbers.limit(most + 1).subquery())
                    .scalar_subquery()
                    for _, numbers in parts
                )
            )
        ).one()
        fewest = min(range(len(parts)), key=lambda at: counts[at])
        return _INDEXES[parts[fewest][0]] if counts[fewest] <= most else None

    def _parts(self) -> Iterator[tuple[str, Select[Any]]]:
        """The parts of the filter that an index answers, each as the numbers that it finds."""
        wanted = self.wanted
        columns = (
            ("state", Ticket.state, wanted.expanded_states()),
            ("network", Ticket.network, wanted.networks),
            ("category", Ticket.category, wanted.categories),
            ("layer", Ticket.layer, wanted.layers),
            ("unit", Ticket.unit, wanted.units),
            ("priority", Ticket.priority, wanted.priorities),
        )
        for name, column, values in columns:
            if values and set(values) != set(_RANKS.get(name, ())):
                yield (
                    name,
                    select(Ticket.number)
                    .where(column.in_(values))
                    .with_hint(Ticket, _INDEXES[name], "sqlite"),
                )
        if wanted.links:
            yield "number", with_links(wanted.links)
        if wanted.sites:
            yield "number", numbers_affecting(wanted.sites)
        if wanted.responsible:
            yield (
                "responsible",
                select(Ticket.number).where(
                    Ticket.responsible_site_id.in_(site_ids(wanted.responsible))
                ),
            )
        if wanted.created_from is not None or wanted.created_to is not None:
            days = TicketFilter(created_from=wanted.created_from, created_to=wanted.created_to)
            yield "created", select(Ticket.number).where(condition_of(days))
        if wanted.to_check:
            yield "to_check", select(Ticket.number).where(Ticket.to_check)
        for term in read_search(wanted.text).terms:
            if term.number is not None:
                yield "number", select(Ticket.number).where(Ticket.number == term.number)

    def _count_tickets(self) -> int:
        """As many as were ever opened: none goes away."""
        query = select(Counter.value).where(Counter.name == TICKET)
        return self.session.scalar(query) or 0


def count_by_state(
    session: Session,
    actor: Actor,
    wanted: TicketFilter,
    *,
    most: int = 2**31 - 2,
    effort: Effort = EFFORT,
) -> dict[str, int]:
    """How many tickets of each state the filter finds, its states left aside.

    A count that is larger than ``most`` is ``most`` + 1.
    """
    everything = replace(wanted, states=())
    return _Finder(session, actor, everything, effort=effort).counts(most)


def is_costly_to_count(
    session: Session, actor: Actor, wanted: TicketFilter, effort: Effort = EFFORT
) -> bool:
    """Whether counts take longer than the page itself may."""
    return _Finder(session, actor, replace(wanted, states=()), effort=effort).is_costly
