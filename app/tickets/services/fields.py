"""A ticket's fields as the change log writes them, and how a wanted value is applied to the row.

Only ``services.tickets`` changes rows through this; pages read ``logged_value`` to compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from app.core.rules.access import ActorKind, TicketFacts, Writer
from app.registry.models.registry import Site
from app.registry.services.registry import (
    require_links,
    require_site,
    responsible_site_of_link,
    site_meant,
)
from app.tickets.models.relations import Acknowledgement
from app.tickets.models.tickets import (
    ExternalReference,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketSite,
)
from app.tickets.rules.content import Reference

SEPARATOR = "; "
"""Between the values of a field that has several, in the change log."""


@dataclass(frozen=True)
class _Facts:
    """Loads a relation of the ticket only when a right depends on it."""

    _ticket: Ticket

    @property
    def created_by_user(self) -> int | None:
        return self._ticket.created_by_user_id

    @property
    def created_by_partner(self) -> int | None:
        return self._ticket.created_by_partner_id

    @property
    def handed_to_partners(self) -> frozenset[int]:
        return frozenset(partner.id for partner in self._ticket.handed_to)

    @property
    def site_ids(self) -> frozenset[int]:
        sites = {item.site_id for item in self._ticket.affected_sites}
        sites.add(self._ticket.responsible_site_id)
        for affected in self._ticket.affected_links:
            sites |= {affected.link.end_a_id, affected.link.end_b_id}
        return frozenset(site for site in sites if site is not None)


def facts_of(ticket: Ticket) -> TicketFacts:
    """What rights on this ticket depend on, as it is when they are requested."""
    return _Facts(ticket)


def current_value(ticket: Ticket, field: str) -> Any:
    """A field's value in the form in which writers state it (names, aware times, tuples)."""
    if field == "links":
        return tuple(item.link.name for item in ticket.affected_links)
    if field == "sites":
        return tuple(item.name for item in ticket.affected_sites)
    if field == "responsible_site":
        return ticket.responsible_site.key if ticket.responsible_site else ""
    if field == "asked_sites":
        return tuple(sorted(item.site.key for item in ticket.acknowledgements))
    if field == "references":
        return tuple(
            Reference(item.provider, item.reference, item.url, item.kind)
            for item in ticket.references
        )
    if field == "handed_to":
        return tuple(partner.code for partner in ticket.handed_to)
    return getattr(ticket, field)


def as_logged(value: Any) -> str | None:
    """A value as the change log keeps it: text; None where it is not set."""
    if value is None or value == "" or value == ():
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Reference):
        return " ".join(filter(None, (value.provider, value.reference, value.url)))
    if isinstance(value, tuple):
        return SEPARATOR.join(as_logged(item) or "" for item in value)
    return str(value)


def apply_value(session: Session, by: Writer, ticket: Ticket, field: str, value: Any) -> None:
    """Set one field of the row to a wanted value (already checked)."""
    if field == "links":
        set_links(session, ticket, value)
    elif field == "sites":
        set_sites(session, ticket, value)
    elif field == "asked_sites":
        ask_sites(ticket, [require_site(session, name, field) for name in value])
    elif field == "responsible_site":
        site = require_site(session, value, field, day_of(ticket)) if value else None
        ticket.responsible_site = site
        ticket.responsible_site_id = site.id if site is not None else None
        ticket.responsible_set_by_hand = site is not None
    elif field == "references":
        set_references(by, ticket, value)
    else:
        setattr(ticket, field, value)


def set_links(
    session: Session, ticket: Ticket, names: Sequence[str], *, recognised: bool = False
) -> None:
    """Affect exactly these links, in this order; those that stay keep their mark."""
    before = {item.link.name: item for item in ticket.affected_links}
    rows = []
    for position, link in enumerate(require_links(session, names)):
        row = before.get(link.name) or TicketLink(link=link, link_id=link.id, recognised=recognised)
        row.position = position
        rows.append(row)
    if rows or before:
        ticket.affected_links = rows


def set_sites(
    session: Session, ticket: Ticket, names: Sequence[str], *, recognised: bool = False
) -> Mapping[str, TicketSite]:
    """Affect exactly these sites, under any name that they had on the ticket's day (``day_of``);
    an unknown name is stored as text.

    Two names of one site are one; a site that stays keeps its row and its spellings. Gives the row
    of each name.
    """
    before = {
        (item.site_id, item.name if item.site_id is None else ""): item
        for item in ticket.affected_sites
    }
    rows: dict[tuple[int | None, str], TicketSite] = {}
    named = {}
    for key, name, site in _resolved(session, names, day_of(ticket)):
        if key in rows:
            named[name] = rows[key]
            continue
        row = before.get(key) or TicketSite(
            site=site, site_id=key[0], name=name, recognised=recognised
        )
        row.position = len(rows)
        rows[key] = named[name] = row
    if rows or before:
        ticket.affected_sites = list(rows.values())
    return named


def asked_keys(session: Session, names: Sequence[str]) -> tuple[str, ...]:
    """The sites that these names mean, each once, by name; ``Invalid`` for an unknown one."""
    return tuple(sorted({require_site(session, name, "asked_sites").key for name in names}))


