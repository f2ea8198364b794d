"""What WLCG's site database CRIC says of sites, how far it can be believed, what follows for ours.

CRIC has no links. Its tier does not decide which sites are T0 or T1, its ``lhcopn_active`` is set
for sites that were never on the LHCOPN, and its NetSites and NetRoutes disagree about bandwidths:
each of these is found and reported, but not applied. Other differences are proposed to a person,
field by field: single values replace ours, lists only grow.

It must not know how CRIC is read, nor rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted
from app.registry.adapters.cric.records import CricContent, CricSite, NetRoute, NetSite
from app.registry.rules.records import SITE, cell_of
from app.registry.rules.registry import SiteNameValue, bandwidth_text, covers

SOURCE: Final = "CRIC"
MIN_SHARE: Final = 0.8
"""A source with fewer than this share of the last good run's records is not used."""
SINGLE_FIELDS: Final = ("country", "bandwidth_gbps")


@dataclass(frozen=True)
class KnownSite:
    """A site of the registry with all its fields, as the registry's verbs take them."""

    number: int
    """Its database key, which stays when it is renamed."""
    key: str
    values: Mapping[str, Any]

    def names(self, *systems: str) -> frozenset[str]:
        """Its names in these systems, whatever their days."""
        return frozenset(name.name for name in self.values["names"] if name.system in systems)

    def tier_on(self, day: date) -> int | None:
        """0, 1 or None in this registry's sense."""
        period = (self.values["tier_since"], self.values["tier_until"])
        return self.values["tier"] if covers(period, day) else None


@dataclass(frozen=True)
class Wanted:
    """What CRIC would have changed in one field of one site."""

    number: int
    key: str
    subject: str
    """CRIC's record, or records."""
    field: str
    current: str
    """Our value, as a cell of a file says it."""
    proposed: str
    """The new value, or what is to be added to a list."""
    note: str = ""

    @property
    def digest(self) -> str:
        """By which a decision is remembered."""
        return digest_of(self.number, self.field, self.proposed)


def digest_of(number: int, field_name: str, proposed: str) -> str:
    """SHA-256 of what is proposed for which field of which site (by its database key)."""
    return hashlib.sha256("\0".join((str(number), field_name, proposed)).encode()).hexdigest()


@dataclass(frozen=True)
class Comparison:
    """The result of comparing CRIC with the registry."""

    wanted: tuple[Wanted, ...]
    findings: tuple[str, ...]
    matched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """CRIC's records by our site's key."""


def alarm(count: int, before: int | None) -> str:
    """Why a source of ``count`` records is not used, or "" (``before`` = of the last good run)."""
    if not count:
        return _("The data from CRIC is empty; nothing was changed")
    if before is not None and count < MIN_SHARE * before:
        return counted(
            "The data from CRIC has %(num)s record,"
            " fewer than %(min_share)s of the %(before)s records of the last good run;"
            " nothing was changed",
            "The data from CRIC has %(num)s records,"
            " fewer than %(min_share)s of the %(before)s records of the last good run;"
            " nothing was changed",
            count,
            min_share=format(MIN_SHARE, ".0%"),
            before=before,
        )
    return ""


def compare(
    content: CricContent, known: Sequence[KnownSite], decided: Decided, today: date
) -> Comparison:
    """Compare CRIC's records with our sites. ``decided`` holds what people decided before."""
    by_site, strangers = _matched(content.sites, known)
    findings = [*content.faults]
    wanted: list[Wanted] = []
    for record in strangers:
        findings += _of_stranger(record)
    for site in known:
        records = by_site.get(site.key, ())
        findings += _of_site(site, records, today)
        if records:
            wanted += _wanted(site, records, decided, today, findings)
    for record in content.sites:
        findings += _disagreements(record)
    matched = {key: tuple(record.name for record in records) for key, records in by_site.items()}
    return Comparison(tuple(wanted), tuple(findings), matched)


@dataclass(frozen=True)
class Decided:
    """What people decided: digests of single values, and items of lists per site and field."""

    digests: frozenset[str] = frozenset()
    items: Mapping[tuple[int, str], frozenset[Any]] = field(default_factory=dict)


def _matched(
    records: Iterable[CricSite], known: Sequence[KnownSite]
) -> tuple[dict[str, tuple[CricSite, ...]], list[CricSite]]:
    by_name = {name: site.key for site in known for name in site.names("CRIC", "GOCDB")}
    by_netsite = {name: site.key for site in known for name in site.names("NetSite")}
    by_federation = {name: site.key for site in known for name in site.names("LHCOPN")}
    found: dict[str, tuple[CricSite, ...]] = {}
    strangers = []
    for record in records:
        keys = [
            by_name.get(record.name),
            *(by_netsite.get(netsite.name) for netsite in record.netsites),
            *(by_federation.get(name) for name in record.federations),
        ]
        key = next(filter(None, keys), None)
        if key is None:
            strangers.append(record)
        else:
            found[key] = (*found.get(key, ()), record)
    return found, strangers


