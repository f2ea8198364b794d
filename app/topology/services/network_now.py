"""The networks at this moment: which links are down or degraded, whether their backups hold, and
what a small picture of the LHCOPN draws. Two statements; it reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from app.registry.models.registry import Link, Site
from app.registry.rules.networks import Network
from app.registry.services.record_lists import in_use_on
from app.registry.services.tiers import tier_of
from app.topology.rules.link_states import (
    UNKNOWN_TO_ALL,
    LinkState,
    LinkStatus,
    can_carry,
)
from app.topology.services.link_states import link_states
from app.topology.services.registry_on import MAX_LINKS

MAX_SHOWN: Final = 200
"""Links in trouble that are read with their backups; the worst of them."""
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


@dataclass(frozen=True)
class TroubledLink:
    """A link that is down or degraded, with what should carry its traffic."""

    link: LinkNow
    backups: Sequence[LinkNow]
    """The links that back it up."""
    primary: LinkNow | None
    """The link that it backs up itself."""

    @property
    def is_backed_up(self) -> bool:
        """Whether one of its backups can carry."""
        return any(can_carry(one.status.state) for one in self.backups)


@dataclass(frozen=True)
class NetworkNow:
    """All of it."""

    trouble: Sequence[TroubledLink]
    """The worst state first, then what began last."""
    more: int
    """How many more there are beyond ``MAX_SHOWN``."""
    links: Sequence[LinkNow]
    """Those of the LHCOPN, to be drawn; none where they are too many for a picture."""
    tiers: Mapping[str, int | None]
    """Their ends: 0 or 1 for a T0 or T1 of today."""
    places: Mapping[str, float | None]
    """Where these stand on the ring of the map, in degrees."""


def network_now(session: Session, now: datetime) -> NetworkNow:
    """The networks at ``now`` (UTC)."""
    today = now.astimezone(UTC).date()
    in_use = in_use_on(Link, today)
    states = link_states(session, select(Link.id).where(in_use).correlate(None), now)
    worst = sorted(
        (key for key, one in states.items() if one.state in _TROUBLE),
        key=lambda key: (_TROUBLE.index(states[key].state), -_began(states[key], now), key),
    )
    more = len(worst) - MAX_SHOWN
    worst = worst[:MAX_SHOWN]
    primaries = select(Link.backs_up_id).where(Link.id.in_(worst)).correlate(None)
    a, b = aliased(Site), aliased(Site)
    rows = session.execute(
        select(
            *(Link.id, Link.name, Link.network, Link.role, Link.backs_up_id),
            *(a.key.label("key_a"), a.tier, a.tier_since, a.tier_until, a.map_place),
            *(b.key.label("key_b"), b.tier.label("tier_b"), b.map_place.label("place_b")),
            *(b.tier_since.label("since_b"), b.tier_until.label("until_b")),
        )
        .join(a, Link.end_a_id == a.id)
        .join(b, Link.end_b_id == b.id)
        .where(
            in_use,
            or_(
                Link.network == Network.LHCOPN,
                Link.id.in_(worst),
                Link.backs_up_id.in_(worst),
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
            *(row.role, row.backs_up_id, status),
        )
        links[one.id] = one
        if one.backs_up is not None:
            backups[one.backs_up].append(one)
        if one.network == Network.LHCOPN:
            tiers[one.end_a] = tier_of(row.tier, row.tier_since, row.tier_until, today)
            tiers[one.end_b] = tier_of(row.tier_b, row.since_b, row.until_b, today)
            places |= {one.end_a: row.map_place, one.end_b: row.place_b}
    drawn = [one for one in links.values() if one.network == Network.LHCOPN]
    if len(drawn) > MAX_LINKS:
        drawn, tiers = [], {}
    return NetworkNow(
        [
            TroubledLink(links[key], backups[key], links.get(links[key].backs_up or 0))
            for key in worst
        ],
        max(0, more),
        drawn,
        tiers,
        places,
    )


def _began(status: LinkStatus, now: datetime) -> float:
    return (status.since or now).timestamp()
