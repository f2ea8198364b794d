"""Every name under which a site or a link is known, with the key or id of its thing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.registry.models.registry import Link, LinkName, Site, SiteName


def known_site_names(session: Session) -> Sequence[tuple[str, str]]:
    """Every name of every site, of all times, with the site's key."""
    rows = session.execute(select(SiteName.name, Site.key).join(Site)).all()
    return [(row[0], row[1]) for row in rows]


def known_link_names(session: Session) -> Sequence[tuple[str, str]]:
    """Every id and alias of every link, with the link's id."""
    ids = [(name, name) for name in session.scalars(select(Link.name))]
    aliases = session.execute(select(LinkName.name, Link.name).join(Link)).all()
    return [*ids, *((row[0], row[1]) for row in aliases)]
