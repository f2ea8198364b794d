"""Looking up sites and links by any of their names, and what their verbs share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, null, or_, select, union_all
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from app.core.models.base import Base
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Writer
from app.core.rules.errors import Difference, EditConflict, Invalid
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import FieldChange, record_change, take_number
from app.registry.models.registry import FactSource, Link, LinkName, Site, SiteName
from app.registry.rules.recognition import first_word, is_recognisable, words_in
from app.registry.rules.records import fact_of, logged
from app.registry.rules.site_names import bearer_or_last, name_period
from app.registry.services.link_ends import let_ends_follow
from app.registry.services.name_changes import let_words_follow, names_changed

SITE = "site"
LINK = "link"
WHY = "why"
"""The field of a change that holds its reason, and the prefix of those that hold a source."""
SOURCE_OF = "source:"
EVERY_FACT = "*"
"""Among sources: of all facts that are changed; to confirm: all facts that are samples."""
MAX_NAMED = 20
"""How many tickets or links a refusal names."""
_LOCK = "registry"
"""The counter whose lock lets one writer at a time look whether a name is taken."""
SITE_PARTS = tuple(map(selectinload, (Site.names, Site.asns, Site.prefixes, Site.contacts)))
LINK_PARTS = (
    selectinload(Link.circuits),
    joinedload(Link.backs_up),
    joinedload(Link.recorded_responsible),
)
"""What queries of many sites or links load with them."""
PARTS_OF_ONE: Final[Mapping[type[Base], Sequence[ORMOption]]] = {
    Site: tuple(map(joinedload, (Site.names, Site.asns, Site.contacts))),
    Link: (joinedload(Link.circuits), *LINK_PARTS[1:]),
}
"""What the query of one loads by itself: where there are few of each."""


def all_sites(session: Session) -> Sequence[Site]:
    """Every site, by its LHCOPN name."""
    return session.scalars(select(Site).order_by(Site.key).options(selectinload(Site.names))).all()


def all_links(session: Session) -> Sequence[Link]:
    """Every link, by its id."""
    return session.scalars(select(Link).order_by(Link.name)).all()


_BY_NAME = (
    select(Site)
    .join(SiteName)
    .where(SiteName.name == bindparam("name"))
    # sites that still have the name, before sites that once had it
    .order_by(
        func.coalesce(SiteName.valid_until, Site.valid_until).desc().nulls_first(),
        SiteName.valid_from.desc().nulls_last(),
    )
    .limit(1)
)
_MAX_WORDS = 5_000
"""Words looked up at once: databases limit the values of one statement."""
# of tables, and made once: each creation of a ticket asks
_links, _names, _sites = (row.__table__ for row in (Link, SiteName, Site))
_LINKS_OF_WORDS = select(_links.c.name).where(_links.c.word.in_(bindparam("words", expanding=True)))
_SITES_OF_WORDS = (
    select(_names.c.name, _sites.c.key)
    .join(_sites, _sites.c.id == _names.c.site_id)
    .where(
        _names.c.word.in_(bindparam("words", expanding=True)),
        *(
            condition
            for table in (_names, _sites)
            for condition in (
                or_(table.c.valid_from.is_(None), table.c.valid_from <= bindparam("day")),
                or_(table.c.valid_until.is_(None), table.c.valid_until > bindparam("day")),
            )
        ),
    )
)


def valid_on(day: date) -> list[ColumnElement[bool]]:
    """Narrows a query of site names, joined to their sites, to those that are valid on a day."""
    return [
        condition
        for row in (SiteName, Site)
        for condition in (
            or_(row.valid_from.is_(None), row.valid_from <= day),
            or_(row.valid_until.is_(None), row.valid_until > day),
        )
    ]


def find_site(session: Session, name: str, on: date | None = None) -> Site | None:
    """The site that has ``name`` in any system, exact case; ``on`` = valid on that day only."""
    query = _BY_NAME if on is None else _BY_NAME.where(*valid_on(on))
    return session.scalars(query, {"name": name}).first()


_BEARERS = (
    select(SiteName.valid_from, SiteName.valid_until, Site)
    .join(Site, Site.id == SiteName.site_id)
    .where(SiteName.name == bindparam("name"))
)


def site_meant(session: Session, name: str, on: date) -> Site | None:
    """The site that a ticket means by this name if ``on`` is its day (see ``bearer_or_last``)."""
    sites: dict[int, Site] = {}
    periods = []
    for valid_from, valid_until, site in session.execute(_BEARERS, {"name": name}):
        sites[site.id] = site
        days = (valid_from, valid_until)
        periods.append(name_period(site.id, site.key, days, site.valid_until))
    found = bearer_or_last(periods, on)
    return None if found is None else sites[found.site_id]


def require_site(session: Session, name: str, field: str = "site", on: date | None = None) -> Site:
    """Like ``find_site``, or ``site_meant`` with a day, but an unknown name raises ``Invalid`` on
    ``field``."""
    site = find_site(session, name) if on is None else site_meant(session, name, on)
    if site is None:
        raise Invalid(field, _("No site has this name; any name of a known site is allowed"))
    return site


def require_links(session: Session, names: Iterable[str], field: str = "links") -> list[Link]:
    """The links with these ids in the order given, each once; ``Invalid`` for an unknown one."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return []
    usable = [name for name in wanted if name.isprintable()]  # PostgreSQL refuses the others
    found = {link.name: link for link in session.scalars(select(Link).where(Link.name.in_(usable)))}
    if len(found) < len(wanted):
        raise Invalid(field, _("No link has this id; choose from the list of links"))
    return [found[name] for name in wanted]


