"""The registry on a day: sites with their tier, valid links, and their states.

Only reads, with few statements for any number of links.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Row,
    Select,
    and_,
    bindparam,
    func,
    null,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from app.registry.models.registry import Link, Site, SiteName
from app.registry.services.tiers import had_tier, tier_of
from app.topology.rules.link_states import LinkStatus
from app.topology.services.link_states import link_states_on

MAX_LINKS: Final = 120
"""A map of more links than this is not readable."""
PAGE: Final = 100
"""Links on one page of a table."""
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class SiteOn:
    """A site on a day. ``tier`` is 0 or 1 if it was a T0 or T1, else None."""

    key: str
    tier: int | None
    sample: bool
    names: tuple[str, ...] = ()
    """Its other names valid on that day."""
    place: float | None = None
    """Its position on the ring of the map, in degrees."""


@dataclass(frozen=True)
class LinkOn:
    """A link on a day, with its ends and sites by key."""

    id: int
    name: str
    network: str
    end_a: str
    end_b: str
    role: str
    backs_up: str
    """The link that it backs up, or ""."""
    backed_up_by: tuple[str, ...]
    """Links valid on that day that back it up, in either network."""
    bandwidth_gbps: float | None
    responsible: str
    sample: bool
    status: LinkStatus


@dataclass(frozen=True)
class Snapshot:
    """A network on a day."""

    day: date
    network: str
    sites: tuple[SiteOn, ...]
    """By key: the ends of the links; for the whole LHCOPN also a T0 or T1 without any link."""
    links: tuple[LinkOn, ...]
    """By id."""
    total: int
    """The number of all links; larger than ``links`` if they are paged."""
    more: bool = False
    """Whether there are links after the last one in ``links``."""

    @property
    def complete(self) -> bool:
        """Whether all links are included, so that a map can be drawn."""
        return self.total == len(self.links)

    @property
    def centre(self) -> str | None:
        """The T0's key, if it is among the sites."""
        return next((site.key for site in self.sites if site.tier == 0), None)


def registry_on(
    session: Session,
    day: date,
    network: str,
    now: datetime,
    *,
    site: Site | None = None,
    after: str = "",
) -> Snapshot:
    """Read the network on a day (UTC); ``now`` decides which day is today.

    With ``site``: that site, its neighbours, and the links between them. More links than
    ``MAX_LINKS`` are returned in pages of ``PAGE`` by id, starting after the id ``after``.
    """
    wanted = and_(Link.network == network, _valid(Link, day))
    if site is not None:
        near = _neighbours(site.id, wanted)
        wanted = and_(wanted, Link.end_a_id.in_(near), Link.end_b_id.in_(near))
    query = _links().where(wanted).order_by(Link.name)
    rows = session.execute(query.limit(MAX_LINKS + 1)).all()
    total, more = len(rows), False
    if total > MAX_LINKS:
        total = session.scalar(select(func.count()).select_from(Link).where(wanted)) or 0
        rows = session.execute(query.where(Link.name > after).limit(PAGE + 1)).all()
        rows, more = rows[:PAGE], len(rows) > PAGE
    states = link_states_on(session, [row.id for row in rows], day, now)
    backups = _backups_of(session, [row.id for row in rows], day)
    links = tuple(_link(row, backups, states) for row in rows)
    ends = {end for row in rows for end in (row.end_a_id, row.end_b_id)}
    if site is not None:
        ends.add(site.id)
    alone = network == "LHCOPN" and site is None and total <= MAX_LINKS
    return Snapshot(day, network, _sites(session, ends, day, with_t1s=alone), links, total, more)


def site_keys(session: Session, day: date) -> Sequence[str]:
    """The keys of all sites that the registry contains on that day."""
    return session.scalars(select(Site.key).where(_valid(Site, day)).order_by(Site.key)).all()


def _valid(
    kind: type[Link | Site | SiteName], day: date | ColumnElement[date]
) -> ColumnElement[bool]:
    return and_(
        or_(kind.valid_from.is_(None), kind.valid_from <= day),
        or_(kind.valid_until.is_(None), kind.valid_until > day),
    )


# built once: the page of each ticket needs it
_DAY: Final = bindparam("day", type_=Date)
_END_A, _END_B = aliased(Site), aliased(Site)
_NETWORK: Final[ColumnElement[str]] = bindparam("network")
_LINES: Final = (
    select(
        *(Link.name, Link.role, _END_A.key, _END_A.tier, _END_A.tier_since, _END_A.tier_until),
        *(_END_A.map_place, _END_B.key.label("key_b"), _END_B.tier.label("tier_b")),
        *(_END_B.tier_since.label("since_b"), _END_B.tier_until.label("until_b")),
        _END_B.map_place.label("place_b"),
    )
    .join(_END_A, Link.end_a_id == _END_A.id)
    .join(_END_B, Link.end_b_id == _END_B.id)
    .where(Link.network == _NETWORK, _valid(Link, _DAY))
    .order_by(Link.name)
    .limit(MAX_LINKS + 1)
    .subquery()
)
_OUTLINE: Final[CompoundSelect[*tuple[Any, ...]]] = union_all(
    select(_LINES),
    select(
        *(null(), null(), Site.key, Site.tier, Site.tier_since, Site.tier_until, Site.map_place),
        *(null(), null(), null(), null(), null()),
    ).where(_NETWORK == "LHCOPN", had_tier(_DAY), _valid(Site, _DAY)),
)


