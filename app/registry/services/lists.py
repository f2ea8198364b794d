"""Pages of sites and links for anyone who reads the registry by program, by filter and keyset.

``on`` means: what was valid on that day (UTC), with the names, and the tier, of that day. Without
it everything is listed, whatever its validity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, false, or_, select
from sqlalchemy.orm import Session, lazyload, load_only, selectinload

from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.registry.models.registry import FactSource, Link, Site, SiteName
from app.registry.rules.registry import covers
from app.registry.services.record_lists import holds, in_use_on
from app.registry.services.records import Record
from app.registry.services.registry import SITE_PARTS, find_site, responsible_site_of_link
from app.registry.services.tiers import had_tier, tier_on


@dataclass(frozen=True)
class Wanted:
    """Which sites or links: part of a name, network, day; and which page of them."""

    limit: int
    after: str = ""
    """Key or name of the last one of the page before."""
    q: str = ""
    network: str = ""
    on: date | None = None


@dataclass(frozen=True)
class ListedSite:
    """A site with what belongs to it, as of a day if one was requested."""

    row: Site
    names: Sequence[SiteName]
    tier: int | None
    asns: Sequence[int]
    facts: Sequence[FactSource]


@dataclass(frozen=True)
class ListedLink:
    """A link with what belongs to it."""

    row: Link
    responsible: Site
    responsible_recorded: bool
    backs_up: str | None
    facts: Sequence[FactSource]


def is_valid_on(row: Site | SiteName | Link, day: date | None) -> bool:
    """Whether a record, or a name, was valid on a day; on no certain day each is."""
    return day is None or covers((row.valid_from, row.valid_until), day)


def sites_wanted(session: Session, wanted: Wanted, tier: int | None = None) -> list[ListedSite]:
    """One page of sites by key. ``tier``: T0 or T1 on the day of ``on``, else ever."""
    query = _page(select(Site).options(*SITE_PARTS), Site, wanted)
    if wanted.q:
        named = select(SiteName.site_id).where(holds(SiteName.name, wanted.q))
        query = query.where(or_(Site.id.in_(named), holds(Site.key, wanted.q)))
    if tier is not None:
        query = query.where(Site.tier == tier)
        if wanted.on is not None:
            query = query.where(had_tier(wanted.on))
    if wanted.network:
        links = select(Link).where(Link.network == wanted.network)
        if wanted.on is not None:
            links = links.where(in_use_on(Link, wanted.on))
        ends = [links.with_only_columns(end) for end in (Link.end_a_id, Link.end_b_id)]
        query = query.where(or_(*(Site.id.in_(end) for end in ends)))
    return _listed_sites(session, session.scalars(query).all(), wanted.on)


def site_of_key(session: Session, key: str, on: date | None = None) -> ListedSite:
    """The site of this key; ``NotFound`` if none exists, or it was not valid on that day."""
    found = session.scalars(select(Site).options(*SITE_PARTS).where(Site.key == key)).first()
    if found is None or not is_valid_on(found, on):
        raise NotFound(_("There is no site of this key"))
    return _listed_sites(session, [found], on)[0]


def links_wanted(session: Session, wanted: Wanted, site: str = "") -> list[ListedLink]:
    """One page of links by name. ``site``: an end of theirs, under any of its names."""
    query = _page(_links(), Link, wanted)
    if wanted.q:
        query = query.where(holds(Link.name, wanted.q))
    if wanted.network:
        query = query.where(Link.network == wanted.network)
    if site:
        end = find_site(session, site, wanted.on)
        is_end = false() if end is None else or_(Link.end_a_id == end.id, Link.end_b_id == end.id)
        query = query.where(is_end)
    return _listed_links(session, session.scalars(query).all())


def link_of_name(session: Session, name: str, on: date | None = None) -> ListedLink:
    """The link of this name; ``NotFound`` if none exists, or it was not valid on that day."""
    found = session.scalars(_links().where(Link.name == name)).first()
    if found is None or not is_valid_on(found, on):
        raise NotFound(_("There is no link of this name"))
    return _listed_links(session, [found])[0]


def _page(query: Select[Record], row: type[Site] | type[Link], wanted: Wanted) -> Select[Record]:
    key: ColumnElement[str] = Site.key.expression if row is Site else Link.name.expression
    query = query.order_by(key).limit(wanted.limit).where(key > wanted.after)
    return query if wanted.on is None else query.where(in_use_on(row, wanted.on))


def _links() -> Select[Link]:
    return select(Link).options(
        selectinload(Link.circuits),
        selectinload(Link.backs_up).options(
            load_only(Link.name), lazyload(Link.end_a), lazyload(Link.end_b)
        ),
        selectinload(Link.recorded_responsible),
    )


def _facts(session: Session, kind: str, ids: Iterable[int]) -> dict[int, list[FactSource]]:
    keys = list(ids)
    facts: dict[int, list[FactSource]] = {key: [] for key in keys}
    rows = session.scalars(
        select(FactSource)
        .where(FactSource.kind == kind, FactSource.thing_id.in_(keys))
        .order_by(FactSource.field)
    )
    for fact in rows:
        facts[fact.thing_id].append(fact)
    return facts


def _listed_sites(session: Session, rows: Sequence[Site], on: date | None) -> list[ListedSite]:
    facts = _facts(session, "site", [row.id for row in rows])
    return [
        ListedSite(
            row=row,
            names=[name for name in row.names if is_valid_on(name, on)],
            tier=row.tier if on is None else tier_on(row, on),
            asns=[item.asn for item in row.asns],
            facts=facts[row.id],
        )
        for row in rows
    ]


def _listed_links(session: Session, rows: Sequence[Link]) -> list[ListedLink]:
    facts = _facts(session, "link", [row.id for row in rows])
    return [
        ListedLink(
            row=row,
            responsible=responsible_site_of_link(row),
            responsible_recorded=row.recorded_responsible is not None,
            backs_up=row.backs_up.name if row.backs_up is not None else None,
            facts=facts[row.id],
        )
        for row in rows
    ]
