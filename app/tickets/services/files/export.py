"""Tickets as rows of a file: read past the mapped rows, in chunks, with nothing held in between.

What an export promises: *which* tickets it holds, and their order, are those of one moment, its
beginning; each ticket then is there as it is when its chunk is read, whole and once. Only the
numbers are stored meanwhile, four bytes each. No transaction and no connection stays open while a
slow reader takes a chunk: on SQLite such a one would keep the write-ahead log from being taken in,
on PostgreSQL old rows from being cleaned away.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    case,
    func,
    select,
)

from app.accounts.models.partners import Partner
from app.core.database.expressions import iso_time
from app.core.database.transactions import read_connection
from app.core.rules.access import Actor, may_read_internal
from app.core.rules.documents.cells import joined
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.fields import ValueKind
from app.tickets.rules.files import COLUMNS, FIELDS, TicketCells
from app.tickets.services.lists.lists import SORTS, TicketFilter, condition_of
from app.tickets.services.lists.query import readable

AT_ONCE: Final = 1000
"""Tickets of one chunk."""
_NUMBERS_AT_ONCE: Final = 10_000
SHORT: Final = 4000
"""Characters up to which a text is read with its chunk; longer ones come one by one, so that a
chunk of the longest texts needs only as much memory as others."""


_t, _site, _partner, _link = (row.__table__ for row in (Ticket, Site, Partner, Link))
_numbers: BindParameter[Sequence[int]] = bindparam("numbers", expanding=True)


def _text_if_short(column: ColumnElement[str]) -> ColumnElement[str | None]:
    return case((func.length(column) <= SHORT, column))


_OWN: Final[Mapping[str, ColumnElement[Any]]] = {
    "number": _t.c.number,
    "responsible_site": func.coalesce(_site.c.key, ""),
    "created": iso_time(_t.c.created_at),
    "changed": iso_time(_t.c.changed_at),
    "solved": iso_time(_t.c.ended_at),
    # the code that partners are answered; what was imported has no partner
    "origin_system": case(
        (_t.c.origin_system == "", ""), else_=func.coalesce(_partner.c.code, _t.c.origin_system)
    ),
}
"""Cells that are not the ticket's field as it is."""


def _cell(column: str) -> ColumnElement[Any]:
    if column in _OWN:
        return _OWN[column]
    field = FIELDS[column]
    stored: ColumnElement[Any] = _t.c[field.name]
    if field.kind is ValueKind.TIME:
        return iso_time(stored)
    return _text_if_short(stored) if field.kind is ValueKind.LONG_TEXT else stored


_PLACE: Final = COLUMNS.index("links")
"""The place of links, then sites, in a row; they come from tables of their own."""
# Made once, of tables: a mapped row takes ten times as long as what is read of it.
_TICKETS: Final = (
    select(*map(_cell, (*COLUMNS[:_PLACE], *COLUMNS[_PLACE + 2 :])))
    .select_from(
        _t.outerjoin(_site, _site.c.id == _t.c.responsible_site_id).outerjoin(
            _partner, _partner.c.id == _t.c.created_by_partner_id
        )
    )
    .where(_t.c.number.in_(_numbers))
)
_of_links, _of_sites = (row.__table__ for row in (TicketLink, TicketSite))
_LINKS: Final = (
    select(_of_links.c.ticket_number, _link.c.name)
    .join_from(_of_links, _link, _link.c.id == _of_links.c.link_id)
    .where(_of_links.c.ticket_number.in_(_numbers))
    .order_by(_of_links.c.ticket_number, _of_links.c.position)
)
_SITES: Final = (
    select(_of_sites.c.ticket_number, func.coalesce(_site.c.key, _of_sites.c.name))
    .join_from(_of_sites, _site, _site.c.id == _of_sites.c.site_id, isouter=True)
    .where(_of_sites.c.ticket_number.in_(_numbers))
    .order_by(_of_sites.c.ticket_number, _of_sites.c.position)
)
_LONG_TEXTS: Final = {
    COLUMNS.index(column): _t.c[field.name]
    for column, field in FIELDS.items()
    if field.kind is ValueKind.LONG_TEXT
}
"""The long texts by their place in a row."""
_LONG: Final = select(*_LONG_TEXTS.values()).where(_t.c.number == bindparam("number"))


def exported_numbers(engine: Engine, actor: Actor, wanted: TicketFilter) -> Sequence[int]:
    """The numbers of the tickets that the filter finds, in the order of its sort."""
    column = SORTS[wanted.sort.removeprefix("-")]
    downwards = wanted.sort.startswith("-")
    order = (
        (column.desc(), Ticket.number.desc()) if downwards else (column, Ticket.number.expression)
    )
    condition = condition_of(wanted, internal=may_read_internal(actor))
    query = select(Ticket.number).where(readable(actor), condition).order_by(*order)
    numbers = array("i")
    with engine.connect().execution_options(
        stream_results=True, max_row_buffer=_NUMBERS_AT_ONCE
    ) as connection:
        for part in connection.execute(query).scalars().partitions(_NUMBERS_AT_ONCE):
            numbers.extend(part)
    return numbers


def exported_rows(engine: Engine, numbers: Sequence[int]) -> Iterator[list[TicketCells]]:
    """The tickets of these numbers, in this order, some at a time; one that is gone is left out.

    Between two parts nothing of the database is held.
    """
    for first in range(0, len(numbers), AT_ONCE):
        wanted = list(numbers[first : first + AT_ONCE])
        with read_connection(engine) as connection:
            found = _rows(connection, wanted)
        part: list[TicketCells] = []
        for number in wanted:
            row = found.pop(number, None)
            if row is None:
                continue
            if None not in row:
                part.append(row)
                continue
            if part:
                yield part
            yield [_with_long_texts(engine, number, row)]
            part = []
        if part:
            yield part


def _rows(connection: Connection, numbers: list[int]) -> dict[int, TicketCells]:
    given = {"numbers": numbers}
    links = _joined(connection.execute(_LINKS, given).all())
    sites = _joined(connection.execute(_SITES, given).all())
    return {
        row[0]: (
            *(str(row[0]), *row[1:_PLACE]),
            *(links.get(row[0], ""), sites.get(row[0], "")),
            *row[_PLACE:],
        )
        for row in connection.execute(_TICKETS, given).all()
    }


def _joined(pairs: Iterable[Sequence[Any]]) -> Mapping[int, str]:
    """The names of each ticket in one cell."""
    cells: dict[int, str] = {}
    for number, name in pairs:
        if ";" in name or "\\" in name:
            name = joined([name])
        cells[number] = f"{cells[number]};{name}" if number in cells else name
    return cells


def _with_long_texts(engine: Engine, number: int, row: TicketCells) -> TicketCells:
    with read_connection(engine) as connection:
        texts = connection.execute(_LONG, {"number": number}).one()
    cells = dict(enumerate(row)) | dict(zip(_LONG_TEXTS, texts, strict=True))
    return tuple(cells.values())
