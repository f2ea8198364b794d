"""Finds tickets by their words: one condition for both databases.

Whether a ticket holds a term is defined by its stored words alone (see
``app.tickets.rules.tokenizer``): the term is in them as a text. The databases' full-text
indexes only spare looking at each ticket. Internal words are looked at for those alone who may read
internal entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Self

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    and_,
    bindparam,
    case,
    false,
    literal,
    null,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import Null, Tuple
from sqlalchemy.sql.functions import FunctionElement

from app.core.database.expressions import place_in
from app.tickets.models.search import INDEX, TicketWords
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tokenizer import Search, Term

_BIGGEST: Final = 2**31 - 1


def condition_of_search(
    search: Search,
    *,
    internal: bool,
    by_index: bool = True,
    number: ColumnElement[int] = Ticket.number.expression,
) -> ColumnElement[bool]:
    """Holds for the tickets that hold all terms; ``internal``: also by their internal words.

    ``by_index`` asks the full-text index for all such tickets; without it each ticket is looked at,
    by its ``number``.
    """
    if search.finds_nothing:
        return false()
    parts: list[ColumnElement[bool]] = [
        number == term.number if term.number <= _BIGGEST else false()
        for term in search.terms
        if term.number is not None
    ]
    terms = [term for term in search.terms if term.words]
    if terms and by_index:
        parts.append(_found(terms, internal=internal))
    elif terms:
        parts += [holds(term, number, internal=internal) for term in terms]
    return and_(*parts)


def holds(term: Term, number: ColumnElement[int], *, internal: bool) -> ColumnElement[bool]:
    """Whether the words of a ticket hold the term, looked up ticket by ticket."""
    needle: BindParameter[str] = bindparam(None, term.needle)
    inside: ColumnElement[bool] = place_in(TicketWords.public, needle) > 0
    if internal:
        inside = or_(inside, place_in(TicketWords.internal, needle) > 0)
    if term.part:
        part: BindParameter[str] = bindparam(None, term.needle_of_part)
        inside = or_(place_in(TicketWords.endings, part) > 0, inside)
    # a value, not EXISTS: of that PostgreSQL would make a join and look at every ticket's words
    return select(inside).where(TicketWords.ticket_number == number).scalar_subquery()


def hits_of(terms: Sequence[Term]) -> ColumnElement[int]:
    """How many of the terms are in the public words of a row of ``TicketWords``."""
    return sum(
        (
            case((place_in(TicketWords.public, bindparam(None, term.needle)) > 0, 1), else_=0)
            for term in terms
        ),
        start=literal(0),
    )


def count_found(session: Session, terms: Sequence[Term], most: int, *, internal: bool) -> int:
    """How many tickets the index finds by the words of all terms, at most ``most`` + 1."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        found = f"SELECT 1 FROM {INDEX} WHERE {INDEX} MATCH :w0"  # noqa: S608  # parameters
        given = {"w0": sqlite_match(terms, internal=internal)}
    else:
        columns = ("public", "internal") if internal else ("public",)
        where = " AND ".join(
            gin_condition(f":w{at}", columns, f":p{at}" if term.part else None)
            for at, term in enumerate(terms)
        )
        found = f"SELECT 1 FROM ticket_words WHERE {where}"  # noqa: S608  # parameters
        given = {f"w{at}": _postgresql_query(term) for at, term in enumerate(terms)} | {
            f"p{at}": _postgresql_part(term) for at, term in enumerate(terms) if term.part
        }
    counted = f"SELECT count(*) FROM ({found} LIMIT {most + 1}) AS found"  # noqa: S608  # likewise
    return int(connection.execute(text(counted), given).scalar_one())


def _found(terms: Sequence[Term], *, internal: bool) -> ColumnElement[bool]:
    """Whether the index finds a ticket by the words of all terms, and phrases stand in them."""
    kind = _FoundByAny if internal else _FoundByPublic
    return kind(
        Ticket.number,
        bindparam(None, sqlite_match(terms, internal=internal)),
        *(
            tuple_(
                bindparam(None, _postgresql_query(term)),
                # a phrase: the index knows no order of words
                bindparam(None, term.needle) if len(term.words) > 1 else null(),
                bindparam(None, _postgresql_part(term)) if term.part else null(),
            )
            for term in terms
        ),
    )


