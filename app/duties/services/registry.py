"""The registry as duties and losses of service ask it: links, sites, and who is responsible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.duties.figures.duties import microseconds
from app.duties.figures.outages import EVER, NEVER, LinkFacts, SiteFacts
from app.registry.models.registry import Link, Site


@dataclass(frozen=True)
class Registry:
    """What is asked of sites and links, all of them: there are hundreds."""

    links: Mapping[int, LinkFacts]
    sites: Mapping[int, SiteFacts]
    responsible: Mapping[int, int]
    """The responsible site of each link: the recorded one, else the T1 end."""

    def t1s_at(self, links: Iterable[int]) -> set[int]:
        """The sites of which a loss may begin or end with these links."""
        found: set[int] = set()
        for key in links:
            if (link := self.links.get(key)) is None:
                continue
            found |= set(link.ends)
            if (backed := self.links.get(link.backs_up or 0)) is not None:
                found |= set(backed.ends)
        return {key for key in found if self.sites[key].t1_from < self.sites[key].t1_until}

    def links_of_t1(self, site: int) -> set[int]:
        """The links by which that T1 is reached, with what backs them up."""
        own = {key for key, link in self.links.items() if site in link.ends}
        return own | {key for key, link in self.links.items() if link.backs_up in own}


def registry_facts(session: Session) -> Registry:
    """The registry as it stands."""
    sites = {
        row.id: SiteFacts(
            row.id,
            _day(row.tier_since, EVER) if row.tier == 1 else int(EVER),
            _day(row.tier_until, NEVER) if row.tier == 1 else int(EVER),
            is_t0=row.tier == 0,
        )
        for row in session.execute(
            select(Site.id, Site.tier, Site.tier_since, Site.tier_until).order_by(Site.id)
        )
    }
    links, responsible = {}, {}
    for row in session.execute(
        select(
            *(Link.id, Link.network, Link.role, Link.end_a_id, Link.end_b_id, Link.backs_up_id),
            *(Link.valid_from, Link.valid_until, Link.responsible_site_id),
        ).order_by(Link.id)
    ):
        links[row.id] = LinkFacts(
            row.id,
            row.network,
            row.role,
            (row.end_a_id, row.end_b_id),
            row.backs_up_id,
            _day(row.valid_from, EVER),
            _day(row.valid_until, NEVER),
        )
        t1_end = row.end_b_id if sites[row.end_a_id].is_t0 else row.end_a_id
        responsible[row.id] = row.responsible_site_id or t1_end
    return Registry(links, sites, responsible)


def _day(day: date | None, otherwise: np.int64) -> int:
    return int(otherwise) if day is None else microseconds(datetime.combine(day, time(), UTC))
