"""Resolves the link and site names in reported events, at the events' own times.

The names of a whole call are looked up together. Does not depend on how events are stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.language import _
from app.registry.models.registry import Link, LinkName, Site, SiteName
from app.registry.rules.site_names import NamePeriod, bearer_on, name_period
from app.registry.services.nearest_names import NearestNames

SOME: Final = 5_000
"""Names in one query: databases limit the values of a statement."""


def some_of(names: Collection[str]) -> Iterable[list[str]]:
    """The names in parts for one statement each."""
    every = sorted(names)
    for start in range(0, len(every), SOME):
        yield every[start : start + SOME]


@dataclass(frozen=True, slots=True)
class Meant:
    """The meaning of a name. ``known`` None = unknown; then ``why`` says what is allowed."""

    known: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Use:
    id: int
    key: str
    ends: date
    """First day on which it is no longer in use."""


class EventNames:
    """All links and sites with these names, at any time."""

    def __init__(self, session: Session, links: Collection[str], sites: Collection[str]) -> None:
        self._session = session
        self._links: dict[str, _Use] = {}
        self._sites: dict[str, list[NamePeriod]] = {}
        for names in some_of(links):
            self._load_links(names)
        for names in some_of(sites):
            self._load_sites(names)
        self._nearest: dict[str, NearestNames] = {}
        self._near: dict[tuple[str, str], str] = {}

    def _load_links(self, names: Sequence[str]) -> None:
        columns = (Link.id, Link.name, Link.valid_from, Link.valid_until)
        # an alias is stored in upper case, as tickets were read for it, or as events had it
        by_alias = {name.upper(): name for name in names} | {name: name for name in names}
        aliases = (
            select(*columns, LinkName.name.label("said"))
            .join(LinkName, LinkName.link_id == Link.id)
            .where(LinkName.name.in_([*by_alias]))
        )
        for row in self._session.execute(aliases):
            self._links[by_alias[row.said]] = _use(row)
            self._links.setdefault(row.said, _use(row))
        # as ids are recognized in texts of tickets: also in lower case
        every = [*dict.fromkeys((*names, *(name.upper() for name in names)))]
        for link in self._session.execute(select(*columns).where(Link.name.in_(every))):
            self._links[link.name] = _use(link)

    def _load_sites(self, names: Sequence[str]) -> None:
        query = (
            select(
                SiteName.name.label("said"),
                SiteName.valid_from,
                SiteName.valid_until,
                Site.valid_until.label("ended"),
                Site.id,
                Site.key.label("name"),
            )
            .join(Site, Site.id == SiteName.site_id)
            .where(SiteName.name.in_(names))
        )
        for row in self._session.execute(query):
            days = (row.valid_from, row.valid_until)
            self._sites.setdefault(row.said, []).append(
                name_period(row.id, row.name, days, row.ended)
            )

    def link(self, name: str, on: date) -> Meant:
        """The link with this id or name. A link that ended before ``on`` does not match; one that
        started later does, because most first days are guesses."""
        found = self._links.get(name) or self._links.get(name.upper())
        if found is None:
            return Meant(
                None,
                _(
                    "the id of a known link%(proposed)s",
                    proposed=self._proposed("link", name),
                ),
            )
        if found.ends <= on:
            return Meant(
                None,
                _(
                    "a link that was in use at that time; %(key)s ended on %(ends)s",
                    key=found.key,
                    ends=found.ends,
                ),
            )
        return Meant(found.id)

    def site(self, name: str, on: date) -> Meant:
        """The site that had this name on that day, else the one that has it later, as for links."""
        periods = self._sites.get(name)
        if not periods:
            allowed = _("any name of a known site")
            return Meant(None, f"{allowed}{self._proposed('site', name)}")
        found = bearer_on(periods, on)
        if found is None:
            last = max(periods, key=lambda one: one.ends)
            return Meant(
                None,
                _(
                    "a name that a site had at that time; %(key)s had this name until %(ends)s",
                    key=last.key,
                    ends=last.ends,
                ),
            )
        return Meant(found.site_id)

    def _proposed(self, kind: str, name: str) -> str:
        """The nearest known names in words. All names are read when the first is requested."""
        if (kind, name) not in self._near:
            if kind not in self._nearest:
                self._nearest[kind] = NearestNames(self._every(kind))
            found = ", ".join(near.name for near in self._nearest[kind].of(name))
            self._near[kind, name] = _("; nearest: %(found)s", found=found) if found else ""
        return self._near[kind, name]

    def _every(self, kind: str) -> Sequence[tuple[str, str]]:
        if kind == "link":
            return [(name, name) for name in self._session.scalars(select(Link.name))]
        rows = self._session.execute(select(SiteName.name, Site.key).join(Site)).all()
        return [(row[0], row[1]) for row in rows]


def _use(row: Any) -> _Use:
    return _Use(row.id, row.name, row.valid_until or date.max)


def names_of_links(session: Session, ids: Collection[int]) -> Mapping[int, str]:
    """The current names of these links."""
    return _names_of(session, Link.id, Link.name, ids)


def names_of_sites(session: Session, ids: Collection[int]) -> Mapping[int, str]:
    """The LHCOPN names of these sites."""
    return _names_of(session, Site.id, Site.key, ids)


def _names_of(session: Session, key: Any, name: Any, ids: Collection[int]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    every = sorted(ids)
    for start in range(0, len(every), SOME):
        rows = session.execute(select(key, name).where(key.in_(every[start : start + SOME])))
        found |= {row[0]: row[1] for row in rows}
    return found
