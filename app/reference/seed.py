"""Laying reference data: sites, their facts and names, links, and the calendar of the LHC.

What is in the registry already is never overwritten: it may have been put right since. It reads
the files that ship with the release and knows nothing of tickets.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Row, select, union
from sqlalchemy.orm import Session

from app.calendar.models.lhc import LhcPeriod
from app.calendar.rules.lhc_calendar import Certainty, PeriodKind, read_cern_time
from app.calendar.services.lhc_calendar import LHC_PERIOD
from app.core.database.transactions import lock_until_commit
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Writer
from app.core.services.changes import FieldChange, record_change
from app.registry.models.registry import Link, Site, SiteAsn, SiteName
from app.registry.rules.records import logged
from app.registry.rules.registry import SiteNameValue, name_text, names_from_text
from app.registry.services.registry import LINK, SITE, set_source

_FOLDER = Path(__file__).resolve().parent
_LOCK: Final = 2_600_027
"""Of servers that start at the same time on one database."""


def seed_reference(session: Session, by: Writer) -> int:
    """Add what is missing of this release's sites, names, links and periods of the LHC.

    Returns how many things were added to or amended; 0 when everything is in place. A second
    process waits until the first one has committed.
    """
    lock_until_commit(session, _LOCK)
    return (
        add_sites(session, by, _FOLDER / "sites.json")
        + add_links(session, by, _FOLDER / "links.json")
        + add_lhc_periods(session, by, _FOLDER / "lhc.json")
    )


def names_in_reference(kind: str) -> set[str]:
    """The keys of this release's sites, the names of its links, or of its periods of the LHC."""
    file, things, name = {
        SITE: ("sites.json", "sites", "key"),
        LINK: ("links.json", "links", "name"),
        LHC_PERIOD: ("lhc.json", "periods", "name"),
    }[kind]
    content = json.loads((_FOLDER / file).read_text("utf-8"))
    return {entry[name] for entry in content[things]}


def add_sites(session: Session, by: Writer, file: Path) -> int:
    """Add the sites of a file, and to sites that are there the names and facts that they lack.

    A name that another site has already is left to that site; one that somebody took off its
    site stays off.
    """
    content = json.loads(file.read_text("utf-8"))
    sites = {site.key: site for site in session.scalars(select(Site))}
    bearer = {
        row.name: row.site_id for row in session.execute(select(SiteName.name, SiteName.site_id))
    }
    ever_set = {
        (row.thing_id, row.field)
        for row in session.execute(
            select(Change.thing_id, ChangedField.field)
            .join(ChangedField.change)
            .where(Change.kind == SITE, ChangedField.field.in_(_FACTS))
            .distinct()
        )
    }
    ever_borne = {
        (row.thing_id, name.system, name.name)
        for row in _ever_logged(session, SITE, "names")
        for name in names_from_text(row.text or "")
    }
    changed = 0
    for entry in content["sites"]:
        site = sites.get(entry["key"])
        fields: list[FieldChange] = []
        new = site is None
        if site is None:
            if entry["key"] in bearer:
                continue
            site = _new_site(entry, content["sources"])
            session.add(site)
            session.flush()
            _say_sources(session, site, entry, content["sources"])
            fields = _logged(site, ("key", "country", "time_zone", "tier", *_TIER_DAYS))
        fields += _add_facts(session, site, entry["facts"], content["sources"], ever_set)
        before = _names_text(site)
        held = {(name.system, name.name) for name in site.names}
        for name in entry["names"]:
            borne = (name["system"], name["name"])
            if borne in held or (site.id, *borne) in ever_borne:
                continue
            if bearer.setdefault(name["name"], site.id) == site.id:
                site.names.append(SiteName(system=name["system"], name=name["name"]))
        after = _names_text(site)
        if after != before:
            fields.append(FieldChange("names", before or None, after))
        if fields:
            if not new:
                site.version += 1
            record_change(
                session, by, kind=SITE, thing_id=site.id, fields=fields, version=site.version
            )
            changed += 1
    return changed


def add_links(session: Session, by: Writer, file: Path) -> int:
    """Add the links of a file whose ids the registry does not hold.

    A link whose end is not in the registry under the site's LHCOPN name is left out, and so is one
    that is called something else by now.
    """
    content = json.loads(file.read_text("utf-8"))
    sites = {site.key: site for site in session.scalars(select(Site))}
    links = {link.name: link for link in session.scalars(select(Link))}
    ever_named = {row.text for row in _ever_logged(session, LINK, "name")}
    changed = 0
    for entry in content["links"]:
        ends = [sites.get(entry[end]) for end in ("end_a", "end_b")]
        if entry["name"] in links or entry["name"] in ever_named:
            continue
        if ends[0] is None or ends[1] is None:
            continue
        link = Link(
            name=entry["name"],
            network=entry["network"],
            end_a=ends[0],
            end_b=ends[1],
            role=entry["role"],
            backs_up=links.get(entry.get("backs_up", "")),
            bandwidth_gbps=entry["bandwidth_gbps"],
            source=_sources(content["sources"], entry["sources"]),
            sample=entry["sample"],
            version=1,
        )
        session.add(link)
        session.flush()
        _set_validity(session, link, entry.get("validity"), content["sources"])
        links[link.name] = link
        fields = [
            *_logged(link, ("name", "network")),
            FieldChange("end_a", None, ends[0].key),
            FieldChange("end_b", None, ends[1].key),
            *_logged(link, ("role", "bandwidth_gbps", "valid_from", "valid_until")),
        ]
        if link.backs_up is not None:
            fields.append(FieldChange("backs_up", None, link.backs_up.name))
        record_change(session, by, kind=LINK, thing_id=link.id, fields=fields, version=1)
        changed += 1
    return changed


