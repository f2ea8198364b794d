"""What administrators make of names that the registry does not know, and undoing it.

A name becomes an alias of a known thing, or is dismissed. The tickets that have it follow in
bounded steps, each with one row in the change log: whatever has not followed yet is listed by
``unresolved`` as such, so that nothing depends on finishing at once. Only admins may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_choice, checked_text
from app.core.services.changes import FieldChange, record_change
from app.names.services.unresolved import (
    MANAGE,
    MAX_NAME_LENGTH,
    MAX_UNIT_LENGTH,
    Decision,
    NameKind,
    check_bearable,
    known_units,
    meanings_of,
    same_units,
    unresolved_name,
)
from app.registry.models.registry import Link, LinkName, NameDecision, Site, Unit
from app.registry.rules.recognition import link_words
from app.registry.rules.registry import NameSystem, SiteNameValue
from app.registry.services.links import link_of_name
from app.registry.services.registry import (
    LINK,
    WHY,
    Lookup,
    checked_why,
    find_site,
    record,
    site_meant,
)
from app.registry.services.sites import change_site, site_values
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite, UnknownLink
from app.tickets.services.concern.concern_rows import follow_concerned
from app.tickets.services.fields import as_logged, current_value, day_of, follow_responsible_site
from app.tickets.services.lifecycle import record_on_ticket

_MAX_ALIAS_LENGTH: Final = 100


@dataclass(frozen=True)
class Followed:
    """How many tickets, or events, followed now, and how many have not yet."""

    done: int
    left: int


def make_alias(
    session: Session,
    by: Writer,
    kind: NameKind,
    name: str,
    target: str,
    *,
    system: str = NameSystem.GOCDB,
    why: str = "",
) -> None:
    """Say that a name of tickets means a known thing: it is an alias from then on.

    ``target`` is any name of the site, the link's id, or a known unit; ``system`` is where a site
    has the name. Raises ``Forbidden``, ``NotFound`` (no ticket has the name unresolved), and
    ``Invalid`` on target, system, why or name.
    """
    unresolved_name(session, by.actor, kind, name)
    reason = checked_why(why)
    target = checked_text("target", target, MAX_NAME_LENGTH, label=_("Match")).strip()
    Lookup(session).lock()  # before the site's names are read: somebody may be adding one
    if kind is NameKind.SITE:
        checked_choice("system", system, NameSystem, _("System"))
        site = find_site(session, target) if target else None
        if site is None:
            raise Invalid("target", _("No site has this name; any name of a known site is allowed"))
        names = (*site_values(site)["names"], SiteNameValue(system, name))
        try:
            change_site(session, by, site.key, {"names": names}, why=reason)
        except Invalid as error:
            raise Invalid("target", error.message) from error
    elif kind is NameKind.LINK:
        _make_link_alias(session, by, name, target, reason)
    else:
        _make_unit_alias(session, by, name, target, reason)
    _decide(session, by, kind, name, Decision.ALIAS)


def _make_link_alias(session: Session, by: Writer, name: str, target: str, reason: str) -> None:
    try:
        link = link_of_name(session, target)
    except NotFound as error:
        raise Invalid("target", _("No link has this id; choose from the list of links")) from error
    if len(name) > _MAX_ALIAS_LENGTH:  # which an event's may be
        raise Invalid(
            "target",
            _(
                "Another name of a link has at most %(max_alias_length)s characters",
                max_alias_length=_MAX_ALIAS_LENGTH,
            ),
        )
    if name in meanings_of(session, NameKind.LINK, [name]):
        raise Invalid("target", _("The name is known now; update its tickets"))
    before = _aliases(session, link)
    session.add(LinkName(link_id=link.id, name=name))
    session.flush()
    _record_aliases(session, by, link, before, reason)


def _aliases(session: Session, link: Link) -> str | None:
    names = session.scalars(
        select(LinkName.name).where(LinkName.link_id == link.id).order_by(LinkName.name)
    )
    return as_logged(tuple(names))


def _record_aliases(
    session: Session, by: Writer, link: Link, before: str | None, reason: str
) -> None:
    link.version += 1
    change = FieldChange("aliases", before, _aliases(session, link))
    record(session, by, LINK, link, [change], reason)


def _make_unit_alias(session: Session, by: Writer, name: str, target: str, reason: str) -> None:
    if target not in known_units(session):
        raise Invalid("target", _("Unknown unit; use a partner's code or a named unit"))
    target = same_units(session).get(target, target)
    same = session.scalars(select(Unit).where(Unit.name == target)).first()
    if same is None:
        same = add_unit(session, by, target, why=reason)
    unit = Unit(name=name, same_as_id=same.id)
    session.add(unit)
    session.flush()
    fields = [FieldChange("name", None, name), FieldChange("same_as", None, target)]
    _record_unit(session, by, unit, fields, reason)


def add_unit(session: Session, by: Writer, name: str, *, why: str = "") -> Unit:
    """Make a unit known by its name. Raises ``Forbidden``, ``Invalid`` on name."""
    require_admin(by.actor, MANAGE)
    name = checked_text("name", name, MAX_UNIT_LENGTH, label=_("Unit")).strip()
    if not name:
        raise Invalid("name", _("Name of the unit is required"))
    reason = checked_why(why)
    Lookup(session).lock()
    if session.scalar(select(Unit.id).where(Unit.name == name)) is not None:
        raise Invalid("name", _("There is already a unit with this name"))
    unit = Unit(name=name)
    session.add(unit)
    session.flush()
    _record_unit(session, by, unit, [FieldChange("name", None, name)], reason)
    return unit


def _record_unit(
    session: Session, by: Writer, unit: Unit, fields: Sequence[FieldChange], reason: str
) -> None:
    why = [FieldChange(WHY, None, reason)] if reason else []
    record_change(session, by, kind="unit", thing_id=unit.id, fields=[*fields, *why])


def dismiss_name(session: Session, by: Writer, kind: NameKind, name: str, why: str = "") -> None:
    """Say that a name is to stay unresolved: it is not listed any more."""
    unresolved_name(session, by.actor, kind, name)
    _decide(session, by, kind, name, Decision.DISMISSED, log=True, why=checked_why(why))


def take_back(session: Session, by: Writer, kind: NameKind, name: str, why: str = "") -> None:
    """Undo a decision: a dismissed name is listed again, an alias is taken off its thing.

    The tickets of an alias follow with ``release_tickets``. Raises ``Forbidden``, ``NotFound`` if
    nothing was decided, ``Invalid`` where the name cannot be taken off.
    """
    require_admin(by.actor, MANAGE)
    check_bearable(name)
    reason = checked_why(why)
    Lookup(session).lock()
    row = session.scalars(
        select(NameDecision).where(
            NameDecision.kind == kind, NameDecision.name == name, NameDecision.decision != ""
        )
    ).first()
    if row is None:
        raise NotFound
    if row.decision == Decision.DISMISSED:
        _decide(session, by, kind, name, None, log=True, why=reason)
        return
    if kind is NameKind.SITE:
        site = find_site(session, name)
        if site is not None:
            names = tuple(item for item in site_values(site)["names"] if item.name != name)
            change_site(session, by, site.key, {"names": names}, why=reason)
    elif kind is NameKind.LINK:
        alias = session.scalars(select(LinkName).where(LinkName.name == name)).first()
        if alias is not None:
            link, before = alias.link, _aliases(session, alias.link)
            session.delete(alias)
            session.flush()
            _record_aliases(session, by, link, before, reason)
    else:
        unit = session.scalars(select(Unit).where(Unit.name == name)).first()
        if unit is not None:
            _record_unit(session, by, unit, [FieldChange("name", name, None)], reason)
            session.delete(unit)
    _decide(session, by, kind, name, None)


def _decide(
    session: Session,
    by: Writer,
    kind: NameKind,
    name: str,
    decision: Decision | None,
    *,
    log: bool = False,
    why: str = "",
) -> None:
    """Keep the decision; ``log``: it is a change of its own, not part of one of a record."""
    row = session.scalars(
        select(NameDecision).where(NameDecision.kind == kind, NameDecision.name == name)
    ).first()
    before = row.decision if row is not None else ""
    if row is None:
        row = NameDecision(kind=kind, name=name, decision="")
        session.add(row)
    row.decision = decision or ""
    session.flush()
    if log and before != row.decision:
        fields = [FieldChange(f"{kind}_name", before or None, row.decision or None)]
        fields += [FieldChange(WHY, None, why)] if why else []
        record_change(session, by, kind="name", thing_id=row.id, fields=fields)


def follow_tickets(session: Session, by: Writer, kind: NameKind, name: str, limit: int) -> Followed:
    """Let up to ``limit`` tickets that have a name affect what it means by now.

    One change in the log for each. Where a name meant several sites one after another, a ticket
    affects the one that had it when the ticket's interval began. A name that means nothing moves
    no ticket. Units need nothing: a ticket keeps its unit as it was sent.
    """
    require_admin(by.actor, MANAGE)
    check_bearable(name)
    means = meanings_of(session, kind, [name]).get(name, "")
    if not means or kind is NameKind.UNIT:
        return Followed(0, 0)
    if kind is NameKind.SITE:
        bearing = select(TicketSite.ticket_number).where(
            TicketSite.name == name, TicketSite.site_id.is_(None)
        )

        def step(ticket: Ticket) -> None:
            site = site_meant(session, name, day_of(ticket))
            assert site is not None, "a site has the name"
            _resolve_site(ticket, name, site)
    else:
        bearing = select(UnknownLink.ticket_number).where(
            UnknownLink.name == name, UnknownLink.link_id.is_(None)
        )
        link = link_of_name(session, means)

        def step(ticket: Ticket) -> None:
            _resolve_link(session, ticket, name, link)

    return _step_through(session, by, kind, bearing, step, limit)


def release_tickets(
    session: Session, by: Writer, kind: NameKind, name: str, limit: int
) -> Followed:
    """The reverse after an alias was taken back: up to ``limit`` tickets have the name unresolved
    again. While the name means something, nothing is released."""
    require_admin(by.actor, MANAGE)
    check_bearable(name)
    if kind is NameKind.UNIT or name in meanings_of(session, kind, [name]):
        return Followed(0, 0)
    if kind is NameKind.SITE:
        bearing = select(TicketSite.ticket_number).where(
            TicketSite.name == name, TicketSite.site_id.is_not(None)
        )

        def step(ticket: Ticket) -> None:
            for row in ticket.affected_sites:
                if row.name == name:
                    row.site, row.site_id = None, None
    else:
        bearing = select(UnknownLink.ticket_number).where(
            UnknownLink.name == name, UnknownLink.link_id.is_not(None)
        )

        def step(ticket: Ticket) -> None:
            _release_link(session, ticket, name)

    return _step_through(session, by, kind, bearing, step, limit)


def _step_through(
    session: Session,
    by: Writer,
    kind: NameKind,
    bearing: Select[Any],
    step: Callable[[Ticket], None],
    limit: int,
) -> Followed:
    """Change the first tickets of ``bearing``, each as one change; and count what is left."""
    tickets = session.scalars(
        select(Ticket)
        .where(Ticket.number.in_(bearing))
        .order_by(Ticket.number)
        .limit(limit)
        # all rows before the first change: the change counter's lock always comes last
        .with_for_update(of=Ticket, key_share=True)
    ).all()
    field = "sites" if kind is NameKind.SITE else "links"
    for ticket in tickets:
        before = {name: _as_understood(ticket, name) for name in (field, "responsible_site")}
        unknown = _count_unknown(ticket)
        step(ticket)
        follow_responsible_site(ticket)
        follow_concerned(session, ticket)
        changed = [
            FieldChange(name, old, new)
            for name, old in before.items()
            if (new := _as_understood(ticket, name)) != old
        ]
        if (now_unknown := _count_unknown(ticket)) != unknown and field not in {
            change.field for change in changed
        }:  # a name that is the site's own key: the same word, and another meaning
            words = _as_understood(ticket, field)
            known_less = _("%(words)s (not all known)", words=words)
            both = (known_less, words) if unknown > now_unknown else (words, known_less)
            changed.append(FieldChange(field, *both))
        if changed:
            record_on_ticket(session, by, ticket, changed)
    left = session.scalar(select(func.count()).select_from(bearing.distinct().subquery())) or 0
    return Followed(len(tickets), left)


def _count_unknown(ticket: Ticket) -> int:
    """How many of the sites that a ticket names nobody knows."""
    return sum(row.site_id is None for row in ticket.affected_sites)


def _as_understood(ticket: Ticket, field: str) -> str | None:
    """As the log keeps it, but sites by what their names mean: that is what changes here."""
    if field == "sites":
        return as_logged(
            tuple(row.site.key if row.site is not None else row.name for row in _in_order(ticket))
        )
    return as_logged(current_value(ticket, field))


def _in_order(ticket: Ticket) -> Iterable[TicketSite]:
    return sorted(ticket.affected_sites, key=lambda row: row.position)


def _resolve_site(ticket: Ticket, name: str, site: Site) -> None:
    affected = {row.site_id for row in ticket.affected_sites}
    for row in list(ticket.affected_sites):
        if row.site_id is None and row.name == name:
            if site.id in affected:
                ticket.affected_sites.remove(row)  # two names of one site are one
            else:
                row.site, row.site_id = site, site.id


def _resolve_link(session: Session, ticket: Ticket, name: str, link: Link) -> None:
    word = session.get_one(UnknownLink, (ticket.number, name))
    word.link_id = link.id
    if all(row.link_id != link.id for row in ticket.affected_links):
        ticket.affected_links.append(
            TicketLink(
                link=link,
                link_id=link.id,
                recognised=True,
                position=1 + max((row.position for row in ticket.affected_links), default=-1),
            )
        )


def _release_link(session: Session, ticket: Ticket, name: str) -> None:
    word = session.get_one(UnknownLink, (ticket.number, name))
    link_id, word.link_id = word.link_id, None
    own_words = link_words((ticket.title, ticket.description))

    def stays(row: TicketLink) -> bool:
        # chosen, or named by its own id as well
        return row.link_id != link_id or not row.recognised or row.link.name.upper() in own_words

    ticket.affected_links = [row for row in ticket.affected_links if stays(row)]
