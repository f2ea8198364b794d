"""The few sites and links that match what somebody types in another system, best first.

Retired records are left out. The search runs here and not in the database: the registry is small,
and upper and lower case of all letters are then the same on each database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import nsmallest
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, selectinload

from app.registry.models.registry import Link, LinkName, Site
from app.registry.services.known_names import known_site_names
from app.registry.services.lists import is_valid_on
from app.registry.services.record_lists import not_retired_on

MOST: Final = 20
_A, _B = aliased(Site), aliased(Site)


@dataclass(frozen=True)
class Pick:
    """A site or link to pick: the value to store, and the text that people read."""

    id: str
    label: str


def links_to_pick(session: Session, search: str, today: date) -> Sequence[Pick]:
    """At most ``MOST`` links by id. Each word of the search is part of an id of the link, or of a
    name of a site at one of the ends; an empty search finds all."""
    rows = session.execute(
        select(Link.name, _A.key, _B.key, LinkName.name)
        .join(_A, _A.id == Link.end_a_id)
        .join(_B, _B.id == Link.end_b_id)
        .outerjoin(LinkName, LinkName.link_id == Link.id)
        .where(not_retired_on(Link, today))
    ).all()
    of_sites: dict[str, list[str]] = defaultdict(list)
    for name, key in known_site_names(session):
        of_sites[key].append(name)
    labels: dict[str, str] = {}
    names: dict[str, list[str]] = {}
    for link, end_a, end_b, alias in rows:
        if link not in labels:
            labels[link] = f"{link} · {end_a} – {end_b}"
            names[link] = [*of_sites[end_a], *of_sites[end_b]]
        if alias is not None:
            names[link].append(alias)
    return _best(search, labels, names)


def sites_to_pick(session: Session, search: str, today: date) -> Sequence[Pick]:
    """At most ``MOST`` sites by LHCOPN name, which match alike. The label has the other names that
    are valid today; former names are found, too."""
    sites = session.scalars(
        select(Site).where(not_retired_on(Site, today)).options(selectinload(Site.names))
    ).all()
    labels = {}
    for site in sites:
        shown = {site.key.casefold(): site.key}
        for name in site.names:
            if is_valid_on(name, today):
                shown.setdefault(name.name.casefold(), name.name)
        first, *others = shown.values()
        labels[site.key] = " · ".join(filter(None, (first, ", ".join(others))))
    names = {site.key: [name.name for name in site.names] for site in sites}
    return _best(search, labels, names)


def _best(
    search: str, labels: Mapping[str, str], names: Mapping[str, Iterable[str]]
) -> Sequence[Pick]:
    """The best matches by key: a name that is what was typed, then one that begins with it."""
    typed = " ".join(search.casefold().split())
    words, found = typed.split(), []
    for key, label in labels.items():
        texts = [one.casefold() for one in (key, *names[key])]
        if not all(any(word in text for text in (label.casefold(), *texts)) for word in words):
            continue
        is_equal = typed in texts
        begins = any(text.startswith(typed) for text in texts)
        found.append((not is_equal, not begins, key))
    return [Pick(key, labels[key]) for *_rank, key in nsmallest(MOST, found)]
