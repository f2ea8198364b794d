"""What is particular to sites: tiers, names that mean one site at a time, links that end there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.registry.models.registry import Link, Site, SiteAsn, SiteContact, SiteName, SitePrefix
from app.registry.rules.records import SITE, check_site_days
from app.registry.rules.registry import (
    ContactValue,
    NameSystem,
    SiteNameValue,
    common,
    free_place,
    overlap,
    quoted,
)
from app.registry.services.records import Named, RecordVerbs, Values, parts_in, words_in
from app.registry.services.registry import MAX_NAMED, SITE_PARTS, Lookup, listed
from app.registry.services.retirement import refuse_while_used


def _find(lookup: Lookup, key: str) -> Site | None:
    number = lookup.key_taken(key)
    if number is None:
        return None
    # the registry's lock is held: nobody else writes, but this session may hold older values
    return lookup.session.get_one(Site, number, populate_existing=lookup.refreshes)


def _named(_lookup: Lookup, values: Values) -> Named:
    """A site names no other record, but has its own name."""
    if values.keys() >= {"key", "names"}:
        _bear_own_key(values)
    return {}


def _complete(by: Writer, before: Values, values: Values) -> None:
    """A site has its LHCOPN name, and who is made T0 or T1 without a day is one from today on."""
    _bear_own_key(values)
    _begin_tier(by, before, values)


def _bear_own_key(values: dict[str, Any]) -> None:
    own = NameSystem.LHCOPN.value, values["key"]
    if own not in {(name.system, name.name) for name in values["names"]}:
        values["names"] = (SiteNameValue(*own), *values["names"])


def _begin_tier(by: Writer, before: Mapping[str, Any], after: dict[str, Any]) -> None:
    """Who is made T0 or T1 without a day is such from today (UTC) on, or from its own first day."""
    if after["tier"] is None or after["tier_since"] is not None or before["tier"] is not None:
        return
    today = by.now.astimezone(UTC).date()
    day = max(today, after["valid_from"] or today)
    if all(after[end] is None or day < after[end] for end in ("tier_until", "valid_until")):
        after["tier_since"] = day  # else it was one once, and only the writer knows since when


def _check(
    lookup: Lookup, site: Site | None, before: Values, values: Values, _named: Named
) -> None:
    check_site_days(values)
    _check_names(lookup, site, values)
    if site is None:
        return
    if (until := values["valid_until"]) not in (None, before["valid_until"]):
        refuse_while_used(lookup.session, site, _links_after(lookup.session, site, until))
    if (first := values["valid_from"]) not in (None, before["valid_from"]):
        _check_begins(lookup.session, site, first)


def _check_names(lookup: Lookup, site: Site | None, values: Mapping[str, Any]) -> None:
    """Raise unless the key is free and each name means no other site on any of its days."""
    number = None if site is None else site.id
    taken = lookup.key_taken(values["key"])
    if taken is not None and taken != number:
        raise Invalid("key", _("Site %(quoted)s already exists", quoted=quoted(values["key"])))
    whole = (values["valid_from"], values["valid_until"])
    uses = lookup.uses_of(name.name for name in values["names"])
    for name in values["names"]:
        mine = common((name.valid_from, name.valid_until), whole)
        for use in uses.get(name.name, ()):
            if use.site_id != number and overlap(mine, common(use.period, use.whole)):
                raise Invalid(
                    "key" if name.name == values["key"] else "names",
                    _(
                        "Name %(name)s belongs to %(key)s at the same time; end it there first,"
                        " or set dates",
                        name=quoted(name.name),
                        key=use.key,
                    ),
                )


def _links_after(session: Session, site: Site, until: date) -> list[str]:
    """The first links of a site that are in use on a day or later."""
    of_site = or_(
        Link.end_a_id == site.id, Link.end_b_id == site.id, Link.responsible_site_id == site.id
    )
    links = session.scalars(
        select(Link.name)
        .where(of_site, or_(Link.valid_until.is_(None), Link.valid_until > until))
        .order_by(Link.name)
        .limit(MAX_NAMED + 1)
    )
    return list(links)


def _check_begins(session: Session, site: Site, first: date) -> None:
    """Raise where the site would begin after links that end on it, and name these."""
    links = session.scalars(
        select(Link.name)
        .where(or_(Link.end_a_id == site.id, Link.end_b_id == site.id), Link.valid_from < first)
        .order_by(Link.name)
        .limit(MAX_NAMED + 1)
    ).all()
    if links:
        raise Invalid(
            "valid_from",
            _(
                "The site cannot begin after its links (%(links)s): change these first",
                links=listed(links),
            ),
        )


def _note(lookup: Lookup, site: Site, before: str) -> None:
    """Of a site that is new, ``before`` is empty: it is given its place on the map."""
    if not before:
        site.map_place = free_place(lookup.map_places())
    lookup.note_site(site)


_ASNS: Final = parts_in("asns", SiteAsn, ("asn",), int)
SITES: Final[RecordVerbs[Site]] = RecordVerbs(
    SITE,
    Site,
    SITE_PARTS,
    _("There is no site of this name"),
    find=_find,
    named=_named,
    check=_check,
    note=_note,
    complete=_complete,
    stored={
        "nrens": words_in("nrens"),
        "vos": words_in("vos"),
        "asns": replace(_ASNS, read=lambda site: tuple(sorted(_ASNS.read(site)))),
        "prefixes": parts_in("prefixes", SitePrefix, ("network", "prefix"), lambda *parts: parts),
        "names": parts_in(
            "names",
            SiteName,
            ("system", "name", "valid_from", "valid_until"),
            SiteNameValue,
            identity=2,
        ),
        "contacts": parts_in(
            "contacts", SiteContact, ("role", "name", "mail", "phone"), ContactValue
        ),
    },
)
site_of_key, site_values = SITES.of_key, SITES.values
create_site, change_site, retire_site = SITES.create, SITES.change, SITES.retire