def link_names_in(session: Session, texts: Iterable[str]) -> list[str]:
    """The link ids that may be in the texts, and no more than a few others: all ids of which
    the first word is there. ``recognised_links`` says which are there."""
    connection = session.connection()
    return [
        name
        for words in _some(words_in(texts))
        for name in connection.scalars(_LINKS_OF_WORDS, {"words": words})
    ]


def site_keys_in(session: Session, text: str, on: date) -> dict[str, str]:
    """The site names valid on a day that may be in a text, mapped to their sites' keys."""
    connection = session.connection()
    return {
        row.name: row.key
        for words in _some(words_in((text,)))
        for row in connection.execute(_SITES_OF_WORDS, {"words": words, "day": on})
    }


_NAMES_OF_WORDS = union_all(
    _LINKS_OF_WORDS.add_columns(null().label("key")),
    _SITES_OF_WORDS,
)
_RUN = re.compile(r"[\w-]+")


def names_in(
    session: Session, texts: Iterable[str], on: date
) -> tuple[Sequence[str], Mapping[str, str]]:
    """The link ids, and the names of sites valid on a day with their sites' keys, that may be in
    the texts: one statement, of their first words. Only such names of sites as are no words of
    other meanings."""
    runs = dict.fromkeys(run for text in texts for run in _RUN.findall(text))
    likely = (run for run in runs if "-" in run or not run.islower())
    words = sorted(words_in(islice(likely, _MAX_WORDS - 1)))
    links: list[str] = []
    sites: dict[str, str] = {}
    if not runs or (words == [""] and all(map(str.isascii, runs))):
        return links, sites
    for name, key in session.connection().execute(_NAMES_OF_WORDS, {"words": words, "day": on}):
        if key is None:
            links.append(name)
        elif is_recognisable(name):
            sites[name] = key
    return links, sites


def _some(words: Iterable[str]) -> Iterable[list[str]]:
    every = sorted(words)
    for start in range(0, len(every), _MAX_WORDS):
        yield every[start : start + _MAX_WORDS]


def responsible_site_of_link(link: Link) -> Site:
    """The recorded responsible site, else the T1 end (between two T1s the first end)."""
    if link.recorded_responsible is not None:
        return link.recorded_responsible
    return link.end_b if link.end_a.tier == 0 else link.end_a


