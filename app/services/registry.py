"""Looking up sites and links by any of their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session, selectinload

from app.domain.errors import Invalid
from app.models import Link, Site, SiteName


def all_sites(session: Session) -> Sequence[Site]:
    """Every site, by its LHCOPN name."""
    return session.scalars(select(Site).order_by(Site.key).options(selectinload(Site.names))).all()


def all_links(session: Session) -> Sequence[Link]:
    """Every link, by its id."""
    return session.scalars(select(Link).order_by(Link.name)).all()


_BY_NAME = (
    select(Site)
    .join(SiteName)
    .where(SiteName.name == bindparam("name"))
    .order_by(SiteName.valid_from.desc().nulls_last())
    .limit(1)
)
_LINK_NAMES = select(Link.__table__.c.name)


def find_site(session: Session, name: str, on: date | None = None) -> Site | None:
    """The site that bears ``name`` in any system, exact case; ``on`` = valid on that day only."""
    query = _BY_NAME
    if on is not None:
        query = query.where(
            or_(SiteName.valid_from.is_(None), SiteName.valid_from <= on),
            or_(SiteName.valid_until.is_(None), SiteName.valid_until > on),
        )
    return session.scalars(query, {"name": name}).first()


def require_site(session: Session, name: str, field: str = "site") -> Site:
    """Like ``find_site``, but an unknown name raises ``Invalid`` on ``field``."""
    site = find_site(session, name)
    if site is None:
        raise Invalid(field, "No site has this name; any name of a known site is allowed")
    return site


def require_links(session: Session, names: Iterable[str], field: str = "links") -> list[Link]:
    """The links with these ids in the order given, each once; ``Invalid`` for an unknown one."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return []
    found = {link.name: link for link in session.scalars(select(Link).where(Link.name.in_(wanted)))}
    if len(found) < len(wanted):
        raise Invalid(field, "No link has this id; choose from the list of links")
    return [found[name] for name in wanted]


def site_keys_by_name(session: Session, on: date) -> dict[str, str]:
    """Every site name that is valid on a day, mapped to its site's key."""
    rows = session.execute(
        select(SiteName.name, Site.key)
        .join(Site)
        .where(
            or_(SiteName.valid_from.is_(None), SiteName.valid_from <= on),
            or_(SiteName.valid_until.is_(None), SiteName.valid_until > on),
        )
    )
    return {row.name: row.key for row in rows}


def link_names(session: Session) -> Sequence[str]:
    """Every link id."""
    return session.connection().scalars(_LINK_NAMES).all()


def responsible_site_of_link(link: Link) -> Site:
    """The recorded responsible site, else the T1 end (between two T1s the first end)."""
    if link.recorded_responsible is not None:
        return link.recorded_responsible
    return link.end_b if link.end_a.tier == 0 else link.end_a
