"""Lists of sites and links as people see them: searched, filtered, by keyset pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.registry.models.registry import (
    FactSource,
    Link,
    LinkCircuit,
    Site,
    SiteAsn,
    SiteName,
    SitePrefix,
)
from app.registry.services.registry import LINK, SITE
from app.registry.services.tiers import had_tier

PAGE = 50
IN_USE, RETIRED, EVERY = "in use", "retired", "all"
T0, T1, PAST_T1, NO_TIER = "T0", "T1", "past T1", "none"
_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)


@dataclass(frozen=True)
class SiteFilter:
    """What a list of sites shows. ``text`` is part of any name or prefix, or an ASN.

    ``tier`` is that of ``day``: T0, T1, past T1 or none. ``show`` is in use, retired or all.
    """

    day: date
    text: str = ""
    tier: str = ""
    show: str = IN_USE
    sample: bool = False


@dataclass(frozen=True)
class LinkFilter:
    """What a list of links shows. ``text`` is part of an id, a circuit, or a name of an end."""

    day: date
    text: str = ""
    network: str = ""
    role: str = ""
    show: str = IN_USE
    sample: bool = False


def list_sites(
    session: Session, wanted: SiteFilter, *, after: str = "", limit: int = PAGE
) -> tuple[Sequence[Site], bool]:
    """A page of sites by LHCOPN name behind ``after``, and whether there are more."""
    query = select(Site).where(Site.key > after, *_site_conditions(wanted))
    rows = session.scalars(
        query.order_by(Site.key)
        .limit(limit + 1)
        .options(selectinload(Site.names), selectinload(Site.asns))
    ).all()
    return rows[:limit], len(rows) > limit


def count_sites(session: Session, wanted: SiteFilter) -> int:
    """How many sites the filter finds."""
    return session.scalar(select(func.count(Site.id)).where(*_site_conditions(wanted))) or 0


def list_links(
    session: Session, wanted: LinkFilter, *, after: str = "", limit: int = PAGE
) -> tuple[Sequence[Link], bool]:
    """A page of links by id behind ``after``, and whether there are more."""
    query = select(Link).where(Link.name > after, *_link_conditions(wanted))
    rows = session.scalars(query.order_by(Link.name).limit(limit + 1).options(*_WITH_PARTS)).all()
    return rows[:limit], len(rows) > limit


def count_links(session: Session, wanted: LinkFilter) -> int:
    """How many links the filter finds."""
    return session.scalar(select(func.count(Link.id)).where(*_link_conditions(wanted))) or 0


def links_of_site(session: Session, site: Site) -> Sequence[Link]:
    """All links that end at a site, of any time, by id."""
    return session.scalars(
        select(Link)
        .where(or_(Link.end_a_id == site.id, Link.end_b_id == site.id))
        .order_by(Link.name)
        .options(*_WITH_PARTS)
    ).all()


def backups_of_link(session: Session, link: Link) -> Sequence[Link]:
    """The links that back this one up, by id."""
    return session.scalars(
        select(Link).where(Link.backs_up_id == link.id).order_by(Link.name)
    ).all()


def links_per_site(session: Session, sites: Collection[Site], day: date) -> Mapping[int, int]:
    """How many links in use on a day end at each of these sites, by the site's database key."""
    keys = [site.id for site in sites]
    counts: dict[int, int] = {}
    for end in (Link.end_a_id, Link.end_b_id):
        rows = session.execute(
            select(end, func.count(Link.id)).where(end.in_(keys), _in_use(Link, day)).group_by(end)
        )
        for key, count in rows:
            counts[key] = counts.get(key, 0) + count
    return counts


_WITH_PARTS = (
    joinedload(Link.backs_up),
    joinedload(Link.recorded_responsible),
    selectinload(Link.circuits),
)


def _holds(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether a text stands in the column, whatever the case of its letters."""
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return func.lower(column).like(f"%{escaped}%", escape="\\")


def _in_use(row: type[Site] | type[Link], day: date) -> ColumnElement[bool]:
    return and_(
        or_(row.valid_from.is_(None), row.valid_from <= day),
        or_(row.valid_until.is_(None), row.valid_until > day),
    )


def _shown(row: type[Site] | type[Link], show: str, day: date) -> list[ColumnElement[bool]]:
    if show == IN_USE:  # what begins later is shown with what is in use: nobody would find it
        return [or_(row.valid_until.is_(None), row.valid_until > day)]
    return [row.valid_until <= day] if show == RETIRED else []


def _is_sample(kind: str, row: type[Site] | type[Link]) -> ColumnElement[bool]:
    marked = exists().where(
        FactSource.kind == kind, FactSource.thing_id == row.id, FactSource.sample.is_(True)
    )
    return or_(row.sample.is_(True), marked)


def _site_conditions(wanted: SiteFilter) -> list[ColumnElement[bool]]:
    parts = _shown(Site, wanted.show, wanted.day)
    for word in wanted.text.split():
        parts.append(_site_holds(word))
    is_then = had_tier(wanted.day)
    if wanted.tier in (T0, T1):
        parts += [Site.tier == int(wanted.tier[1]), is_then]
    elif wanted.tier == PAST_T1:
        parts += [Site.tier == 1, Site.tier_until <= wanted.day]
    elif wanted.tier == NO_TIER:
        parts.append(or_(Site.tier.is_(None), not_(is_then)))
    if wanted.sample:
        parts.append(_is_sample(SITE, Site))
    return parts


def _site_holds(word: str) -> ColumnElement[bool]:
    alternatives = [
        Site.id.in_(select(SiteName.site_id).where(_holds(SiteName.name.expression, word))),
        _holds(Site.key.expression, word),
    ]
    number = _ASN.fullmatch(word)
    if number is not None:
        alternatives.append(
            Site.id.in_(select(SiteAsn.site_id).where(SiteAsn.asn == int(number[1])))
        )
    if re.search("[.:/]", word):
        alternatives.append(
            Site.id.in_(
                select(SitePrefix.site_id).where(_holds(SitePrefix.prefix.expression, word))
            )
        )
    return or_(*alternatives)


def _link_conditions(wanted: LinkFilter) -> list[ColumnElement[bool]]:
    parts = _shown(Link, wanted.show, wanted.day)
    for word in wanted.text.split():
        parts.append(_link_holds(word))
    if wanted.network:
        parts.append(Link.network == wanted.network)
    if wanted.role:
        parts.append(Link.role == wanted.role)
    if wanted.sample:
        parts.append(_is_sample(LINK, Link))
    return parts


def _link_holds(word: str) -> ColumnElement[bool]:
    named: Select[int] = select(SiteName.site_id).where(_holds(SiteName.name.expression, word))
    circuits: Select[int] = select(LinkCircuit.link_id).where(
        or_(
            _holds(LinkCircuit.circuit_id.expression, word),
            _holds(LinkCircuit.provider.expression, word),
        )
    )
    return or_(
        _holds(Link.name.expression, word),
        Link.id.in_(circuits),
        Link.end_a_id.in_(named),
        Link.end_b_id.in_(named),
    )
