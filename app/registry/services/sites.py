"""Verbs on sites: create, change, retire, and confirm what was a sample.

A site is never deleted: tickets, links and past quarters name it. One call is one change with one
row in the change log. Only admins and the portal itself may write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from typing import Any, TypeVar

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.core.models.base import Base
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, InvalidMany, NotFound
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import FieldChange
from app.registry.models.registry import Link, Site, SiteAsn, SiteContact, SiteName, SitePrefix
from app.registry.rules.registry import (
    LINK_FACTS,
    SITE_FACTS,
    SITE_FIELDS,
    ContactValue,
    NameSystem,
    SiteNameValue,
    check_site_days,
    checked_site,
    common,
    fact_of,
    logged,
    overlap,
    quoted,
)
from app.registry.services.registry import (
    EVERY_FACT,
    MOST_NAMED,
    SITE,
    SOURCE_OF,
    Lookup,
    checked_sources,
    checked_why,
    edited_by,
    entered_by,
    listed,
    record,
    source_of,
    source_text,
    sources_of,
    without_foreign_changes,
)
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.tickets import OPEN_STATES

_MANAGE = "change sites and links"
_NEEDED = ("key", "country", "time_zone")
_PLAIN = (
    "key",
    "country",
    "time_zone",
    "tier",
    "tier_since",
    "tier_until",
    "valid_from",
    "valid_until",
    "bandwidth_gbps",
)
_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(_PLAIN),
    **{field: () for field in SITE_FIELDS if field not in _PLAIN},
}
Row = TypeVar("Row", bound=Base)


def site_of_key(session: Session, key: str) -> Site:
    """The site of this LHCOPN name; ``NotFound`` otherwise."""
    site = session.scalars(select(Site).where(Site.key == key)).first()
    if site is None:
        raise NotFound("There is no site of this name")
    return site


def site_values(site: Site) -> dict[str, Any]:
    """A site's fields in the types of its verbs."""
    return {
        **{field: getattr(site, field) for field in _PLAIN},
        "nrens": tuple(filter(None, site.nrens.split("; "))),
        "vos": tuple(filter(None, site.vos.split("; "))),
        "asns": tuple(sorted(row.asn for row in site.asns)),
        "prefixes": tuple((row.network, row.prefix) for row in site.prefixes),
        "names": tuple(
            SiteNameValue(row.system, row.name, row.valid_from, row.valid_until)
            for row in site.names
        ),
        "contacts": tuple(
            ContactValue(row.role, row.name, row.mail, row.phone) for row in site.contacts
        ),
    }


def create_site(
    session: Session,
    by: Writer,
    stated: Mapping[str, Any],
    *,
    sources: Mapping[str, str] | None = None,
    why: str = "",
    lookup: Lookup | None = None,
) -> Site:
    """Create a site of the stated fields (see ``SITE_FIELDS``); the others are empty.

    ``sources`` says by field where a fact comes from, under ``*`` where all others do. Its LHCOPN
    name is added to its names. Who writes thousands gives a ``LoadedLookup``.

    Who is made T0 or T1 without ``tier_since`` is one from today on.

    Raises ``Forbidden``, ``Invalid``, ``InvalidMany``.
    """
    require_admin(by.actor, _MANAGE)
    lookup = lookup or Lookup(session)
    missing = [field for field in _NEEDED if not stated.get(field)]
    if missing:
        raise InvalidMany(dict.fromkeys(missing, "This is needed; say it"))
    values = {**_EMPTY, **checked_site(stated)}
    said, reason = checked_sources(sources), checked_why(why)
    _bear_own_key(values)
    _begin_tier(by, _EMPTY, values)
    check_site_days(values)
    lookup.lock()
    _check_names(lookup, None, values)
    site = Site(version=1, source=said.pop(EVERY_FACT, None) or entered_by(by))
    _apply(session, site, values, values)
    session.add(site)
    session.flush()
    for fact, source in said.items():
        lookup.set_source(SITE, site, fact, source)
    fields = [
        FieldChange(field, None, text)
        for field, value in values.items()
        if (text := logged(field, value)) is not None
    ]
    fields += [FieldChange(SOURCE_OF + fact, None, source) for fact, source in said.items()]
    record(session, by, SITE, site, fields, reason)
    lookup.note_site(site)
    return site