def _gbps(value: float | None) -> str:
    return f"{bandwidth_text(value)} Gb/s" if value is not None else "nothing"


def _of_stranger(record: CricSite) -> Iterator[str]:
    for netsite in record.netsites:
        if netsite.lhcopn_active:
            yield (
                _(
                    "%(name)s: false lhcopn_active flag: NetSite %(name2)s claims"
                    " %(lhcopn_gbps)s, but"
                    " the registry knows no such T0 or T1",
                    name=record.name,
                    name2=netsite.name,
                    lhcopn_gbps=_gbps(netsite.lhcopn_gbps),
                )
            )
    if record.tier in (0, 1):
        yield (
            _(
                "%(name)s: tier %(tier)s in CRIC, but no site of the registry; if it is a T0 or T1,"
                " create it under Sites",
                name=record.name,
                tier=record.tier,
            )
        )


def _of_site(site: KnownSite, records: Sequence[CricSite], today: date) -> Iterator[str]:
    tier = site.tier_on(today)
    if not records:
        if tier is not None:
            yield _("%(key)s: T%(tier)s here, but no record in CRIC", key=site.key, tier=tier)
        return
    if len(records) > 1:
        names = ", ".join(record.name for record in records)
        yield _(
            "%(key)s: one site here, %(count)s records in CRIC (%(names)s)",
            key=site.key,
            count=len(records),
            names=names,
        )
    for record in records:
        if tier is None and record.lhcopn_active:
            until = site.values["tier_until"]
            since = (
                _("no longer T%(values)s since %(until)s", values=site.values["tier"], until=until)
                if until
                else _("no T0 or T1")
            )
            yield (
                _(
                    "%(name)s: false lhcopn_active flag: %(key)s is %(since)s in this registry",
                    name=record.name,
                    key=site.key,
                    since=since,
                )
            )
        if record.tier not in (None, tier) and (tier is not None or record.tier in (0, 1)):
            ours = _("neither T0 nor T1") if tier is None else f"T{tier}"
            yield (
                _(
                    "%(name)s: tier %(tier)s in CRIC, but %(key)s remains %(ours)s; the tier in"
                    " CRIC does not decide which sites are T0 or T1",
                    name=record.name,
                    tier=record.tier,
                    key=site.key,
                    ours=ours,
                )
            )
    if tier is not None and not any(record.lhcopn_active for record in records):
        yield _(
            "%(key)s: T%(tier)s here, but none of its NetSites is lhcopn_active in CRIC",
            key=site.key,
            tier=tier,
        )


def _disagreements(record: CricSite) -> Iterator[str]:
    names = {netsite.name for netsite in record.netsites}
    for netsite in record.netsites:
        routes = [route for route in record.netroutes if route.netsite == netsite.name]
        limits = [route.lhcopn_gbps for route in routes if route.lhcopn_gbps is not None]
        if netsite.lhcopn_active and netsite.lhcopn_gbps is None:
            yield _(
                "%(name)s: NetSite %(name2)s is lhcopn_active without a bandwidth",
                name=record.name,
                name2=netsite.name,
            )
        if not netsite.lhcopn_active and limits:
            yield _(
                "%(name)s: NetSite %(name2)s is not lhcopn_active, its NetRoutes are",
                name=record.name,
                name2=netsite.name,
            )
        if netsite.lhcopn_active and not limits:
            yield _(
                "%(name)s: NetSite %(name2)s is lhcopn_active, no NetRoute is",
                name=record.name,
                name2=netsite.name,
            )
        if text := _disagreement(netsite, routes):
            yield _(
                "%(name)s: NetSite and NetRoute disagree: %(text)s", name=record.name, text=text
            )
    for route in record.netroutes:
        if route.netsite not in names:
            yield _(
                "%(name)s: NetRoute %(name2)s names no NetSite of this record",
                name=record.name,
                name2=route.name,
            )


def _disagreement(netsite: NetSite, routes: Sequence[NetRoute]) -> str:
    limits = {r.name: r.lhcopn_gbps for r in routes if r.lhcopn_gbps is not None}
    ours = netsite.lhcopn_gbps
    if not netsite.lhcopn_active or ours is None or not limits:
        return ""
    if sum(limits.values()) == ours or all(limit == ours for limit in limits.values()):
        return ""
    routes_text = ", ".join(f"{name} {bandwidth_text(limit)}" for name, limit in limits.items())
    return _(
        "NetSite %(name)s %(ours)s, NetRoute %(routes_text)s",
        name=netsite.name,
        ours=_gbps(ours),
        routes_text=routes_text,
    )


