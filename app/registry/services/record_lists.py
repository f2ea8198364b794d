"""Lists of sites and links as people see them: searched, filtered, by keyset pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic

from sqlalchemy import BindParameter, ColumnElement, Select, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session

from app.core.rules.quarters import Month
from app.registry.models.registry import (
    FactSource,
    Link,
    LinkCircuit,
    Site,
    SiteAsn,
    SiteContact,
    SiteName,
    SitePrefix,
)
from app.registry.rules.registry import covers
from app.registry.services.links import LINKS
from app.registry.services.records import Record, RecordVerbs
from app.registry.services.sites import SITES
from app.registry.services.tiers import had_tier

PAGE = 50
IN_USE, RETIRED, EVERY = "in use", "retired", "all"
T0, T1, PAST_T1, NO_TIER = "T0", "T1", "past T1", "none"
_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)


@dataclass(frozen=True)
class RecordFilter:
    """What a list of records shows. Each word of ``text`` is part of what a record is found by.

    ``narrowed`` are values of the filters of the kind. ``show`` is in use, retired or all.
    """

    day: date
    narrowed: Mapping[str, str]
    text: str = ""
    show: str = IN_USE
    sample: bool = False


@dataclass(frozen=True)
class RecordOnDay:
    """What the page of a site or link is about."""

    row: Site | Link
    links: Sequence[Link]
    """Of a site those that end there, at any time. Of a link itself first, then the links that back
    it up, and the one that it backs up."""
    day: date
    """UTC, not after today."""
    month: Month | None = None
    """The month whose past is requested; it has started by that day."""

    @property
    def own_links(self) -> Sequence[Link]:
        """The links whose past belongs to the record: not a link's backups."""
        return self.links if isinstance(self.row, Site) else self.links[:1]

    @property
    def links_in_use(self) -> Sequence[Link]:
        """Those in use on the day."""
        return [one for one in self.links if covers((one.valid_from, one.valid_until), self.day)]


@dataclass(frozen=True)
class RecordList(Generic[Record]):
    """The list of one kind of record."""

    verbs: RecordVerbs[Record]
    found_by: Callable[[str], Sequence[ColumnElement[bool]]]
    """Where a word may be, besides the fields that are declared as searched."""
    narrow: Callable[[str, str, date], ColumnElement[bool]]
    """A filter of the kind: its name, its value, and the day."""

    def page(
        self, session: Session, wanted: RecordFilter, *, after: str = "", limit: int = PAGE
    ) -> tuple[Sequence[Record], bool]:
        """A page of records by key behind ``after``, and whether there are more."""
        key = self.verbs.key
        rows = session.scalars(
            select(self.verbs.row)
            .where(key > after, *self._conditions(wanted))
            .order_by(key)
            .limit(limit + 1)
            .options(*self.verbs.loads)
        ).all()
        return rows[:limit], len(rows) > limit

    def count(self, session: Session, wanted: RecordFilter) -> int:
        """How many records the filter finds."""
        query = select(func.count(self.verbs.row.id)).where(*self._conditions(wanted))
        return session.scalar(query) or 0

    def _conditions(self, wanted: RecordFilter) -> list[ColumnElement[bool]]:
        row, kind = self.verbs.row, self.verbs.kind
        parts = _shown(row, wanted.show, wanted.day)
        searched: list[ColumnElement[str]] = [
            getattr(row, field.name) for field in kind.fields if field.is_searched
        ]
        for word in wanted.text.split():
            parts.append(or_(*(holds(column, word) for column in searched), *self.found_by(word)))
        parts += [self.narrow(name, value, wanted.day) for name, value in wanted.narrowed.items()]
        if wanted.sample:
            marked = exists().where(
                FactSource.kind == kind.name,
                FactSource.thing_id == row.id,
                FactSource.sample.is_(True),
            )
            parts.append(or_(row.sample.is_(True), marked))
        return parts


