"""Verbs on links: create, change, retire. As for sites, nothing is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, InvalidMany, NotFound
from app.core.services.changes import FieldChange
from app.registry.models.registry import Link, LinkCircuit, Site
from app.registry.rules.registry import (
    CircuitValue,
    LinkRole,
    check_order,
    checked_link,
    logged,
    quoted,
)
from app.registry.services.registry import (
    EVERY_FACT,
    LINK,
    MOST_NAMED,
    SOURCE_OF,
    Lookup,
    checked_sources,
    checked_why,
    entered_by,
    record,
    without_foreign_changes,
)
from app.registry.services.sites import change_sources, refuse_while_used, replace_rows
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import OPEN_STATES

_MANAGE = "change sites and links"
_NEEDED = ("name", "network", "end_a", "end_b")
_PLAIN = ("name", "network", "role", "bandwidth_gbps", "valid_from", "valid_until")
_EMPTY: Mapping[str, Any] = {
    "role": LinkRole.PRIMARY.value,
    "backs_up": "",
    "responsible_site": "",
    "bandwidth_gbps": None,
    "valid_from": None,
    "valid_until": None,
    "circuits": (),
}


def link_of_name(session: Session, name: str) -> Link:
    """The link of this id; ``NotFound`` otherwise."""
    link = session.scalars(select(Link).where(Link.name == name)).first()
    if link is None:
        raise NotFound("There is no link of this id")
    return link


def link_values(link: Link) -> dict[str, Any]:
    """A link's fields in the types of its verbs; sites by their LHCOPN names."""
    responsible = link.recorded_responsible
    return {
        **{field: getattr(link, field) for field in _PLAIN},
        "end_a": link.end_a.key,
        "end_b": link.end_b.key,
        "backs_up": "" if link.backs_up is None else link.backs_up.name,
        "responsible_site": "" if responsible is None else responsible.key,
        "circuits": tuple(CircuitValue(row.provider, row.circuit_id) for row in link.circuits),
    }


def create_link(
    session: Session,
    by: Writer,
    stated: Mapping[str, Any],
    *,
    sources: Mapping[str, str] | None = None,
    why: str = "",
    lookup: Lookup | None = None,
) -> Link:
    """Create a link of the stated fields (see ``LINK_FIELDS``); the others are empty.

    Ends and the responsible site are any names of sites. Raises as ``create_site``.
    """
    require_admin(by.actor, _MANAGE)
    lookup = lookup or Lookup(session)
    missing = [field for field in _NEEDED if not stated.get(field)]
    if missing:
        raise InvalidMany(dict.fromkeys(missing, "This is needed; say it"))
    values = {**_EMPTY, **checked_link(stated)}
    said, reason = checked_sources(sources), checked_why(why)
    lookup.lock()
    parts = _Parts(lookup, values)
    _check(lookup, None, values, parts)
    link = Link(version=1, source=said.pop(EVERY_FACT, None) or entered_by(by))
    _apply(session, link, values, values, parts)
    session.add(link)
    session.flush()
    for fact, source in said.items():
        lookup.set_source(LINK, link, fact, source)
    fields = [
        FieldChange(field, None, text)
        for field, value in values.items()
        if (text := logged(field, value)) is not None
    ]
    fields += [FieldChange(SOURCE_OF + fact, None, source) for fact, source in said.items()]
    record(session, by, LINK, link, fields, reason)
    lookup.note_link(link)
    return link


def change_link(
    session: Session,
    by: Writer,
    name: str,
    stated: Mapping[str, Any],
    *,
    base_version: int | None = None,
    sources: Mapping[str, str] | None = None,
    why: str = "",
    lookup: Lookup | None = None,
) -> Link:
    """Change a link's stated fields in one change; as ``change_site``, with its errors."""
    require_admin(by.actor, _MANAGE)
    lookup = lookup or Lookup(session)
    checked = checked_link(stated)
    said, reason = checked_sources(sources), checked_why(why)
    lookup.lock()
    link = lookup.link(name)
    if link is None:
        raise NotFound("There is no link of this id")
    if lookup.refreshes:
        session.refresh(link)
    before = link_values(link)
    parts = _Parts(lookup, checked)
    differing = {field: value for field, value in checked.items() if value != before[field]}
    if base_version is not None and base_version != link.version:
        differing = without_foreign_changes(session, LINK, link, before, differing, base_version)
    after = {**before, **differing}
    for field in _NEEDED:
        if not after[field]:
            raise Invalid(field, "This is needed; say it")
    if differing:
        parts = _Parts(lookup, after)
        _check(lookup, link, after, parts)
        if "valid_until" in differing:
            _check_unused(session, link, after["valid_until"])
    _apply(session, link, after, differing, parts)
    fields = [
        FieldChange(field, logged(field, before[field]), logged(field, value))
        for field, value in differing.items()
    ]
    fields += change_sources(lookup, by, LINK, link, differing, said)
    if fields:
        link.version += 1
        record(session, by, LINK, link, fields, reason)
        lookup.note_link(link, before["name"])
    return link


