"""Tickets as plain rows, for answers that partners ask for many times a second.

One statement for one ticket, two for many, however many there are, and no mapped objects. A new
column of a ticket is in its row. Of a ticket with its lists, what most tickets have nothing of is
read by further statements where there is any.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Result, Select, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.database.expressions import as_one_value
from app.core.rules import access
from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.registry.models.registry import Link, Site, SiteName
from app.tickets.models.attachments import Attachment
from app.tickets.models.relations import Acknowledgement, TicketRelation
from app.tickets.models.tickets import (
    ExternalReference,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketPartner,
    TicketSite,
)
from app.tickets.rules.content import Reference
from app.tickets.services.diaries import (
    DiaryEntry,
    diary_of,
    entries_of,
    read_diary,
)
from app.tickets.services.lists.query import own_of, readable, reads_all

_AT_ONCE: Final = 500

TicketRow = Any
"""A ticket's columns; ``partner_code``, of the partner that created it, or None; ``affected_site``,
the first one in the spelling of the partner that asks, else under its GOCDB name, or None."""

_tickets, _affected, _sites, _names, _spellings, _partners = (
    row.__table__ for row in (Ticket, TicketSite, Site, SiteName, SiteSpelling, Partner)
)
_bound, _links, _references, _handed, _relations, _files, _answers = (
    row.__table__
    for row in (
        *(TicketLink, Link, ExternalReference, TicketPartner),
        *(TicketRelation, Attachment, Acknowledgement),
    )
)
_end_a, _end_b, _responsible = (_sites.alias(name) for name in ("end_a", "end_b", "responsible"))
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
def _one(*, own: bool) -> Select[Any]:
    """The statement for one ticket: to put it together takes longer than to carry it out."""
    statement = _ROWS.add_columns(diary_of(_tickets.c.number).label("diary")).where(
        _tickets.c.number == bindparam("number")
    )
    return statement.where(own_of(bindparam("partner_id"))) if own else statement


def read_ticket_row(
    session: Session, actor: Actor, number: int
) -> tuple[TicketRow, Sequence[DiaryEntry]] | None:
    """The ticket of this number with its diary entries, as far as the actor may read them."""
    statement = _one(own=not reads_all(actor))
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
) -> Iterator[tuple[TicketRow, Sequence[DiaryEntry]]]:
    """The tickets of these numbers that the actor may read, ordered by number, each with the diary
    entries that it may read. Diaries are read for 500 tickets at a time."""
    for some in read_bare_rows(session, actor, numbers).partitions(_AT_ONCE):
        entries = entries_of(session, actor, [row.number for row in some])
        for row in some:
            yield row, entries.get(row.number, ())


@dataclass(frozen=True)
class AffectedLink:
    """A link that a ticket affects, with the keys of the sites at its ends."""

    name: str
    end_a: str
    end_b: str
    recognised: bool


@dataclass(frozen=True)
class AffectedSite:
    """A site that a ticket affects: its key, None while the name is unknown, and its name as the
    partner that asks spells it, else as it was first sent or chosen."""

    key: str | None
    name: str
    recognised: bool


@dataclass(frozen=True)
class WholeRow:
    """A ticket with its lists, in their order, as one account may read it; also what rights on it
    depend on (``TicketFacts``)."""

    ticket: TicketRow
    """Its columns; ``partner_code``, and the key of the responsible site as ``responsible_key``;
    ``has_relations``, ``has_attachments`` and ``has_acknowledgements``."""
    links: Sequence[AffectedLink]
    sites: Sequence[AffectedSite]
    references: Sequence[Reference]
    diary: Sequence[DiaryEntry]
    handed_to_partners: frozenset[int]
    site_ids: frozenset[int]

    @property
    def created_by_user(self) -> int | None:
        """The person's key."""
        found: int | None = self.ticket.created_by_user_id
        return found

    @property
    def created_by_partner(self) -> int | None:
        """The partner's key."""
        found: int | None = self.ticket.created_by_partner_id
        return found


@cache
def _whole() -> Select[Any]:
    """The statement for one ticket with its lists."""

    def rows(*columns: ColumnElement[Any]) -> Select[Any]:
        return select(as_one_value(*columns))

    number = _tickets.c.number
    links = (
        rows(
            *(_bound.c.position, _links.c.name, _end_a.c.key, _end_b.c.key),
            *(_bound.c.recognised, _end_a.c.id, _end_b.c.id),
        )
        .select_from(_bound)
        .join(_links, _links.c.id == _bound.c.link_id)
        .join(_end_a, _end_a.c.id == _links.c.end_a_id)
        .join(_end_b, _end_b.c.id == _links.c.end_b_id)
        .where(_bound.c.ticket_number == number)
    )
    sites = (
        rows(
            *(_affected.c.position, _sites.c.key),
            func.coalesce(_spellings.c.name, _affected.c.name),
            *(_affected.c.recognised, _affected.c.site_id),
        )
        .select_from(_affected)
        .outerjoin(_sites, _sites.c.id == _affected.c.site_id)
        .outerjoin(
            _spellings,
            (_spellings.c.ticket_site_id == _affected.c.id)
            & (_spellings.c.partner_id == bindparam("partner_id")),
        )
        .where(_affected.c.ticket_number == number)
    )
    of_reference = _references.c
    references = rows(
        *(of_reference.id, of_reference.provider, of_reference.reference),
        *(of_reference.url, of_reference.kind),
    ).where(of_reference.ticket_number == number)
    handed = rows(_handed.c.partner_id).where(_handed.c.ticket_number == number)
    related = exists().where(
        or_(_relations.c.ticket_number == number, _relations.c.other_number == number)
    )
    files = exists().where(_files.c.ticket_number == number, _files.c.removed_at.is_(None))
    answers = exists().where(_answers.c.ticket_number == number)
    return (
        select(
            _tickets,
            _partners.c.code.label("partner_code"),
            _responsible.c.key.label("responsible_key"),
            *(
                one.scalar_subquery().label(name)
                for name, one in (
                    *(("links", links), ("sites", sites)),
                    *(("references", references), ("handed_to", handed)),
                )
            ),
            diary_of(number).label("diary"),
            related.label("has_relations"),
            files.label("has_attachments"),
            answers.label("has_acknowledgements"),
        )
        .outerjoin(_partners, _partners.c.id == _tickets.c.created_by_partner_id)
        .outerjoin(_responsible, _responsible.c.id == _tickets.c.responsible_site_id)
        .where(number == bindparam("number"))
    )


def read_whole_row(session: Session, actor: Actor, number: int) -> WholeRow:
    """The ticket of this number with its lists; ``NotFound`` unless the actor may read it."""
    session.flush()  # a write is answered in its own transaction
    given = {"number": number, "partner_id": actor.partner_id}
    row = session.connection().execute(_whole(), given).one_or_none()
    if row is None:
        raise NotFound
    links, sites, references = (
        sorted(some or (), key=itemgetter(0)) for some in (row.links, row.sites, row.references)
    )
    concerned = {row.responsible_site_id, *(one[-1] for one in sites)}
    concerned.update(end for one in links for end in one[-2:])
    found = WholeRow(
        ticket=row,
        links=[AffectedLink(name, a, b, bool(mark)) for _, name, a, b, mark, *_ends in links],
        sites=[AffectedSite(key, name, bool(mark)) for _, key, name, mark, _site in sites],
        references=[Reference(*texts) for _id, *texts in references],
        diary=read_diary(actor, row.diary),
        handed_to_partners=frozenset(partner for (partner,) in row.handed_to or ()),
        site_ids=frozenset(concerned - {None}),
    )
    access.require_read(actor, found)
    return found