def ask_sites(ticket: Ticket, sites: Iterable[Site]) -> None:
    """Ask exactly these sites to accept the change; one that stays keeps its answer."""
    before = {item.site_id: item for item in ticket.acknowledgements}
    wanted = {site.id: site for site in sites}
    if wanted or before:
        ticket.acknowledgements = [
            before.get(key) or Acknowledgement(site=site, site_id=key)
            for key, site in sorted(wanted.items())
        ]


def concerned_sites(ticket: Ticket) -> list[Site]:
    """The sites that a change concerns: the known affected ones and the ends of its links."""
    sites = [item.site for item in ticket.affected_sites if item.site is not None]
    for affected in ticket.affected_links:
        sites += [affected.link.end_a, affected.link.end_b]
    return sites


def same_sites(session: Session, ticket: Ticket, names: Sequence[str], day: date) -> bool:
    """Whether these names mean on that day just the sites that are affected now, in this order."""
    wanted = dict.fromkeys(key for key, _, _ in _resolved(session, names, day))
    now = (
        (item.site_id, item.name if item.site_id is None else "") for item in ticket.affected_sites
    )
    return list(wanted) == list(now)


def _resolved(
    session: Session, names: Sequence[str], day: date
) -> list[tuple[tuple[int | None, str], str, Site | None]]:
    found = [(name, site_meant(session, name, day)) for name in names]
    return [
        ((site.id, "") if site is not None else (None, name), name, site) for name, site in found
    ]


def remember_spelling(session: Session, by: Writer, ticket: Ticket, name: str) -> None:
    """Keep how a partner spells an affected site: it gets it back as it sent it last."""
    if by.actor.kind is not ActorKind.PARTNER:
        return
    site = site_meant(session, name, day_of(ticket))
    for row in ticket.affected_sites:
        if row.site_id == (site.id if site else None) and (site is not None or row.name == name):
            spell(by, row, name)
            return


def spell(by: Writer, row: TicketSite, name: str) -> None:
    """Store how a partner spells the site of this row; of others nothing is stored."""
    partner_id = by.actor.partner_id
    if by.actor.kind is not ActorKind.PARTNER or partner_id is None:
        return
    for spelling in row.spellings:
        if spelling.partner_id == partner_id:
            spelling.name = name
            return
    row.spellings.append(SiteSpelling(partner_id=partner_id, name=name))


def set_references(by: Writer, ticket: Ticket, references: Sequence[Reference]) -> None:
    """Keep exactly these external references, each once; new ones of a partner are bound to it."""
    before = {
        (item.provider, item.reference, item.url, item.kind): item for item in ticket.references
    }
    rows = {}
    for wanted in references:
        key = (wanted.provider, wanted.reference, wanted.url, wanted.kind)
        row = before.get(key) or ExternalReference(
            kind=wanted.kind,
            provider=wanted.provider,
            reference=wanted.reference,
            url=wanted.url,
        )
        if row.partner_id is None and wanted.provider == by.actor.partner_code:
            row.partner_id = by.actor.partner_id
        rows[key] = row
    if rows or before:
        ticket.references = list(rows.values())


def with_own_references(
    by: Writer, ticket: Ticket, own: Mapping[str, str]
) -> tuple[Reference, ...]:
    """All references of the ticket, where this partner's of the kinds in ``own`` are replaced.

    ``own`` maps kind (target, incident) to the partner's number; "" takes it off. What stays keeps
    its place, so that writing the same again is no change.
    """
    code = by.actor.partner_code or by.actor.account
    left = dict(own)
    result = []
    for item in ticket.references:
        mine = item.partner_id == by.actor.partner_id or item.provider == code
        if item.kind not in own or not mine:
            result.append(Reference(item.provider, item.reference, item.url, item.kind))
        elif number := left.pop(item.kind, ""):
            url = item.url if item.reference == number else ""
            result.append(Reference(code, number, url, item.kind))
    result += [Reference(code, number, kind=kind) for kind, number in left.items() if number]
    return tuple(result)


def day_of(ticket: Ticket, wanted: Mapping[str, Any] = MappingProxyType({})) -> date:
    """The day (UTC) on which the ticket's interval began: of its event, window, or creation; with
    the times that are ``wanted`` instead, where some are."""
    start, window = (
        wanted.get(name, getattr(ticket, name)) for name in ("event_start", "window_start")
    )
    return day_begun(start, window, ticket.created_at)


def day_begun(start: datetime | None, window: datetime | None, created: datetime) -> date:
    """The day (UTC) of an event's start, else its window's, else its creation. By it the names of
    sites are resolved, of tickets as of events."""
    return (start or window or created).astimezone(UTC).date()


def follow_responsible_site(ticket: Ticket) -> None:
    """Let the responsible site follow links and sites, unless an operator set it by hand.

    That of the first affected link, else the only affected site, else none.
    """
    if ticket.responsible_set_by_hand:
        return
    site: Site | None = None
    if ticket.affected_links:
        site = responsible_site_of_link(ticket.affected_links[0].link)
    elif len(ticket.affected_sites) == 1:
        site = ticket.affected_sites[0].site
    ticket.responsible_site = site
    ticket.responsible_site_id = site.id if site is not None else None