@dataclass(frozen=True)
class NameUse:
    """That a site has a name in a period (from, until)."""

    site_id: int
    key: str
    period: tuple[date | None, date | None]
    whole: tuple[date | None, date | None]
    """The site's own validity."""


class Lookup:
    """What the verbs ask about other records: by one statement for each question.

    ``LoadedLookup`` answers the same from memory, for those who write thousands of records.
    """

    refreshes = True
    """Whether what this session holds of a record may be older than the lock."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def lock(self) -> None:
        """Wait until no other writer looks whether a name is taken."""
        take_number(self.session, _LOCK)

    def site(self, name: str) -> Site | None:
        """The site of any name, as ``find_site``."""
        return find_site(self.session, name)

    def uses_of(self, names: Iterable[str]) -> Mapping[str, Sequence[NameUse]]:
        """Which sites have these names, in any system and at any time."""
        found: dict[str, list[NameUse]] = {}
        wanted = list(set(names))
        for name, use in _name_uses(
            self.session, select(SiteName, Site).join(Site).where(SiteName.name.in_(wanted))
        ):
            found.setdefault(name, []).append(use)
        return found

    def key_taken(self, key: str) -> int | None:
        """The database key of the site that has this key."""
        return self.session.scalar(select(Site.id).where(Site.key == key))

    def link(self, name: str) -> Link | None:
        """The link of this id, exact case."""
        return self.session.scalars(select(Link).where(Link.name == name)).first()

    def link_taken(self, name: str) -> tuple[int, str] | None:
        """Database key and id of the link that has this id, whatever the case."""
        rows = self.session.execute(
            select(Link.id, Link.name).where(Link.word == first_word(name)).order_by(Link.id)
        )
        return next(
            ((row.id, row.name) for row in rows if row.name.casefold() == name.casefold()), None
        )

    def link_of_alias(self, name: str) -> Link | None:
        """The link that tickets call so, though it is not its id; whatever the case."""
        return self.session.scalars(
            select(Link).join(LinkName).where(LinkName.name == name.upper())
        ).first()

    def sources_of(self, kind: str, row: Site | Link) -> Mapping[str, FactSource]:
        """Where each fact of a record comes from, as far as it was said of that fact."""
        return sources_of(self.session, kind, row)

    def set_source(self, kind: str, row: Site | Link, fact: str, source: str) -> None:
        """Say where one fact comes from; it is no sample any more."""
        set_source(self.session, kind, row, fact, source)

    def map_places(self) -> Sequence[float]:
        """The places on the map that are taken."""
        placed = select(Site.map_place).where(Site.map_place.is_not(None))
        return [place for place in self.session.scalars(placed) if place is not None]

    def note_site(self, site: Site) -> None:
        """Remember a site that was just written."""

    def note_link(self, link: Link, before: str = "") -> None:
        """Remember a link that was just written; ``before`` is the id that it had."""


def _name_uses(session: Session, query: Select[SiteName, Site]) -> Iterable[tuple[str, NameUse]]:
    for name, site in session.execute(query):
        yield (
            name.name,
            NameUse(
                site.id,
                site.key,
                (name.valid_from, name.valid_until),
                (site.valid_from, site.valid_until),
            ),
        )


class LoadedLookup(Lookup):
    """All names at once, in few statements. Make it within the transaction that writes."""

    refreshes = False

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        super().lock()
        self._uses: dict[str, list[NameUse]] = {}
        self._noted: dict[int, tuple[str, list[str]]] = {}
        self._sites = {site.id: site for site in session.scalars(select(Site).options(*SITE_PARTS))}
        self._keys = {site.key: site.id for site in self._sites.values()}
        for site in self._sites.values():
            self._note_names(site)
        links = session.scalars(select(Link).options(selectinload(Link.circuits))).all()
        self._sources: dict[tuple[str, int], dict[str, FactSource]] = {}
        for said in session.scalars(select(FactSource)):
            self._sources.setdefault((said.kind, said.thing_id), {})[said.field] = said
        self._links = {link.name: link for link in links}
        self._link_ids = {link.name.casefold(): link for link in links}
        self._aliases = {row.name: row.link for row in session.scalars(select(LinkName))}

    def _note_names(self, site: Site) -> None:
        self._noted[site.id] = (site.key, [name.name for name in site.names])
        for name in site.names:
            self._uses.setdefault(name.name, []).append(
                NameUse(
                    site.id,
                    site.key,
                    (name.valid_from, name.valid_until),
                    (site.valid_from, site.valid_until),
                )
            )

    def lock(self) -> None:
        """Locked since it was made."""

    def site(self, name: str) -> Site | None:
        """The site of any name, as ``find_site``."""
        uses = self._uses.get(name, ())
        if not uses:
            return None
        newest = max(
            uses,
            key=lambda use: (
                use.period[1] or use.whole[1] or date.max,
                use.period[0] or date.min,
            ),
        )
        return self._sites[newest.site_id]

    def uses_of(self, names: Iterable[str]) -> Mapping[str, Sequence[NameUse]]:
        """Which sites have these names, in any system and at any time."""
        return {name: self._uses[name] for name in names if name in self._uses}

    def key_taken(self, key: str) -> int | None:
        """The database key of the site that has this key."""
        return self._keys.get(key)

    def link(self, name: str) -> Link | None:
        """The link of this id, exact case."""
        return self._links.get(name)

    def link_taken(self, name: str) -> tuple[int, str] | None:
        """Database key and id of the link that has this id, whatever the case."""
        link = self._link_ids.get(name.casefold())
        return None if link is None else (link.id, link.name)

    def link_of_alias(self, name: str) -> Link | None:
        """The link that tickets call so, though it is not its id; whatever the case."""
        return self._aliases.get(name.upper())

    def sources_of(self, kind: str, row: Site | Link) -> Mapping[str, FactSource]:
        """Where each fact of a record comes from, as far as it was said of that fact."""
        return self._sources.get((kind, row.id), {})

    def set_source(self, kind: str, row: Site | Link, fact: str, source: str) -> None:
        """Say where one fact comes from; it is no sample any more."""
        own = self._sources.setdefault((kind, row.id), {})
        if fact not in own:
            own[fact] = FactSource(kind=kind, thing_id=row.id, field=fact)
            self.session.add(own[fact])
        own[fact].source, own[fact].sample = source, False
        if isinstance(row, Site) and fact == "tier":
            row.sample = False

    def map_places(self) -> Sequence[float]:
        """The places on the map that are taken."""
        places = (site.map_place for site in self._sites.values())
        return [place for place in places if place is not None]

    def note_site(self, site: Site) -> None:
        """Remember a site that was just written."""
        key, names = self._noted.get(site.id, (site.key, []))
        for name in names:
            self._uses[name] = [use for use in self._uses[name] if use.site_id != site.id]
        self._keys.pop(key, None)
        self._sites[site.id] = site
        self._keys[site.key] = site.id
        self._note_names(site)

    def note_link(self, link: Link, before: str = "") -> None:
        """Remember a link that was just written; ``before`` is the id that it had."""
        if before:
            self._links.pop(before, None)
            self._link_ids.pop(before.casefold(), None)
        self._links[link.name] = link
        self._link_ids[link.name.casefold()] = link


# ---------------------------------------------------------------- what the verbs share


def sources_of(session: Session, kind: str, row: Site | Link) -> dict[str, FactSource]:
    """Where each fact of a record comes from, as far as it was said of that fact."""
    rows = session.scalars(
        select(FactSource).where(FactSource.kind == kind, FactSource.thing_id == row.id)
    )
    return {item.field: item for item in rows}


def source_of(row: Site | Link, fact: str, own: Mapping[str, FactSource]) -> tuple[str, bool]:
    """A fact's source, and whether it is a sample that nobody confirmed.

    Without a word on that fact the record's own source says; a site's mark is that of its tier.
    """
    said = own.get(fact)
    if said is not None:
        return said.source, said.sample
    return row.source, row.sample and (isinstance(row, Link) or fact == "tier")


def source_text(source: str, *, sample: bool) -> str | None:
    """A source as the change log keeps it."""
    return (_("%(source)s (sample)", source=source) if sample else source) or None


def set_source(
    session: Session, kind: str, row: Site | Link, fact: str, source: str, *, sample: bool = False
) -> None:
    """Say where one fact comes from, instead of what was said before."""
    key = {"kind": kind, "thing_id": row.id, "field": fact}
    said = session.get(FactSource, key)
    if said is None:
        said = FactSource(**key)
        session.add(said)
    said.source, said.sample = source, sample
    if isinstance(row, Site) and fact == "tier":
        row.sample = sample


def checked_sources(sources: Mapping[str, str] | None) -> dict[str, str]:
    """Sources by fact, each at most 255 characters; an empty one says nothing."""
    return {
        fact_of(field): text
        for field, source in (sources or {}).items()
        if (text := checked_text("source", source, SHORT_TEXT_LIMIT, label=_("Source")).strip())
    }


def checked_why(why: str) -> str:
    """The reason of a change, at most 255 characters; it may be empty."""
    return checked_text(WHY, why, SHORT_TEXT_LIMIT, label=_("Reason")).strip()


def edited_by(by: Writer) -> str:
    """The source of a fact that was changed without naming one."""
    return f"edited by {by.shown_author}"[:SHORT_TEXT_LIMIT]


def entered_by(by: Writer) -> str:
    """The source of a record that was made without naming one."""
    return f"entered by {by.shown_author}"[:SHORT_TEXT_LIMIT]


def without_foreign_changes(
    session: Session,
    kind: str,
    row: Site | Link,
    current: Mapping[str, Any],
    differing: Mapping[str, Any],
    base_version: int,
) -> dict[str, Any]:
    """Drop what only somebody else changed since ``base_version``; raise for what both did."""
    rows = session.execute(
        select(ChangedField.field, ChangedField.old)
        .join(Change)
        .where(Change.kind == kind, Change.thing_id == row.id, Change.version > base_version)
        .order_by(Change.version.desc(), ChangedField.position)
    )
    base: dict[str, str | None] = {item.field: item.old for item in rows}  # the oldest stays
    kept: dict[str, Any] = {}
    conflicts = []
    for field, value in differing.items():
        if field not in base:
            kept[field] = value
        elif (mine := logged(field, value)) != base[field]:
            theirs = logged(field, current[field])
            conflicts.append(Difference(field, base[field], theirs, mine))
    if conflicts:
        raise EditConflict(row.version, tuple(conflicts), kind)
    return kept


def record(
    session: Session,
    by: Writer,
    kind: str,
    row: Site | Link,
    fields: Sequence[FieldChange],
    why: str,
) -> None:
    """Write the one change of a record, of the version that the row has now.

    What its tickets are found by follows it in the worker.
    """
    if kind == LINK and row.version > 1:  # before the counter of changes is locked
        let_ends_follow(session, row.id, frozenset(item.field for item in fields))
    reason = [FieldChange(WHY, None, why)] if why else []
    record_change(
        session, by, kind=kind, thing_id=row.id, fields=[*fields, *reason], version=row.version
    )
    if row.version > 1 and names_changed(kind, fields):
        let_words_follow(session, kind, row.id)


def listed(names: Sequence[str]) -> str:
    """Up to twenty names in words; "and more" where the last one was left out."""
    shown = ", ".join(names[:MAX_NAMED])
    return _("%(shown)s and more", shown=shown) if len(names) > MAX_NAMED else shown