def retire_link(session: Session, by: Writer, name: str, on: date, *, why: str = "") -> Link:
    """End a link: ``on`` is the first day on which it no longer is. Names what stands on it."""
    return change_link(session, by, name, {"valid_until": on}, why=why)


class _Parts:
    """The records that a link's values name. Puts the sites' LHCOPN names into ``values``."""

    def __init__(self, lookup: Lookup, values: dict[str, Any]) -> None:
        self.sites: dict[str, Site] = {}
        self.backs_up: Link | None = None
        problems: dict[str, str] = {}
        for field in ("end_a", "end_b", "responsible_site"):
            if not (name := values.get(field)):
                continue
            site = lookup.site(name)
            if site is None:
                problems[field] = (
                    f"No site has the name {quoted(name)}; any name of a known site is allowed"
                )
            else:
                self.sites[field] = site
                values[field] = site.key
        if name := values.get("backs_up"):
            self.backs_up = lookup.link(name)
            if self.backs_up is None:
                problems["backs_up"] = (
                    f"No link has the id {quoted(name)}; choose from the list of links"
                )
        if problems:
            raise InvalidMany(problems)


def _check(lookup: Lookup, link: Link | None, values: Mapping[str, Any], parts: _Parts) -> None:
    """Raise unless the link may be as ``values`` say; all that is wrong at once."""
    problems: dict[str, str] = {}
    taken = lookup.link_taken(values["name"])
    if taken is not None and (link is None or taken[0] != link.id):
        problems["name"] = f"There is a link {quoted(taken[1])} already; each id means one link"
    elif link is None or link.name != values["name"]:
        meant = lookup.link_of_alias(values["name"])
        if meant is not None and meant is not link:
            problems["name"] = (
                f"Tickets that name {quoted(values['name'])} mean {meant.name}; each id means one"
                " link, so take that back under Unresolved names first"
            )
    first, second = parts.sites["end_a"], parts.sites["end_b"]
    if first.id == second.id:
        problems["end_b"] = f"Both ends are {first.key}; a link joins two sites"
    try:
        check_order("valid_until", values["valid_from"], values["valid_until"], "The link")
    except Invalid as error:
        problems[error.field] = error.message
    for field in ("end_a", "end_b"):
        _check_end(problems, field, parts.sites[field], values)
    cycle = _cycle(link, values["name"], parts.backs_up)
    if cycle:
        problems["backs_up"] = f"This would be a circle: {' backs up '.join(cycle)}"
    if problems:
        raise InvalidMany(problems)


def _check_end(problems: dict[str, str], field: str, site: Site, values: Mapping[str, Any]) -> None:
    """Note where the link would be in use on days on which its end is not."""
    start, end = values["valid_from"], values["valid_until"]
    if site.valid_until is not None and (end is None or end > site.valid_until):
        problems.setdefault(
            field,
            f"{site.key} ended on {site.valid_until}; the link must end by then, or end elsewhere",
        )
    if start is not None and site.valid_from is not None and start < site.valid_from:
        problems.setdefault(
            field, f"{site.key} begins on {site.valid_from}; the link cannot begin before"
        )


def _cycle(link: Link | None, name: str, backs_up: Link | None) -> list[str]:
    """The ids along a circle of backups through this link; empty where there is none."""
    chain, seen = [name], set()
    while backs_up is not None and backs_up.id not in seen:
        chain.append(name if link is not None and backs_up.id == link.id else backs_up.name)
        if link is not None and backs_up.id == link.id:
            return chain
        seen.add(backs_up.id)
        backs_up = backs_up.backs_up
    return []


def _check_unused(session: Session, link: Link, until: date | None) -> None:
    """Raise where the link would end while open tickets name it or links in use back it up."""
    if until is None:
        return
    links = session.scalars(
        select(Link.name)
        .where(
            Link.backs_up_id == link.id, or_(Link.valid_until.is_(None), Link.valid_until > until)
        )
        .order_by(Link.name)
        .limit(MOST_NAMED + 1)
    ).all()
    tickets = session.scalars(
        select(Ticket.number)
        .where(
            Ticket.state.in_(OPEN_STATES),
            exists().where(
                TicketLink.ticket_number == Ticket.number, TicketLink.link_id == link.id
            ),
        )
        .order_by(Ticket.number)
        .limit(MOST_NAMED + 1)
    ).all()
    refuse_while_used("The link", [f"{name}, which backs it up" for name in links], tickets)


def _apply(
    session: Session,
    link: Link,
    values: Mapping[str, Any],
    differing: Mapping[str, Any],
    parts: _Parts,
) -> None:
    for field in _PLAIN:
        if field in differing:
            setattr(link, field, values[field])
    if "end_a" in differing:
        link.end_a = parts.sites["end_a"]
    if "end_b" in differing:
        link.end_b = parts.sites["end_b"]
    if "responsible_site" in differing:
        link.recorded_responsible = parts.sites.get("responsible_site")
    if "backs_up" in differing:
        link.backs_up = parts.backs_up
    if "circuits" in differing:
        rows = [
            LinkCircuit(provider=item.provider, circuit_id=item.circuit_id)
            for item in values["circuits"]
        ]
        replace_rows(session, link.circuits, rows, ("provider", "circuit_id"))
