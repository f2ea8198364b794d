"""Writes the rows of a new ticket: the ticket, its parts, its words, and its first change.

All who create tickets wait for each other from the ticket's number to the commit. So everything is
known before the number is taken, and on PostgreSQL all rows are one statement: a statement for
each table, by the mapper, held the lock three times as long. SQLite, which needs no round trips
and lets one transaction write, has a statement for each table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import (
    CTE,
    Insert,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from app.core.models.base import Base
from app.core.rules.access import Writer
from app.core.services.changes import (
    TICKET,
    FieldChange,
    change_values,
    given_rows,
    logged_after,
    next_number,
    record_change,
    take_number,
)
from app.tickets.models.relations import Acknowledgement
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import (
    ConcernedSite,
    ExternalReference,
    OriginKey,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketSite,
    UnknownLink,
)
from app.tickets.services.fields import facts_of
from app.tickets.services.search.index import NewWords

Row = Mapping[str, Any]


def _table(row: type[Base]) -> Table:
    return cast(Table, row.__table__)


_tickets, _sites, _spellings, _unknown, _words, _keys, _concerned = map(
    _table,
    (Ticket, TicketSite, SiteSpelling, UnknownLink, TicketWords, OriginKey, ConcernedSite),
)
_PARTS: Final[Mapping[Table, Sequence[str]]] = {
    _table(TicketLink): ("position", "link_id", "recognised"),
    _sites: ("position", "site_id", "name", "recognised"),
    _table(ExternalReference): ("kind", "provider", "partner_id", "reference", "url"),
    _table(Acknowledgement): ("site_id", "answer", "reason", "author"),
    _unknown: ("name", "link_id"),
    _concerned: ("site_id",),
}
"""What a new ticket may have several of, with the columns that are stored next to its number."""
_COLUMNS: Final = tuple(column.name for column in _tickets.c if column.name != "number")
_SPELL: Final = insert(_spellings).from_select(
    ["ticket_site_id", "partner_id", "name"],
    select(_sites.c.id, bindparam("partner_id"), bindparam("name")).where(
        _sites.c.ticket_number == bindparam("number"), _sites.c.position == bindparam("position")
    ),
)
_BIND_KEY: Final = (
    update(_keys)
    .where(_keys.c.id == bindparam("origin_key"))
    .values(ticket_number=bindparam("number"))
)


@dataclass(frozen=True)
class NewRows:
    """What is written of a new ticket in addition to its own row."""

    words: NewWords
    unknown_links: Mapping[str, int | None]
    """Words of its texts that look like link ids but are not, with the link that each means."""
    logged: Sequence[FieldChange]
    at: datetime
    origin_key: int | None = None
    """The key that is bound to it."""


def insert_ticket(session: Session, by: Writer, ticket: Ticket, more: NewRows) -> int:
    """Write a ticket that is in no session, with its parts; its number, which is taken here."""
    session.flush()
    row = _row(ticket, _COLUMNS)
    listed: Sequence[Sequence[Base]] = (
        *(ticket.affected_links, ticket.affected_sites),
        *(ticket.references, ticket.acknowledgements),
    )
    parts = {
        table: [_row(item, _PARTS[table]) for item in items]
        for table, items in zip(_PARTS, listed, strict=False)  # the others follow
    }
    parts[_unknown] = [
        {"name": name, "link_id": link_id} for name, link_id in more.unknown_links.items()
    ]
    parts[_concerned] = [{"site_id": site} for site in sorted(facts_of(ticket).site_ids)]
    spelled = [
        {"position": item.position, "partner_id": spelling.partner_id, "name": spelling.name}
        for item in ticket.affected_sites
        for spelling in item.spellings
    ]
    if session.get_bind().dialect.name != "postgresql":
        return _one_by_one(session, by, row, parts, spelled, more)
    given = {f"ticket_{name}": value for name, value in row.items()}
    given |= {table.name: json.dumps(rows) for table, rows in parts.items()}
    given |= {"spelled": json.dumps(spelled), "origin_key": more.origin_key}
    given |= asdict(more.words)
    given |= change_values(by, TICKET, 1, more.at, more.logged)
    return int(session.connection().execute(_all_at_once(), given).scalar_one())


def _row(item: Base, names: Sequence[str]) -> dict[str, Any]:
    """These columns of a row that is in no session, with the default of what was not set."""
    columns = item.__table__.c
    values = {name: getattr(item, name) for name in names}
    for name, value in values.items():
        default = columns[name].default
        if value is None and default is not None and default.is_scalar:
            values[name] = cast(Any, default).arg
    return values


def _one_by_one(
    session: Session,
    by: Writer,
    row: Row,
    parts: Mapping[Table, Sequence[Row]],
    spelled: Sequence[Row],
    more: NewRows,
) -> int:
    connection = session.connection()
    number = take_number(session, TICKET)
    connection.execute(insert(_tickets), {"number": number, **row})
    for table, rows in parts.items():
        if rows:
            connection.execute(insert(table), [{"ticket_number": number, **one} for one in rows])
    for spelling in spelled:
        connection.execute(_SPELL, {"number": number, **spelling})
    connection.execute(insert(_words), more.words.row(number))
    record_change(
        session, by, kind=TICKET, thing_id=number, fields=more.logged, version=1, at=more.at
    )
    if more.origin_key is not None:
        connection.execute(_BIND_KEY, {"origin_key": more.origin_key, "number": number})
    return number


@cache
def _all_at_once() -> Any:
    """PostgreSQL's statement. Each of its parts reads what the one before returned, so that locks
    are taken in the usual order: the ticket's counter, then that of changes."""
    taken = next_number(TICKET).cte("taken")
    ticket = (
        insert(_tickets)
        .from_select(
            ["number", *_COLUMNS],
            select(
                taken.c.value,
                *(bindparam(f"ticket_{name}", type_=_tickets.c[name].type) for name in _COLUMNS),
            ),
        )
        .returning(_tickets.c.number.label("thing_id"))
        .cte("ticket")
    )
    inserts = {table: _inserted(table, names, ticket) for table, names in _PARTS.items()}
    site = inserts.pop(_sites).returning(_sites.c.id, _sites.c.position).cte("site")
    parts = [site, *(one.cte(f"new_{table.name}") for table, one in inserts.items())]
    spelled = given_rows("spelled", _sites.c.position, _spellings.c.partner_id, _spellings.c.name)
    parts.append(
        insert(_spellings)
        .from_select(
            ["ticket_site_id", "partner_id", "name"],
            select(site.c.id, spelled.c.partner_id, spelled.c.name).join(
                spelled, spelled.c.position == site.c.position
            ),
        )
        .cte("spelling")
    )
    parts.append(
        insert(_words)
        .from_select(
            ["ticket_number", "public", "internal", "endings"],
            select(
                ticket.c.thing_id,
                func.concat(" ", ticket.c.thing_id, bindparam("public", type_=Text)),
                *(bindparam(name, type_=Text) for name in ("internal", "endings")),
            ),
        )
        .cte("words")
    )
    parts.append(
        update(_keys)
        .where(_keys.c.id == bindparam("origin_key", type_=_keys.c.id.type))
        .values(ticket_number=select(ticket.c.thing_id).scalar_subquery())
        .cte("bound")
    )
    logged = logged_after(ticket)
    return select(ticket.c.thing_id).add_cte(*parts, *logged)


def _inserted(table: Table, names: Sequence[str], ticket: CTE) -> Insert:
    given = given_rows(table.name, *(table.c[name] for name in names))
    return insert(table).from_select(
        ["ticket_number", *names],
        select(ticket.c.thing_id, *(given.c[name] for name in names)).join(given, true()),
        include_defaults=False,  # all columns that have one are given
    )
