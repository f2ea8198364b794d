"""The networks at this moment: which links are down or degraded, whether their backups work, which
T1s have no path to the T0, and the data of a small map of the LHCOPN. Two statements; only
reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from app.core.rules.language import joined
from app.events.models.events import Event
from app.registry.models.registry import Link, Site
from app.registry.rules.networks import Network
from app.registry.services.record_lists import in_use_on
from app.registry.services.tiers import tier_of
from app.topology.rules.flapping import LOOKED_BACK, Outage, flapping
from app.topology.rules.link_states import (
    DOWN_NOW,
    UNKNOWN_TO_ALL,
    LinkState,
    LinkStatus,
    can_carry,
)
from app.topology.rules.paths import Joint, Path, path_over, paths_to
from app.topology.services.link_states import link_states
from app.topology.services.registry_on import MAX_LINKS

_NAMED: Final = 3
"""How many silent sources are named."""
_TROUBLE: Final = (
    *(LinkState.DOWN, LinkState.MAINTENANCE_DOWN),
    *(LinkState.DEGRADED, LinkState.MAINTENANCE_DEGRADED),
)


@dataclass(frozen=True)
class LinkNow:
    """A link in use with its state; ends are the keys of sites."""

    id: int
    name: str
    network: str
    end_a: str
    end_b: str
    role: str
    backs_up: int | None
    """The key of the link that it backs up."""
    status: LinkStatus
    carries: bool
    """Whether it is known to be able to replace another link."""


@dataclass(frozen=True)
class TroubledLink:
    """A link that is down or degraded, with the links that should carry its traffic."""

    link: LinkNow
    backups: Sequence[LinkNow]
    """The links that back it up."""
    primary: LinkNow | None
    """The link that it backs up itself."""
    site: str
    """The key of the site that is affected: the T1 end, first one without a path, then the one with
    the most troubled links; otherwise an end that is not a T0."""
    path: Path
    """What is known of that site's path to the T0."""
    flapping: str = ""
    """If it flaps, its total time down, in words; else ""."""

    @property
    def is_down(self) -> bool:
        """Whether it carries no traffic; otherwise it is degraded."""
        return self.link.status.state in DOWN_NOW

    @property
    def beside(self) -> Path:
        """Whether another link carries its traffic: a backup, or the link that it backs up."""
        others = [self.primary] if self.primary is not None else self.backups
        return max((path_over(one.status) for one in others), default=Path.NONE)


@dataclass(frozen=True)
class CutOff:
    """A T1 that is cut off from the T0, or may be."""

    site: str
    path: Path
    """NONE or UNKNOWN."""
    unknown: Sequence[LinkNow]
    """Its links and their backups whose state is unknown."""


@dataclass(frozen=True)
class Watched:
    """How many links in use are monitored now."""

    in_use: int
    monitored: int
    silence: str
    """In words, which sources that should watch a link are silent; "" = none."""

    @property
    def unwatched(self) -> int:
        """Links in use for which no heard source reports anything."""
        return self.in_use - self.monitored


@dataclass(frozen=True)
class NetworkNow:
    """Everything together."""

    cut_off: Sequence[CutOff]
    """Those without any path first. A T1 without a link that is down is not listed as unknown."""
    trouble: Sequence[TroubledLink]
    """All troubled links. Those that are down come first: without a path for the T1, then without a
    working backup, then without a ticket, then by start."""
    links: Sequence[LinkNow]
    """The links of the LHCOPN, to be drawn; empty if there are too many for a map."""
    tiers: Mapping[str, int | None]
    """Their ends: 0 or 1 for a T0 or T1 of today."""
    watched: Watched
    places: Mapping[str, float | None]
    """Their positions on the ring of the map, in degrees."""
    states: Mapping[int, LinkStatus]
    """The state of every link in use, of any network, for which anything is known, by key."""


