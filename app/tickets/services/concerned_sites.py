"""Which tickets concern a site: it is affected, responsible, or an end of an affected link.

This is what "site" means to lists, counts, home, calendars and the page of a site (decisions,
section 13); to affect a site, and to have it as the responsible one, are narrower.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, or_, select, union_all

from app.registry.models.registry import Link, SiteName
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite

_NUMBER: Final = TicketSite.ticket_number.expression
Keys = Collection[int] | Select[int]
"""The keys of sites, or a query of them."""


def concerns_sites(sites: Keys, texts: Sequence[str] = ()) -> ColumnElement[bool]:
    """Holds for the tickets that concern any of these sites.

    Sites that nobody knew are kept as they were sent: they are found by ``texts``, and by each name
    of the sites.
    """
    ends = select(Link.id).where(or_(Link.end_a_id.in_(sites), Link.end_b_id.in_(sites)))
    names = select(SiteName.name).where(SiteName.site_id.in_(sites))
    numbers = union_all(
        *_affected(sites, texts),
        select(_NUMBER).where(TicketSite.site_id.is_(None), TicketSite.name.in_(names)),
        select(TicketLink.ticket_number).where(TicketLink.link_id.in_(ends)),
    )
    return or_(Ticket.responsible_site_id.in_(sites), Ticket.number.in_(numbers))


def affects_sites(sites: Keys, texts: Sequence[str]) -> ColumnElement[bool]:
    """Holds for the tickets that affect one of the sites, or name one by one of these texts."""
    return Ticket.number.in_(union_all(*_affected(sites, texts)))


def _affected(sites: Keys, texts: Sequence[str]) -> Sequence[Select[int]]:
    sent = [select(_NUMBER).where(TicketSite.name.in_(texts))] if texts else []
    return (select(_NUMBER).where(TicketSite.site_id.in_(sites)), *sent)