def sqlite_match(terms: Sequence[Term], *, internal: bool) -> str:
    """All terms in the language of FTS5; words hold nothing that it would take for its own."""
    columns = "{public internal}" if internal else "{public}"
    return " AND ".join(_sqlite_match(term, columns) for term in terms)


def _sqlite_match(term: Term, columns: str) -> str:
    quoted = [f'"{word}"' for word in term.words]
    if term.begun:
        quoted[-1] += " *"
    match = f"{columns} : ({' AND '.join(quoted)})"
    return f'({match} OR {{endings}} : "{term.words[0]}" *)' if term.part else match


def _postgresql_query(term: Term) -> str:
    quoted = [f"'{word}'" for word in term.words]
    if term.begun:
        quoted[-1] += ":*"
    return " & ".join(quoted)


def _postgresql_part(term: Term) -> str:
    return f"'{term.words[0]}':*"


class _FoundByPublic(FunctionElement[bool]):
    """Whether the index finds a ticket; of: its number, the whole search as SQLite has it, then
    each term as a tuple: as PostgreSQL has it; the text that has to stand there, of a phrase; and
    the beginning of an ending, of a part; else NULL."""

    type = Boolean()
    inherit_cache = True
    name = "found_by_public_words"
    columns_searched: tuple[str, ...] = ("public",)

    def self_group(self, against: Any = None) -> Self:
        """As it is: a comparison "= 1" would keep SQLite from beginning with the index."""
        return self


class _FoundByAny(_FoundByPublic):
    """The same by public and internal words."""

    inherit_cache = True
    name = "found_by_any_words"
    columns_searched = ("public", "internal")


@compiles(_FoundByPublic)
def _fts5(element: _FoundByPublic, compiler: SQLCompiler, **options: Any) -> str:
    number, match, *terms = list(element.clauses)
    own = compiler.process(number, **options)
    found = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH {compiler.process(match, **options)}"  # noqa: S608  # a parameter
    phrases = [
        _stands("instr", compiler.process(needle, **options), element.columns_searched)
        for _, needle, _ in _parted(terms)
        if needle is not None
    ]
    if phrases:
        where = " AND ".join(phrases)
        found = (
            f"SELECT ticket_number FROM ticket_words WHERE ticket_number IN ({found}) AND {where}"  # noqa: S608  # likewise
        )
    return f"{own} IN ({found})"


@compiles(_FoundByPublic, "postgresql")
def _gin(element: _FoundByPublic, compiler: SQLCompiler, **options: Any) -> str:
    number, _, *terms = list(element.clauses)
    own = compiler.process(number, **options)
    columns = element.columns_searched
    found, stands = [], []
    for query, needle, part in _parted(terms):
        ending = None if part is None else compiler.process(part, **options)
        found.append(gin_condition(compiler.process(query, **options), columns, ending))
        if needle is not None:
            stands.append(_stands("strpos", compiler.process(needle, **options), columns))
    where = " AND ".join((*found, *stands))
    # an array: the index is asked first, whatever PostgreSQL believes of the word
    return f"{own} = ANY (ARRAY(SELECT ticket_number FROM ticket_words WHERE {where}))"  # noqa: S608  # likewise


def _parted(
    terms: Sequence[ColumnElement[Any]],
) -> Iterator[tuple[ColumnElement[Any], ColumnElement[Any] | None, ColumnElement[Any] | None]]:
    """Each term's query, the text of a phrase, and the beginning of an ending."""
    for term in terms:
        assert isinstance(term, Tuple)
        query, needle, part = list(term.clauses)
        yield (
            query,
            None if isinstance(needle, Null) else needle,
            None if isinstance(part, Null) else part,
        )


def _stands(function: str, needle: str, columns: Sequence[str]) -> str:
    """That a text is in one of the columns; ``needle`` as SQL."""
    return "(" + " OR ".join(f"{function}({column}, {needle}) > 0" for column in columns) + ")"


def gin_condition(query: str, columns: Sequence[str], ending: str | None) -> str:
    """The condition on ``ticket_words`` of one term, as its indexes can answer it: the words of
    these columns, or an ``ending`` of the title; both as SQL."""
    wanted = [(column, query) for column in columns]
    if ending is not None:
        wanted.append(("endings", ending))
    parts = (f"ticket_fts_words({column}) @@ CAST({one} AS tsquery)" for column, one in wanted)
    return f"({' OR '.join(parts)})"