def change_site(
    session: Session,
    by: Writer,
    key: str,
    stated: Mapping[str, Any],
    *,
    base_version: int | None = None,
    sources: Mapping[str, str] | None = None,
    why: str = "",
    lookup: Lookup | None = None,
) -> Site:
    """Change a site's stated fields in one change; a field that is absent keeps its value.

    ``base_version`` is the version that the writer saw: a field that somebody else changed since,
    to another value than is wanted now, raises ``EditConflict``. ``sources`` says by field where a
    fact comes from, under ``*`` where all other changed ones do; a changed fact for which it names
    nothing is no sample any more and was "edited by" the writer. What is equal already is no
    change; if nothing is left, nothing is written.

    Raises ``NotFound``, ``Forbidden``, ``Invalid``, ``InvalidMany``; ending the site while open
    tickets or links stand on it is ``Invalid`` and names them.
    """
    require_admin(by.actor, _MANAGE)
    lookup = lookup or Lookup(session)
    checked = checked_site(stated)
    said, reason = checked_sources(sources), checked_why(why)
    lookup.lock()
    site = _locked(session, lookup, key)
    before = site_values(site)
    differing = {field: value for field, value in checked.items() if value != before[field]}
    if base_version is not None and base_version != site.version:
        differing = without_foreign_changes(session, SITE, site, before, differing, base_version)
    after = {**before, **differing}
    for field in _NEEDED:
        if not after[field]:
            raise Invalid(field, "This is needed; say it")
    _bear_own_key(after)
    _begin_tier(by, before, after)
    differing = {field: after[field] for field in after if after[field] != before[field]}
    if differing:
        check_site_days(after)
        _check_names(lookup, site, after)
        if "valid_until" in differing:
            _check_unused(session, site, after["valid_until"])
        if "valid_from" in differing:
            _check_begins(session, site, after["valid_from"])
    _apply(session, site, after, differing)
    fields = [
        FieldChange(field, logged(field, before[field]), logged(field, value))
        for field, value in differing.items()
    ]
    fields += change_sources(lookup, by, SITE, site, differing, said)
    if fields:
        site.version += 1
        record(session, by, SITE, site, fields, reason)
        lookup.note_site(site)
    return site


def retire_site(session: Session, by: Writer, key: str, on: date, *, why: str = "") -> Site:
    """End a site: ``on`` is the first day on which it no longer is. Names what stands on it."""
    return change_site(session, by, key, {"valid_until": on}, why=why)


def confirm_fact(
    session: Session,
    by: Writer,
    kind: str,
    key: str,
    field: str,
    source: str,
    why: str = "",
) -> bool:
    """Say who or what confirms a fact of a site or link: it is no sample from then on.

    ``kind`` is site or link, ``key`` its LHCOPN name or id, ``field`` one of its fields or ``*``
    for all that are samples; ``source`` must be given. Whether anything changed.
    """
    require_admin(by.actor, _MANAGE)
    text = checked_text("source", source, SHORT_TEXT_LIMIT, label="Source").strip()
    if not text:
        raise Invalid("source", "Say where this is known from")
    reason = checked_why(why)
    lookup = Lookup(session)
    lookup.lock()
    row = session.scalars(
        select(Site).where(Site.key == key).with_for_update(of=Site)
        if kind == SITE
        else select(Link).where(Link.name == key).with_for_update(of=Link)
    ).first()
    if row is None:
        raise NotFound("There is no site or link of this name")
    facts = SITE_FACTS if isinstance(row, Site) else LINK_FACTS
    own = sources_of(session, kind, row)
    if field == EVERY_FACT:
        asked: Iterable[str] = [fact for fact in facts if source_of(row, fact, own)[1]]
    elif fact_of(field) in facts:
        asked = [fact_of(field)]
    else:
        raise Invalid("field", "This is no fact of the record")
    fields = change_sources(lookup, by, kind, row, (), dict.fromkeys(asked, text))
    if not fields:
        return False
    row.version += 1
    record(session, by, kind, row, fields, reason)
    return True


def change_sources(
    lookup: Lookup,
    by: Writer,
    kind: str,
    row: Site | Link,
    changed: Iterable[str],
    said: Mapping[str, str],
) -> list[FieldChange]:
    """Set the sources of the changed fields, and those that were said; what is to be logged.

    That a changed fact was edited by its writer is not logged: the change itself says so.
    """
    facts = {fact_of(field) for field in changed}
    if not facts and not set(said) - {EVERY_FACT}:
        return []
    own = lookup.sources_of(kind, row)
    fields = []
    for fact in sorted(facts | (set(said) - {EVERY_FACT})):
        source, sample = source_of(row, fact, own)
        text = said.get(fact) or said.get(EVERY_FACT)
        if text is None:
            lookup.set_source(kind, row, fact, edited_by(by))
        elif (text, False) != (source, sample):
            lookup.set_source(kind, row, fact, text)
            fields.append(FieldChange(SOURCE_OF + fact, source_text(source, sample=sample), text))
    if isinstance(row, Link) and row.sample:
        own = lookup.sources_of(kind, row)
        row.sample = any(source_of(row, fact, own)[1] for fact in LINK_FACTS)
    return fields


def _locked(session: Session, lookup: Lookup, key: str) -> Site:
    number = lookup.key_taken(key)
    if number is None:
        raise NotFound("There is no site of this name")
    # the registry's lock is held: nobody else writes, but this session may hold older values
    return session.get_one(Site, number, populate_existing=lookup.refreshes)


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