def links_of_site(session: Session, site: Site) -> Sequence[Link]:
    """All links that end at a site, of any time, by id."""
    return session.scalars(
        select(Link)
        .where(or_(Link.end_a_id == site.id, Link.end_b_id == site.id))
        .order_by(Link.name)
    ).all()


def backups_of_link(session: Session, link: Link) -> Sequence[Link]:
    """The links that back this one up, by id."""
    return session.scalars(
        select(Link).where(Link.backs_up_id == link.id).order_by(Link.name)
    ).all()


def contacts_of_sites(session: Session, sites: Collection[int]) -> Sequence[SiteContact]:
    """The contacts of these sites (by database key), as each site lists them."""
    return session.scalars(
        select(SiteContact)
        .where(SiteContact.site_id.in_(sites))
        .order_by(SiteContact.site_id, SiteContact.id)
    ).all()


def links_per_site(session: Session, sites: Collection[Site], day: date) -> Mapping[int, int]:
    """How many links in use on a day end at each of these sites, by the site's database key."""
    keys = [site.id for site in sites]
    counts: dict[int, int] = {}
    for end in (Link.end_a_id, Link.end_b_id):
        rows = session.execute(
            select(end, func.count(Link.id))
            .where(end.in_(keys), in_use_on(Link, day))
            .group_by(end)
        )
        for key, count in rows:
            counts[key] = counts.get(key, 0) + count
    return counts


def holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether a text is in the column, whatever the case of its letters."""
    found: ColumnElement[bool] = func.lower(column).contains(text.lower(), autoescape=True)
    return found


def in_use_on(row: type[Site] | type[Link], day: date | BindParameter[date]) -> ColumnElement[bool]:
    """Whether a record is in use on a day, or on the one that a statement is given."""
    return and_(
        or_(row.valid_from.is_(None), row.valid_from <= day),
        or_(row.valid_until.is_(None), row.valid_until > day),
    )


def not_retired_on(row: type[Site] | type[Link], day: date) -> ColumnElement[bool]:
    """Whether a record is in use on a day, or will be: nobody would find it otherwise."""
    return or_(row.valid_until.is_(None), row.valid_until > day)


def _shown(row: type[Site] | type[Link], show: str, day: date) -> list[ColumnElement[bool]]:
    if show == IN_USE:
        return [not_retired_on(row, day)]
    return [row.valid_until <= day] if show == RETIRED else []


def _site_of_tier(_name: str, tier: str, day: date) -> ColumnElement[bool]:
    if tier == PAST_T1:
        return and_(Site.tier == 1, Site.tier_until <= day)
    if tier == NO_TIER:
        return or_(Site.tier.is_(None), not_(had_tier(day)))
    return and_(Site.tier == int(tier[1]), had_tier(day))


def _site_found_by(word: str) -> Sequence[ColumnElement[bool]]:
    """Any of its names, an ASN, or part of a prefix."""
    found: list[Select[int]] = [select(SiteName.site_id).where(holds(SiteName.name, word))]
    number = _ASN.fullmatch(word)
    if number is not None:
        found.append(select(SiteAsn.site_id).where(SiteAsn.asn == int(number[1])))
    if re.search("[.:/]", word):
        found.append(select(SitePrefix.site_id).where(holds(SitePrefix.prefix, word)))
    return [Site.id.in_(ids) for ids in found]


def _link_with(name: str, value: str, _day: date) -> ColumnElement[bool]:
    column: ColumnElement[str] = getattr(Link, name)
    return column == value


def _link_found_by(word: str) -> Sequence[ColumnElement[bool]]:
    """A circuit, or any name of an end."""
    named: Select[int] = select(SiteName.site_id).where(holds(SiteName.name, word))
    circuits: Select[int] = select(LinkCircuit.link_id).where(
        or_(holds(LinkCircuit.circuit_id, word), holds(LinkCircuit.provider, word))
    )
    return [Link.id.in_(circuits), Link.end_a_id.in_(named), Link.end_b_id.in_(named)]


SITE_LIST: Final = RecordList(SITES, _site_found_by, _site_of_tier)
LINK_LIST: Final = RecordList(LINKS, _link_found_by, _link_with)