class Outline(NamedTuple):
    """Only the data of a small map."""

    tiers: Mapping[str, int | None]
    """By site: 0 or 1 if it was a T0 or T1, else None."""
    places: Mapping[str, float | None]
    """By site: its position on the ring of the map, in degrees."""
    links: Sequence[tuple[str, str, str, str]]
    """Name, ends and role of each."""


def outline_on(session: Session, day: date, network: str) -> Outline | None:
    """The links, and the T0 and T1s of the LHCOPN, in one statement. None if there are more links
    than a map can show."""
    tiers: dict[str, int | None] = {}
    places: dict[str, float | None] = {}
    links: list[tuple[str, str, str, str]] = []
    for name, role, *ends in session.execute(_OUTLINE, {"network": network, "day": day}):
        for key, tier, since, until, place in (ends[:5], ends[5:]):
            if key is not None:
                tiers[key], places[key] = tier_of(tier, since, until, day), place
        if name is not None:
            links.append((name, ends[0], ends[5], role))
    return Outline(tiers, places, sorted(links)) if len(links) <= MAX_LINKS else None


# ---------- rows of a day


def _neighbours(site_id: int, wanted: ColumnElement[bool]) -> Select[tuple[int]]:
    """The ids of a site and of all sites at the other ends of its links."""
    sides = union(
        select(Link.end_b_id.label("id")).where(wanted, Link.end_a_id == site_id),
        select(Link.end_a_id.label("id")).where(wanted, Link.end_b_id == site_id),
        select(Site.id.label("id")).where(Site.id == site_id),
    ).subquery()
    return select(sides.c.id)


def _links() -> Select[*tuple[Any, ...]]:
    a, b, responsible, behind = aliased(Site), aliased(Site), aliased(Site), aliased(Link)
    return (
        select(
            *(Link.id, Link.name, Link.network, Link.role, Link.bandwidth_gbps, Link.sample),
            *(Link.end_a_id, Link.end_b_id, a.key.label("key_a"), b.key.label("key_b")),
            a.tier.label("tier_a"),
            responsible.key.label("recorded"),
            behind.name.label("backs_up"),
        )
        .join(a, Link.end_a_id == a.id)
        .join(b, Link.end_b_id == b.id)
        .outerjoin(responsible, Link.responsible_site_id == responsible.id)
        .outerjoin(behind, Link.backs_up_id == behind.id)
    )


def _link(
    row: _Row,
    backups: Mapping[int, tuple[str, ...]],
    states: Mapping[int, LinkStatus],
) -> LinkOn:
    return LinkOn(
        id=row.id,
        name=row.name,
        network=row.network,
        end_a=row.key_a,
        end_b=row.key_b,
        role=row.role,
        backs_up=row.backs_up or "",
        backed_up_by=backups.get(row.id, ()),
        bandwidth_gbps=row.bandwidth_gbps,
        responsible=row.recorded or (row.key_b if row.tier_a == 0 else row.key_a),
        sample=row.sample,
        status=states[row.id],
    )


def _backups_of(session: Session, ids: Collection[int], day: date) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = defaultdict(list)
    if ids:
        rows = session.execute(
            select(Link.backs_up_id, Link.name)
            .where(Link.backs_up_id.in_(ids), _valid(Link, day))
            .order_by(Link.name)
        )
        for row in rows:
            found[row.backs_up_id].append(row.name)
    return {link_id: tuple(names) for link_id, names in found.items()}


def _sites(
    session: Session, ids: Iterable[int], day: date, *, with_t1s: bool
) -> tuple[SiteOn, ...]:
    wanted: ColumnElement[bool] = Site.id.in_(list(ids))
    if with_t1s:
        wanted = or_(wanted, and_(had_tier(day), _valid(Site, day)))
    rows = session.execute(
        select(
            *(Site.id, Site.key, Site.sample, Site.map_place),
            *(Site.tier, Site.tier_since, Site.tier_until),
        )
        .where(wanted)
        .order_by(Site.key)
    ).all()
    names: dict[int, list[str]] = defaultdict(list)
    named = session.execute(
        select(SiteName.site_id, SiteName.name)
        .where(SiteName.site_id.in_([row.id for row in rows]), _valid(SiteName, day))
        .order_by(SiteName.id)
    )
    for row in named:
        names[row.site_id].append(row.name)
    return tuple(
        SiteOn(
            row.key,
            tier_of(row.tier, row.tier_since, row.tier_until, day),
            row.sample,
            tuple(dict.fromkeys(name for name in names[row.id] if name != row.key)),
            row.map_place,
        )
        for row in rows
    )
