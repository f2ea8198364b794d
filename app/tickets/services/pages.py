"""Pages of the list of tickets and their counts, fast at any size.

A page is fifty rows of perhaps a million, and databases guess badly how to come by them: by the
index of the sort, until fifty rows pass the filter, or by whatever the filter finds, which is then
sorted. So it is not left to guessing. Where one part of the filter finds few tickets (counted in
an index, at most ``Effort.few``), these are collected and sorted. Else each part is frequent, and
the first rows of the sort's index are looked at, one by one: what is frequent fills a page there.
Parts that are frequent alone may be rare together, or all their tickets lie at the far end of the
sort: then the part that finds the fewest is collected from its index, what the other indexes do not
find is left out before any ticket is read, and the rest is sorted. Words are such a part: the
full-text index is asked only where the first rows do not suffice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session, joinedload, lazyload, selectinload

from app.core.models.changes import Counter
from app.core.rules.access import Actor, may_read_internal
from app.core.services.changes import TICKET
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import Priority, State
from app.tickets.rules.tokenizer import read_search
from app.tickets.services.lists.lists import (
    PAGE,
    SORTS,
    TicketFilter,
    affects,
    condition_of,
    has_links,
    numbers_affecting,
    site_ids,
    with_links,
)
from app.tickets.services.lists.query import readable
from app.tickets.services.search.search import condition_of_search, count_found

Position = tuple[Any, int]
"""The value of the sort and the number of a row: where a page ends or begins."""


@dataclass(frozen=True)
class Effort:
    """Up to how many tickets something is tried; smaller in tests, so that all ways are gone."""

    few: int = 4000
    """So many are collected and sorted at once."""
    tried: int = 300
    """Rows of the sort that are looked at before the full-text index is asked."""
    tried_on: int = 3000
    """Rows that are looked at before anything is collected that is not few."""
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
class _Part:
    """A part of the filter that an index answers."""

    numbers: Select[Any] | CompoundSelect[Any]
    """The numbers of all tickets that it finds."""
    holds: Callable[[ColumnElement[int]], ColumnElement[bool]] | None = None
    """Whether the ticket of a number is among them, as an index says without the ticket."""
    field: str = ""
    """The field of the filter that ``holds`` answers."""


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
        search = read_search(wanted.text) if wanted.text.strip() else None
        self._terms = [term for term in search.terms if term.words] if search else []
        self._is_large = self._count_tickets() > effort.few
        self._few: _Part | bool | None = False  # not asked yet

    def rows(self, start: Position | None, limit: int) -> list[tuple[int, Any]]:
        """(number, value of the sort) of the next ``limit`` rows behind ``start``."""
        if not self._is_large:
            return self._collect(self._condition(by_index=True), "", start, limit)
        few = self._few_without_text()
        if few is not None:
            return self._collect_part(few, (few,), start, limit)
        found = None
        if not self._is_plain:
            found = self._walk(start, limit, self.effort.tried)
            if found is None and self._terms and self._finds_at_most(self.effort.few):
                return self._collect_text(start, limit)
            if found is None:
                found = self._walk(start, limit, self.effort.tried_on)
            if found is None:
                found = self._collect_fewest(start, limit)
        if found is None:
            found = self._walk(start, limit)
        assert found is not None  # without a limit it comes to the end
        return found

    def counts(self, most: int) -> dict[str, int]:
        """How many of each state, at most ``most`` + 1."""
        hint = ""
        condition: ColumnElement[bool] | None = None
        if not self._is_large:
            condition = self._condition(by_index=True)
        elif (few := self._few_without_text()) is not None:
            hint = _INDEXES["number"]
            condition = and_(Ticket.number.in_(few.numbers), self._condition(by_index=False))
        elif self._terms and self._finds_at_most(self.effort.few):
            hint = _INDEXES["number"]
            condition = self._condition(by_index=True)
        if condition is not None:
            query = select(Ticket.state, func.count()).where(self._readable, condition)
            if hint:
                query = query.with_hint(Ticket, hint, "sqlite")
            counted = self.session.execute(query.group_by(Ticket.state))
            return {state: min(count, most + 1) for state, count in counted}
        condition = and_(self._readable, self._condition_of_many())
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
        return self._is_large and not plain and self._few_without_text() is None

    @property
    def _is_plain(self) -> bool:
        """Whether nothing is asked but a sort, and perhaps states that this sort begins with."""
        sort = self.wanted.sort
        states = self.wanted.states if self.name == "state" else ()
        return self.wanted == TicketFilter(states=states, sort=sort)

    def _values(self) -> Iterator[tuple[int, str]]:
        asked = {"state": self.wanted.expanded_states(), "priority": self.wanted.priorities}
        values = [
            (rank, str(value))
            for rank, value in enumerate(_RANKS[self.name])
            if not asked[self.name] or value in asked[self.name]
        ]
        return iter(values[::-1] if self.downwards else values)

    def _walk(
        self, start: Position | None, limit: int, most: int | None = None
    ) -> list[tuple[int, Any]] | None:
        """The page by the index of the sort; None if it looked at ``most`` rows and is not full."""
        if self.name not in _RANKS:
            key = self._behind(SORTS[self.name], start) if start is not None else true()
            walk = and_(self._readable, key)
            return self._walk_index(self.name, SORTS[self.name], walk, limit, most)
        found: list[tuple[int, Any]] = []
        column = getattr(Ticket, self.name)
        for rank, value in self._values():
            if start is not None and rank != start[0] and (rank > start[0]) is self.downwards:
                continue
            walk = and_(self._readable, column == value)
            if start is not None and rank == start[0]:
                own = Ticket.number
                walk = and_(walk, own < start[1] if self.downwards else own > start[1])
            left = limit - len(found)
            part = self._walk_index(self.name, Ticket.number.expression, walk, left, most)
            if part is None:
                return None
            found += [(number, rank) for number, _ in part]
            if len(found) == limit:
                break
        return found

    def _walk_index(
        self,
        index: str,
        column: ColumnElement[Any],
        walk: ColumnElement[bool],
        limit: int,
        most: int | None,
    ) -> list[tuple[int, Any]] | None:
        hint = _INDEXES[index]
        if most is None:
            rows = self._select(and_(walk, self._condition_of_many()), hint, column)
            return self._read(rows.limit(limit))
        condition = self._condition(by_index=False)
        walked = self._select(walk, hint, column).limit(most).subquery("walked")
        value = walked.c.sorted
        order = (value.desc(), Ticket.number.desc()) if self.downwards else (value, Ticket.number)
        query = (
            select(Ticket.number, value)
            .join(walked, walked.c.number == Ticket.number)
            .where(condition)
            .with_hint(Ticket, _INDEXES["number"], "sqlite")
        )
        found = self._read(query.order_by(*order).limit(limit))
        if len(found) == limit:
            return found
        further = self._select(walk, hint, column).offset(most).limit(1)
        return None if self._read(further) else found

    def _collect_fewest(self, start: Position | None, limit: int) -> list[tuple[int, Any]] | None:
        """By the part that finds the fewest tickets, unless even these are too many."""
        most = self.effort.many
        parts = list(self._parts())
        counts = self._count_parts(parts, most)
        fewest = min(range(len(parts)), key=lambda at: counts[at], default=None)
        least = most if fewest is None else min(most, counts[fewest])
        # counting words takes as long as looking at some thousand tickets
        if self._terms and least > self.effort.few * 4 and self._finds_at_most(least):
            return self._collect_text(start, limit)
        if fewest is None or counts[fewest] > most:
            return None
        return self._collect_part(parts[fewest], parts, start, limit)

    def _collect_text(self, start: Position | None, limit: int) -> list[tuple[int, Any]]:
        """All that the full-text index finds, sorted."""
        return self._collect(self._condition(by_index=True), _INDEXES["number"], start, limit)

    def _collect_part(
        self, part: _Part, parts: Sequence[_Part], start: Position | None, limit: int
    ) -> list[tuple[int, Any]]:
        """All that the part finds, sorted; other ``parts`` are asked of their indexes first."""
        numbers = part.numbers.subquery("part")
        own = numbers.c[0]
        held = [one.holds(own) for one in parts if one is not part and one.holds is not None]
        hits = select(own.label("number")).where(*held).distinct().cte("hits")
        # made once and first, whatever the database believes of it
        hits = hits.prefix_with("MATERIALIZED")
        answered: Any = {one.field: () for one in (part, *parts) if one.field}
        rest = replace(self.wanted, **answered)
        found = Ticket.number.in_(select(hits.c.number))
        if self._terms:  # words are looked at last, and not at those of all if they are frequent
            tried = self._collect(
                and_(found, condition_of(replace(rest, text=""), internal=self.internal)),
                _INDEXES["number"],
                start,
                self.effort.tried_on,
                text_in=limit,
            )
            if len(tried) == limit:
                return tried
        condition = condition_of(rest, internal=self.internal, by_index=False)
        return self._collect(and_(found, condition), _INDEXES["number"], start, limit)

    def _collect(
        self,
        condition: ColumnElement[bool],
        hint: str,
        start: Position | None,
        limit: int,
        *,
        text_in: int | None = None,
    ) -> list[tuple[int, Any]]:
        """The first of those that the condition finds; ``text_in``: so many of them by words."""
        column = SORTS[self.name]
        parts = [self._readable, condition]
        if start is not None:
            parts.append(self._behind(column, start))
        query = self._select(and_(*parts), hint, column).limit(limit)
        return self._read(query if text_in is None else self._by_words(query, text_in))

    def _by_words(self, query: Select[Any], limit: int) -> Select[Any]:
        """The first of these rows that hold the words, each looked at."""
        number, value = query.subquery("looked_at").c
        held = condition_of_search(
            read_search(self.wanted.text), internal=self.internal, by_index=False, number=number
        )
        order = (value.desc(), number.desc()) if self.downwards else (value, number)
        return select(number, value).where(held).order_by(*order).limit(limit)

    def _condition(self, *, by_index: bool) -> ColumnElement[bool]:
        return condition_of(self.wanted, internal=self.internal, by_index=by_index)

    def _condition_of_many(self) -> ColumnElement[bool]:
        """The condition where perhaps all tickets are looked at: only words one by one."""
        rest = condition_of(replace(self.wanted, text=""), internal=self.internal)
        words = TicketFilter(text=self.wanted.text)
        return and_(rest, condition_of(words, internal=self.internal, by_index=False))

    def _behind(self, column: ColumnElement[Any], start: Position) -> ColumnElement[bool]:
        key = tuple_(column, Ticket.number)
        given = tuple_(literal(start[0], column.type), literal(start[1]))
        return key < given if self.downwards else key > given

    def _select(
        self, condition: ColumnElement[bool], hint: str, column: ColumnElement[Any]
    ) -> Select[Any]:
        query = select(Ticket.number, column.label("sorted")).where(condition)
        if hint:
            query = query.with_hint(Ticket, hint, "sqlite")
        if column is Ticket.number.expression or column.compare(Ticket.number.expression):
            return query.order_by(Ticket.number.desc() if self.downwards else Ticket.number)
        if self.downwards:
            return query.order_by(column.desc(), Ticket.number.desc())
        return query.order_by(column, Ticket.number)

    def _read(self, query: Select[Any]) -> list[tuple[int, Any]]:
        return [(row[0], row[1]) for row in self.session.execute(query)]

    def _finds_at_most(self, most: int) -> bool:
        """Whether the full-text index finds no more tickets than that."""
        return count_found(self.session, self._terms, most, internal=self.internal) <= most

    def _few_without_text(self) -> _Part | None:
        """The part of the filter that finds few tickets, or None."""
        if isinstance(self._few, bool):
            parts = list(self._parts())
            counts = self._count_parts(parts, self.effort.few)
            fewest = min(range(len(parts)), key=lambda at: counts[at], default=None)
            is_few = fewest is not None and counts[fewest] <= self.effort.few
            self._few = parts[fewest] if fewest is not None and is_few else None
        return self._few

    def _count_parts(self, parts: Sequence[_Part], most: int) -> Sequence[int]:
        """What each part finds, in its index, at most ``most`` + 1."""
        if not parts:
            return ()
        counts = (
            select(func.count())
            .select_from(part.numbers.limit(most + 1).subquery())
            .scalar_subquery()
            for part in parts
        )
        return tuple(self.session.execute(select(*counts)).one())

    def _parts(self) -> Iterator[_Part]:
        """The parts of the filter that an index answers."""
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
                yield _Part(
                    select(Ticket.number)
                    .where(column.in_(values))
                    .with_hint(Ticket, _INDEXES[name], "sqlite")
                )
        if wanted.links:
            yield _Part(with_links(wanted.links), partial(has_links, wanted.links), "links")
        if wanted.sites:
            yield _Part(numbers_affecting(wanted.sites), partial(affects, wanted.sites), "sites")
        if wanted.responsible:
            yield _Part(
                select(Ticket.number).where(
                    Ticket.responsible_site_id.in_(site_ids(wanted.responsible))
                )
            )
        if wanted.created_from is not None or wanted.created_to is not None:
            days = TicketFilter(created_from=wanted.created_from, created_to=wanted.created_to)
            yield _Part(select(Ticket.number).where(condition_of(days)))
        if wanted.to_check:
            yield _Part(select(Ticket.number).where(Ticket.to_check))
        for term in read_search(wanted.text).terms:
            if term.number is not None:
                yield _Part(select(Ticket.number).where(Ticket.number == term.number))

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