def network_now(session: Session, now: datetime) -> NetworkNow:
    """The networks at ``now`` (UTC)."""
    today = now.astimezone(UTC).date()
    in_use = in_use_on(Link, today)
    states = link_states(session, None, now)
    worst = [key for key, one in states.items() if one.state in _TROUBLE]
    primaries = select(Link.backs_up_id).where(Link.id.in_(worst)).correlate(None)
    a, b = aliased(Site), aliased(Site)
    # once for the statement, not for each row
    counted = select(func.count()).select_from(Link).where(in_use).correlate(None).scalar_subquery()
    rows = session.execute(
        select(
            *(Link.id, Link.name, Link.network, Link.role, Link.backs_up_id),
            *(a.key.label("key_a"), a.tier, a.tier_since, a.tier_until, a.map_place),
            *(b.key.label("key_b"), b.tier.label("tier_b"), b.map_place.label("place_b")),
            *(b.tier_since.label("since_b"), b.tier_until.label("until_b")),
            counted.label("in_use"),
        )
        .join(a, Link.end_a_id == a.id)
        .join(b, Link.end_b_id == b.id)
        .where(
            in_use,
            or_(
                Link.network == Network.LHCOPN,
                Link.id.in_(worst),
                Link.backs_up_id.is_not(None),
                Link.id.in_(primaries),
            ),
        )
        .order_by(Link.name)
    ).all()
    tiers: dict[str, int | None] = {}
    places: dict[str, float | None] = {}
    links: dict[int, LinkNow] = {}
    backups: dict[int, list[LinkNow]] = defaultdict(list)
    for row in rows:
        status = states.get(row.id, UNKNOWN_TO_ALL)
        one = LinkNow(
            *(row.id, row.name, row.network, row.key_a, row.key_b),
            *(row.role, row.backs_up_id, status, can_carry(status, now)),
        )
        links[one.id] = one
        if one.backs_up is not None:
            backups[one.backs_up].append(one)
        if one.network == Network.LHCOPN:
            tiers[one.end_a] = tier_of(row.tier, row.tier_since, row.tier_until, today)
            tiers[one.end_b] = tier_of(row.tier_b, row.since_b, row.until_b, today)
            places |= {one.end_a: row.map_place, one.end_b: row.place_b}
    silences = {one.silence for one in states.values() if not one.is_watched and one.silence}
    said = list(dict.fromkeys(source for one in sorted(silences) for source in one.split("; ")))
    drawn = [one for one in links.values() if one.network == Network.LHCOPN]
    paths = _paths(drawn, links, backups, tiers)
    flaps = _flapping(session, worst, now)
    troubled = Counter(end for key in worst for end in (links[key].end_a, links[key].end_b))
    trouble = []
    for key in worst:
        one = links[key]
        site = min((one.end_a, one.end_b), key=lambda end: _place(end, tiers, paths, troubled))
        primary = links.get(one.backs_up or 0)
        path = paths.get(site, Path.UNKNOWN)
        words = flaps.get(key, "") if one.status.flapping else ""
        trouble.append(TroubledLink(one, backups[key], primary, site, path, words))
    trouble.sort(key=lambda one: _urgency(one, now))
    cut_off = _cut_off(drawn, backups, paths)
    if len(drawn) > MAX_LINKS:
        drawn, tiers = [], {}
    watched = Watched(
        rows[0].in_use if rows else session.scalar(select(counted)) or 0,
        sum(one.is_watched for one in states.values()),
        joined("; ", said[:_NAMED]),
    )
    return NetworkNow(cut_off, trouble, drawn, tiers, watched, places, states)


def _flapping(session: Session, keys: Collection[int], now: datetime) -> Mapping[int, str]:
    """The total time down of each of these links that flaps, in words; one statement, none
    without links."""
    found: dict[int, list[Outage]] = defaultdict(list)
    if keys:
        query = select(Event.link_id, Event.start, Event.end).where(
            Event.link_id.in_(keys),
            Event.start > now - LOOKED_BACK,
            Event.start <= now,
            Event.state.in_((LinkState.DOWN, LinkState.DEGRADED)),
            Event.withdrawn_at.is_(None),
        )
        for row in session.execute(query):
            found[row.link_id].append((row.start, row.end))
    said = ((key, flapping(outages, now)) for key, outages in found.items())
    return {key: one.words for key, one in said if one is not None}


def _paths(
    of_lhcopn: Sequence[LinkNow],
    links: Mapping[int, LinkNow],
    backups: Mapping[int, Sequence[LinkNow]],
    tiers: Mapping[str, int | None],
) -> Mapping[str, Path]:
    """What is known of each T1's path to the T0; empty if the LHCOPN has no T0.

    A backup connects its own ends; on another network, if these are not sites of the LHCOPN, it
    connects the ends of the link that it backs up, as recorded.
    """
    centres = [site for site, tier in tiers.items() if tier == 0]
    joints = [Joint(one.end_a, one.end_b, path_over(one.status)) for one in of_lhcopn]
    for primary in of_lhcopn:
        for one in backups.get(primary.id, ()):
            ends = one if one.end_a in tiers and one.end_b in tiers else primary
            joints.append(Joint(ends.end_a, ends.end_b, path_over(one.status)))
    found = paths_to(centres, joints) if centres else {}
    t1s = [site for site, tier in tiers.items() if tier == 1] if centres else []
    return {site: found.get(site, Path.NONE) for site in t1s}


def _cut_off(
    of_lhcopn: Sequence[LinkNow],
    backups: Mapping[int, Sequence[LinkNow]],
    paths: Mapping[str, Path],
) -> Sequence[CutOff]:
    found = []
    for site, path in paths.items():
        own = [one for one in of_lhcopn if site in (one.end_a, one.end_b)]
        is_hit = any(one.status.state in DOWN_NOW for one in own)
        if path is Path.NONE or (path is Path.UNKNOWN and is_hit):
            every = {one.id: one for link in own for one in (link, *backups.get(link.id, ()))}
            unknown = [one for one in every.values() if path_over(one.status) is Path.UNKNOWN]
            found.append(CutOff(site, path, unknown))
    return sorted(found, key=lambda one: (one.path, one.site))


def _place(
    end: str,
    tiers: Mapping[str, int | None],
    paths: Mapping[str, Path],
    troubled: Mapping[str, int],
) -> tuple[int, int, int]:
    """Sort key: the end of a link with the lowest value is the affected site."""
    tier = tiers.get(end)
    rank = 2 if tier == 0 else 0 if tier == 1 else 1
    return (rank, paths.get(end, Path.UNKNOWN), -troubled[end])


def _urgency(one: TroubledLink, now: datetime) -> tuple[bool, Path, Path, bool, datetime, str]:
    status = one.link.status
    return (
        *(not one.is_down, one.path, one.beside, status.unattended is None),
        *(status.since or now, one.link.name),
    )
