"""Which tickets concern a site: it is affected, responsible, or an end of an affected link.

This is what "site" means to lists, counts, home, calendars and the page of a site (decisions,
section 13); to affect a site, and to have it as the responsible one, are narrower. Which known
sites a ticket concerns is written with it (``app.tickets.services.concern.concern_rows``).
Sites that nobody knew are stored as they were sent: they are found by each name of the sites.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, exists, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from app.registry.models.registry import Site, SiteName
from app.tickets.models.tickets import ConcernedSite, Ticket, TicketSite

_NUMBER: Final = TicketSite.ticket_number.expression
Keys = Collection[int] | Select[int]
"""The keys of sites, or a query of them."""


def concerns_sites(sites: Keys) -> ColumnElement[bool]:
    """Holds for the tickets that concern any of these sites."""
    return or_(_is_written(sites), Ticket.number.in_(_by_names(sites)))


@dataclass(frozen=True)
class NamedSites:
    """The sites that some names meant when they were looked up."""

    keys: tuple[int, ...]
    is_text: bool
    """Whether tickets name a site by a text alone that is one of the names, or of a name of the
    sites."""


def look_up_sites(session: Session, names: Sequence[str]) -> NamedSites:
    """The sites with these names, in any system and at any time."""
    sites = keys_of_sites(names)
    found = session.execute(sites.add_columns(exists(_by_text(sites, names))).distinct()).all()
    return NamedSites(tuple(key for key, _ in found), not found or found[0][1])


def concerns_named(names: Sequence[str], known: NamedSites | None = None) -> ColumnElement[bool]:
    """Holds for the tickets that concern any of the sites with these names, in any system and at
    any time, or that name a site by just these texts.

    ``known``: what ``look_up_sites`` found for these names. Few tickets are found only by a text,
    and where none is, the condition is one that databases answer by an index in the order of a
    list.
    """
    sites = keys_of_sites(names)
    if known is None:
        return or_(_is_written(sites), Ticket.number.in_(_by_text(sites, names)))
    if not known.keys:
        return affects_sites((), names)
    is_written = _is_written(known.keys)
    if not known.is_text:
        return is_written
    return or_(is_written, Ticket.number.in_(_by_text(sites, names)))


def affects_sites(sites: Keys, texts: Sequence[str]) -> ColumnElement[bool]:
    """Holds for the tickets that affect one of the sites, or name one by one of these texts."""
    sent = [select(_NUMBER).where(TicketSite.name.in_(texts))] if texts else []
    return Ticket.number.in_(union_all(select(_NUMBER).where(TicketSite.site_id.in_(sites)), *sent))


def keys_of_sites(names: Sequence[str]) -> Select[int]:
    """The keys of sites of these names."""
    named = aliased(SiteName)
    return select(Site.id).join(named, named.site_id == Site.id).where(named.name.in_(names))


def _is_written(sites: Keys) -> ColumnElement[bool]:
    """Asked of each ticket of a walk: of a list SQLite would write all numbers down first."""
    return exists().where(
        ConcernedSite.ticket_number == Ticket.number, ConcernedSite.site_id.in_(sites)
    )


def _by_names(sites: Keys) -> Select[int]:
    """Tickets that name a site which nobody knew by a name that one of the sites has."""
    names = select(SiteName.name).where(SiteName.site_id.in_(sites))
    return select(_NUMBER).where(TicketSite.name.in_(names), TicketSite.site_id.is_(None))


def _by_text(sites: Keys, names: Sequence[str]) -> CompoundSelect[Any]:
    """Tickets that are found by a text alone."""
    return union_all(_by_names(sites), *_by_texts(sites, names))


def _by_texts(sites: Keys, texts: Sequence[str]) -> Sequence[Select[Any]]:
    """Tickets that name one by these texts, and do not affect any of the sites by that."""
    sent = TicketSite.name.in_(texts)
    return (
        select(_NUMBER).where(sent, TicketSite.site_id.is_(None)),
        select(_NUMBER).where(sent, TicketSite.site_id.not_in(sites)),
    )