def _wanted(
    site: KnownSite,
    records: Sequence[CricSite],
    decided: Decided,
    today: date,
    findings: list[str],
) -> Iterator[Wanted]:
    subject = ", ".join(record.name for record in records)
    tier = site.tier_on(today)
    for name, value, note in _single_values(records, tier, findings, site.key):
        if value == site.values[name]:
            continue
        new = Wanted(
            site.number,
            site.key,
            subject,
            name,
            cell_of(name, site.values[name]),
            cell_of(name, value),
            note,
        )
        if new.digest not in decided.digests:
            yield new
    for name, items in _list_values(records, tier, findings):
        missing = _missing(items, site.values[name], decided.items.get((site.number, name)))
        current = cell_of(name, site.values[name])
        # a name each: one may be right and the next one wrong
        for part in ([item] for item in missing) if name == "names" else [missing]:
            if part:
                yield Wanted(
                    site.number, site.key, subject, name, current, cell_of(name, tuple(part))
                )


def same_item(item: Any) -> Any:
    """What two items of a list have in common that mean the same: case and days do not matter."""
    if isinstance(item, SiteNameValue):
        return item.system, item.name
    return item.casefold() if isinstance(item, str) else item


def _missing(
    items: Iterable[Any], ours: Iterable[Any], decided: frozenset[Any] | None
) -> list[Any]:
    """What we lack of CRIC's items, each once, in a fixed order."""
    have = {same_item(item) for item in (*ours, *(decided or ()))}
    missing = {same_item(item): item for item in items if same_item(item) not in have}
    return [missing[key] for key in sorted(missing)]


def _single_values(
    records: Sequence[CricSite], tier: int | None, findings: list[str], key: str
) -> Iterator[tuple[str, Any, str]]:
    countries = list(dict.fromkeys(record.country for record in records if record.country))
    if len(countries) > 1:
        findings.append(
            _(
                "%(key)s: CRIC's records name several countries, %(listed)s",
                key=key,
                listed=", ".join(countries),
            )
        )
    elif countries and (country := _usable("country", countries[0], records[0].name, findings)):
        yield "country", country, ""
    active = [
        (netsite, [route for route in record.netroutes if route.netsite == netsite.name])
        for record in records
        for netsite in record.netsites
        if netsite.lhcopn_active and netsite.lhcopn_gbps is not None
    ]
    if tier is None or not active:  # a false flag's bandwidth is none
        return
    total = sum(netsite.lhcopn_gbps or 0 for netsite, _ in active)
    notes = [
        text for text in (_disagreement(netsite, routes) for netsite, routes in active) if text
    ]
    if len(active) > 1:
        parts = " and ".join(
            f"{netsite.name} {_gbps(netsite.lhcopn_gbps)}" for netsite, _ in active
        )
        notes.insert(0, _("the sum of %(parts)s", parts=parts))
    usable = _usable("bandwidth_gbps", total, records[0].name, findings)
    if usable is not None:
        yield "bandwidth_gbps", usable, "; ".join(notes)


def _list_values(
    records: Sequence[CricSite], tier: int | None, findings: list[str]
) -> Iterator[tuple[str, list[Any]]]:
    names = [
        SiteNameValue(system, name)
        for record in records
        for system, name in (
            (SOURCE, record.name),
            *([("GOCDB", record.name)] if record.in_gocdb else []),
            *(("NetSite", netsite.name) for netsite in record.netsites),
        )
    ]
    asns: list[Any] = []
    prefixes: list[Any] = []
    for record in records:
        for route in record.netroutes:
            networks = [
                network
                for network, limit in (
                    ("LHCOPN", route.lhcopn_gbps if tier is not None else None),
                    ("LHCONE", route.lhcone_gbps),
                )
                if limit is not None
            ]
            if "LHCOPN" in networks and route.asn is not None:
                asns.append(route.asn)
            prefixes += [(network, prefix) for network in networks for prefix in route.prefixes]
    lists = {
        "names": names,
        "asns": asns,
        "prefixes": prefixes,
        "nrens": [p for r in records for netsite in r.netsites for p in netsite.providers],
        "vos": [vo for record in records for vo in record.t1_vos] if tier is not None else [],
    }
    for name, items in lists.items():
        usable = (_usable(name, (item,), records[0].name, findings) for item in items)
        yield name, [item for found in usable for item in found or ()]


def _usable(name: str, value: Any, record: str, findings: list[str]) -> Any:
    """The value in its stored form; None, and a finding, where the registry could not hold it."""
    try:
        return SITE.checked({name: value})[name]
    except Invalid as error:
        finding = f"{record}: {error.message}"
        if finding not in findings:
            findings.append(finding)
        return None