def add_lhc_periods(session: Session, by: Writer, file: Path) -> int:
    """Add the periods of a file whose names the calendar never held."""
    content = json.loads(file.read_text("utf-8"))
    known = {
        *session.scalars(select(LhcPeriod.name)),
        *(row.text for row in _ever_logged(session, LHC_PERIOD, "name")),
    }
    changed = 0
    for entry in content["periods"]:
        if entry["name"] in known:
            continue
        begins_at, begin_precision = read_cern_time(entry["begin"], is_end=False)
        ends_at, end_precision = read_cern_time(entry["end"], is_end=True)
        period = LhcPeriod(
            name=entry["name"],
            kind=PeriodKind(entry["kind"]),
            begins_at=begins_at,
            begin_precision=begin_precision,
            begin_standing=Certainty(entry.get("begin_standing", Certainty.ATTESTED)),
            ends_at=ends_at,
            end_precision=end_precision,
            end_standing=Certainty(entry.get("end_standing", Certainty.ATTESTED)),
            source=_sources(content["sources"], entry["sources"]),
            note=entry.get("note", ""),
            version=1,
        )
        session.add(period)
        session.flush()
        fields = [FieldChange(name, None, entry[name]) for name in ("name", "kind", "begin", "end")]
        record_change(session, by, kind=LHC_PERIOD, thing_id=period.id, fields=fields, version=1)
        changed += 1
    return changed


def _ever_logged(session: Session, kind: str, field: str) -> Sequence[Row[int, str | None]]:
    """All values that a field of these records ever had, as texts: ``thing_id`` and ``text``."""
    return session.execute(
        union(
            *(
                select(Change.thing_id, text.label("text"))
                .join(ChangedField.change)
                .where(Change.kind == kind, ChangedField.field == field, text.is_not(None))
                for text in (ChangedField.old, ChangedField.new)
            )
        )
    ).all()


_FACTS = ("asns", "bandwidth_gbps", "nrens", "vos")
_TIER_DAYS = ("tier_since", "tier_until")


def _new_site(entry: Mapping[str, Any], sources: Mapping[str, str]) -> Site:
    tier = entry["tier"]
    return Site(
        key=entry["key"],
        country=entry["country"],
        time_zone=entry["time_zone"],
        tier=tier["tier"],
        tier_since=_day(tier["since"]),
        tier_until=_day(tier["until"]),
        source=_sources(sources, entry["sources"]),
        map_place=entry.get("map_place"),
        version=1,
    )


def _add_facts(
    session: Session,
    site: Site,
    stated: Mapping[str, Any],
    texts: Mapping[str, str],
    ever_set: Collection[tuple[int, str]],
) -> list[FieldChange]:
    """Lay the facts of a site that nobody ever set, or took off again."""
    added = []
    for field, value in stated["values"].items():
        if (site.id, field) in ever_set:
            continue
        if field == "asns":
            site.asns = [SiteAsn(asn=asn) for asn in value]
            value = tuple(value)
        else:
            value = tuple(value) if isinstance(value, list) else value
            setattr(site, field, "; ".join(value) if isinstance(value, tuple) else value)
        set_source(session, SITE, site, field, _sources(texts, stated["sources"]))
        added.append(FieldChange(field, None, logged(field, value)))
    return added


def _say_sources(
    session: Session, site: Site, entry: Mapping[str, Any], sources: Mapping[str, str]
) -> None:
    tier = entry["tier"]
    of_tier = _sources(sources, tier["sources"])
    set_source(session, SITE, site, "tier", of_tier, sample=tier["sample"])
    of_names = dict.fromkeys(key for name in entry["names"] for key in name["sources"])
    set_source(session, SITE, site, "names", _sources(sources, of_names))
    set_source(session, SITE, site, "time_zone", "derived from the location of the site")


def _set_validity(
    session: Session, link: Link, stated: Mapping[str, Any] | None, texts: Mapping[str, str]
) -> None:
    """The days of a link, with a source of their own: a link may be attested, and its days not."""
    if stated is None:
        return
    link.valid_from, link.valid_until = _day(stated["from"]), _day(stated["until"])
    source = _sources(texts, stated["sources"])
    set_source(session, LINK, link, "validity", source, sample=stated["sample"])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _sources(texts: Mapping[str, str], keys: Iterable[str]) -> str:
    return "; ".join(texts[key] for key in keys)


def _logged(row: Site | Link, names: Iterable[str]) -> list[FieldChange]:
    values = ((name, getattr(row, name)) for name in names)
    return [
        FieldChange(name, None, logged(name, value)) for name, value in values if value is not None
    ]


def _names_text(site: Site) -> str:
    return "; ".join(
        name_text(SiteNameValue(name.system, name.name, name.valid_from, name.valid_until))
        for name in site.names
    )
