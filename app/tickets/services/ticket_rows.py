"""Tickets as plain rows, for answers that partners ask for many times a second.

One statement for one ticket, two for many, however many there are, and no mapped objects. A new
column of a ticket is in its row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Result, Select, bindparam, func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.rules.access import Actor
from app.registry.models.registry import Site, SiteName
from app.tickets.models.tickets import SiteSpelling, Ticket, TicketSite
from app.tickets.services.diaries import Entry, diary_of, entries_of, read_diary
from app.tickets.services.lists.query import own_of, readable, reads_all

_AT_ONCE: Final = 500

TicketRow = Any
"""A ticket's columns; ``partner_code``, of the partner that created it, or None; ``affected_site``,
the first one in the spelling of the partner that asks, else under its GOCDB name, or None."""

_tickets, _affected, _sites, _names, _spellings, _partners = (
    row.__table__ for row in (Ticket, TicketSite, Site, SiteName, SiteSpelling, Partner)
)
_gocdb_name = (
    select(_names.c.name)
    .where(_names.c.site_id == _sites.c.id, _names.c.system == "GOCDB")
    .order_by(_names.c.id)
    .limit(1)
    .scalar_subquery()
)
_affected_site = (
    select(func.coalesce(_spellings.c.name, _gocdb_name, _sites.c.key, _affected.c.name))
    .select_from(_affected)
    .outerjoin(_sites, _sites.c.id == _affected.c.site_id)
    .outerjoin(
        _spellings,
        (_spellings.c.ticket_site_id == _affected.c.id)
        & (_spellings.c.partner_id == bindparam("partner_id")),
    )
    .where(_affected.c.ticket_number == _tickets.c.number)
    .order_by(_affected.c.position)
    .limit(1)
    .scalar_subquery()
)
_ROWS: Final = (
    select(
        _tickets,
        _partners.c.code.label("partner_code"),
        _affected_site.label("affected_site"),
    )
    .outerjoin(_partners, _partners.c.id == _tickets.c.created_by_partner_id)
    .order_by(_tickets.c.number)
)


@cache
def _one(dialect: str, *, own: bool) -> Select[Any]:
    """The statement for one ticket: to put it together takes longer than to carry it out."""
    statement = _ROWS.add_columns(diary_of(_tickets.c.number, dialect).label("diary")).where(
        _tickets.c.number == bindparam("number")
    )
    return statement.where(own_of(bindparam("partner_id"))) if own else statement


def read_ticket_row(
    session: Session, actor: Actor, number: int
) -> tuple[TicketRow, Sequence[Entry]] | None:
    """The ticket of this number with its diary entries, as far as the actor may read them."""
    statement = _one(session.get_bind().dialect.name, own=not reads_all(actor))
    given = {"number": number, "partner_id": actor.partner_id}
    row = session.connection().execute(statement, given).one_or_none()
    return None if row is None else (row, read_diary(actor, row.diary))


def read_bare_rows(
    session: Session, actor: Actor, numbers: Select[int] | Collection[int]
) -> Result[Any]:
    """The same tickets without their diaries."""
    return session.connection().execute(
        _ROWS.where(_tickets.c.number.in_(numbers), readable(actor)),
        {"partner_id": actor.partner_id},
    )


def read_ticket_rows(
    session: Session, actor: Actor, numbers: Select[int] | Collection[int]
) -> Iterator[tuple[TicketRow, Sequence[Entry]]]:
    """The tickets of these numbers that the actor may read, ordered by number, each with the diary
    entries that it may read. Diaries are read for 500 tickets at a time."""
    for some in read_bare_rows(session, actor, numbers).partitions(_AT_ONCE):
        entries = entries_of(session, actor, [row.number for row in some])
        for row in some:
            yield row, entries.get(row.number, ())
