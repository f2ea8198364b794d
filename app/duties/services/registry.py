"""The registry data for duties and losses of service: links, sites, and responsible sites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.duties.figures.outages import EVER, NEVER, LinkFacts, SiteFacts
from app.matching.services.number_rows import columns_of
from app.registry.models.registry import Link, Site


@dataclass(frozen=True)
class Registry:
    """The facts of all sites and links: there are hundreds."""

    links: Mapping[int, LinkFacts]
    sites: Mapping[int, SiteFacts]
    responsible: Mapping[int, int]
    """The responsible site of each link: the recorded one, else the T1 end."""

    def t1s_at(self, links: Iterable[int]) -> set[int]:
        """The sites whose losses may start or end with these links."""
        found: set[int] = set()
        for key in links:
            if (link := self.links.get(key)) is None:
                continue
            found |= set(link.ends)
            if (backed := self.links.get(link.backs_up or 0)) is not None:
                found |= set(backed.ends)
        return {key for key in found if self.sites[key].t1_from < self.sites[key].t1_until}

    def links_of_t1(self, site: int) -> set[int]:
        """The links that connect that T1, and their backups."""
        own = {key for key, link in self.links.items() if site in link.ends}
        return own | {key for key, link in self.links.items() if link.backs_up in own}


def registry_facts(session: Session) -> Registry:
    """Read the current registry."""
    query = select(Site.id, Site.tier, Site.tier_since, Site.tier_until).order_by(Site.id)
    keys, tiers, since, until = columns_of(session.execute(query).all(), 4)
    sites = {
        key: SiteFacts(key, *((begin, end) if tier == 1 else _NEVER_T1), is_t0=tier == 0)
        for key, tier, begin, end in zip(
            keys, tiers, _days(since, EVER), _days(until, NEVER), strict=True
        )
    }
    rows = session.execute(
        select(
            *(Link.id, Link.network, Link.role, Link.end_a_id, Link.end_b_id, Link.backs_up_id),
            *(Link.responsible_site_id, Link.valid_from, Link.valid_until),
        ).order_by(Link.id)
    ).all()
    *_, valid_from, valid_until = columns_of(rows, 9)
    begins, ends = _days(valid_from, EVER), _days(valid_until, NEVER)
    links, responsible = {}, {}
    for row, begin, end in zip(rows, begins, ends, strict=True):
        at = (row.end_a_id, row.end_b_id)
        links[row.id] = LinkFacts(row.id, row.network, row.role, at, row.backs_up_id, begin, end)
        t1_end = row.end_b_id if sites[row.end_a_id].is_t0 else row.end_a_id
        responsible[row.id] = row.responsible_site_id or t1_end
    return Registry(links, sites, responsible)


_NEVER_T1 = (int(EVER), int(EVER))


def _days(days: Sequence[date | None], otherwise: np.int64) -> list[int]:
    """The first moments of days, UTC, in microseconds."""
    known = np.array(days, "datetime64[D]")
    moments = known.astype("datetime64[us]").astype(np.int64)
    found: list[int] = np.where(np.isnat(known), otherwise, moments).tolist()
    return found
