"""The people and sites that a ticket concerns, whether it exists or is being written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor
from app.registry.models.registry import Link, Site
from app.registry.services.registry import link_names_in, responsible_site_of_link, site_meant
from app.tickets.models.tickets import Ticket
from app.tickets.rules.concern import AffectedSite, Concern
from app.tickets.services.concern.recognised import links_meant, sites_meant


def concern_of(ticket: Ticket) -> Concern:
    """The people and sites that a ticket concerns."""
    responsible = ticket.responsible_site
    return Concern(
        ticket.number,
        ticket.created_by_user_id,
        ticket.submitter_mail if ticket.created_by_user_id is None else "",
        ticket.carbon_copy,
        (responsible.id, responsible.key) if responsible is not None else None,
        [
            AffectedSite(item.site.id, item.site.key, item.name)
            for item in ticket.affected_sites
            if item.site is not None
        ],
    )


def concern_of_new(
    session: Session,
    actor: Actor,
    texts: tuple[str, str],
    links: Sequence[str],
    sites: Sequence[str],
    day: date,
    *,
    responsible: str = "",
    carbon_copy: str = "",
) -> Concern:
    """The people and sites that a ticket would concern that this person creates with this title and
    description, these links and sites, on a day (UTC); what the registry does not know is left out.

    ``responsible``: the site that an operator chose; "" = it follows the links and sites.
    """
    named = link_names_in(session, texts)
    names, _found = links_meant(session, texts, links, named)
    usable = [name for name in names if name.isprintable()]  # PostgreSQL refuses the others
    first = session.scalars(select(Link).where(Link.name.in_(usable[:1]))).first()
    found: dict[int, AffectedSite] = {}
    stated, _found = sites_meant(session, texts[0], sites, named, day)
    for name in stated:
        site = site_meant(session, name, day) if name.isprintable() else None
        if site is not None:
            found.setdefault(site.id, AffectedSite(site.id, site.key, name))
    chosen: tuple[int, str] | None = None
    if responsible:
        known = site_meant(session, responsible, day) if responsible.isprintable() else None
        chosen = (known.id, known.key) if isinstance(known, Site) else None
    elif first is not None:
        of_link = responsible_site_of_link(first)
        chosen = (of_link.id, of_link.key)
    elif len(stated) == 1 and found:
        only = next(iter(found.values()))
        chosen = (only.id, only.key)
    return Concern(0, actor.account_id, "", carbon_copy, chosen, [*found.values()])