def _check_names(lookup: Lookup, site: Site | None, values: Mapping[str, Any]) -> None:
    """Raise unless the key is free and each name means no other site on any of its days."""
    number = None if site is None else site.id
    taken = lookup.key_taken(values["key"])
    if taken is not None and taken != number:
        raise Invalid("key", f"There is a site {quoted(values['key'])} already")
    whole = (values["valid_from"], values["valid_until"])
    uses = lookup.uses_of(name.name for name in values["names"])
    for name in values["names"]:
        mine = common((name.valid_from, name.valid_until), whole)
        for use in uses.get(name.name, ()):
            if use.site_id != number and overlap(mine, common(use.period, use.whole)):
                raise Invalid(
                    "key" if name.name == values["key"] else "names",
                    f"Name {quoted(name.name)} means {use.key} at the same time;"
                    " one name means one site, so end it there first or give days",
                )


def _check_unused(session: Session, site: Site, until: date | None) -> None:
    """Raise where the site would end while open tickets or links stand on it."""
    if until is None:
        return
    of_site = select(Link.id).where(or_(Link.end_a_id == site.id, Link.end_b_id == site.id))
    links = session.scalars(
        select(Link.name)
        .where(
            or_(Link.id.in_(of_site), Link.responsible_site_id == site.id),
            or_(Link.valid_until.is_(None), Link.valid_until > until),
        )
        .order_by(Link.name)
        .limit(MOST_NAMED + 1)
    ).all()
    tickets = session.scalars(
        select(Ticket.number)
        .where(
            Ticket.state.in_(OPEN_STATES),
            or_(
                Ticket.responsible_site_id == site.id,
                exists().where(
                    TicketSite.ticket_number == Ticket.number, TicketSite.site_id == site.id
                ),
                exists().where(
                    TicketLink.ticket_number == Ticket.number, TicketLink.link_id.in_(of_site)
                ),
            ),
        )
        .order_by(Ticket.number)
        .limit(MOST_NAMED + 1)
    ).all()
    refuse_while_used("The site", links, tickets)


def _check_begins(session: Session, site: Site, first: date | None) -> None:
    """Raise where the site would begin after links that end on it, and name these."""
    if first is None:
        return
    links = session.scalars(
        select(Link.name)
        .where(or_(Link.end_a_id == site.id, Link.end_b_id == site.id), Link.valid_from < first)
        .order_by(Link.name)
        .limit(MOST_NAMED + 1)
    ).all()
    if links:
        raise Invalid(
            "valid_from",
            f"The site cannot begin after its links ({listed(links)}): change these first",
        )


def refuse_while_used(what: str, links: Sequence[str], tickets: Sequence[int]) -> None:
    """Raise ``Invalid`` on the last day, naming the links and open tickets that stand on it."""
    reasons = []
    if links:
        reasons.append(f"links in use ({listed(links)})")
    if tickets:
        reasons.append(f"open tickets ({listed([str(number) for number in tickets])})")
    if reasons:
        raise Invalid(
            "valid_until",
            f"{what} cannot end while there are {' and '.join(reasons)}: end or change these first",
        )


def _apply(
    session: Session, site: Site, values: Mapping[str, Any], differing: Mapping[str, Any]
) -> None:
    for field in _PLAIN:
        if field in differing:
            setattr(site, field, values[field])
    for field in ("nrens", "vos"):
        if field in differing:
            setattr(site, field, "; ".join(values[field]))
    if "asns" in differing:
        held = {row.asn: row for row in site.asns}
        site.asns = [held.get(asn) or SiteAsn(asn=asn) for asn in values["asns"]]
    if "prefixes" in differing:
        rows = [
            SitePrefix(network=network, prefix=prefix) for network, prefix in values["prefixes"]
        ]
        replace_rows(session, site.prefixes, rows, ("network", "prefix"))
    if "names" in differing:
        rows_of_names = [
            SiteName(
                system=name.system,
                name=name.name,
                valid_from=name.valid_from,
                valid_until=name.valid_until,
            )
            for name in values["names"]
        ]
        replace_rows(session, site.names, rows_of_names, ("system", "name"))
    if "contacts" in differing:
        contacts = [
            SiteContact(role=item.role, name=item.name, mail=item.mail, phone=item.phone)
            for item in values["contacts"]
        ]
        replace_rows(session, site.contacts, contacts, ("role", "name", "mail", "phone"))


def replace_rows(
    session: Session, held: list[Row], wanted: Sequence[Row], identity: Sequence[str]
) -> None:
    """Make a record's list of rows the wanted one, in its order (which is that of their keys).

    Rows at the beginning that say the same stay, with what else they hold set anew.
    """

    def named(row: Row) -> tuple[object, ...]:
        return tuple(getattr(row, name) for name in identity)

    same = 0
    while same < min(len(held), len(wanted)) and named(held[same]) == named(wanted[same]):
        same += 1
    for row, new in zip(held, wanted[:same], strict=False):
        for name in ("valid_from", "valid_until"):
            if hasattr(new, name):
                setattr(row, name, getattr(new, name))
    if same < len(held):
        del held[same:]
        session.flush()  # before what bears the same names is inserted
    held.extend(wanted[same:])
