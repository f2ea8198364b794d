"""Names in tickets that the registry does not know: which, how often, by whom, and what to do.

A name becomes an alias of a known thing, or a record of its own, or is dismissed. The tickets that
bear it follow in bounded steps, each with one row in the change log; whatever has not followed yet
is listed as such, so that nothing depends on finishing at once. Only admins may.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.domain.access import Actor, Writer, require_admin
from app.domain.errors import Invalid, NotFound
from app.domain.recognition import link_words
from app.domain.registry import NameSystem, SiteNameValue
from app.domain.texts import checked_text
from app.domain.tickets import checked_choice
from app.models import (
    Link,
    LinkName,
    NameDecision,
    Partner,
    Site,
    SiteName,
    Ticket,
    TicketLink,
    TicketSite,
    Unit,
    UnknownLink,
    User,
)
from app.services.changes import FieldChange, record_change
from app.services.links import link_of_name
from app.services.nearest_names import Near, NearestNames
from app.services.registry import LINK, WHY, Lookup, checked_why, find_site, record
from app.services.sites import change_site, site_values
from app.services.ticket_fields import as_logged, current_value, follow_responsible_site
from app.services.tickets import record_on_ticket

_MANAGE: Final = "decide what unresolved names mean"
PAGE: Final = 25
DEFAULT_UNIT: Final = "TPM"
LONGEST_UNIT: Final = 50
LONGEST_NAME: Final = 255
_WRITERS_SHOWN: Final = 3


class NameKind(StrEnum):
    """What a name in a ticket stands for."""

    SITE = "site"
    LINK = "link"
    UNIT = "unit"


class Decision(StrEnum):
    """What became of a name; nothing = not decided, or taken back."""

    ALIAS = "alias"
    DISMISSED = "dismissed"


@dataclass(frozen=True)
class UnresolvedName:
    """A name, how many tickets bear it, the newest of them, by whom, and the nearest known names.

    ``means`` is the thing that bears the name by now, "" = none: then tickets have to follow.
    """

    kind: NameKind
    name: str
    count: int
    newest: int
    writers: Sequence[tuple[str, int]]
    more_writers: int
    near: Sequence[Near]
    means: str


@dataclass(frozen=True)
class UnresolvedPage:
    """Names, those of most tickets first; ``total`` of them, without those that are decided."""

    names: Sequence[UnresolvedName]
    total: int


@dataclass(frozen=True)
class Decided:
    """A decision as it stands; ``means`` is what an alias stands for now, "" = nothing."""

    kind: NameKind
    name: str
    decision: Decision
    means: str


@dataclass(frozen=True)
class Followed:
    """How many tickets followed now, and how many have not yet."""

    done: int
    left: int


def count_unresolved(session: Session, actor: Actor) -> int:
    """How many names of all kinds wait for a decision, or for their tickets to follow."""
    require_admin(actor, _MANAGE)
    return sum(len(_waiting(session, kind)) for kind in NameKind)


def counts_by_kind(session: Session, actor: Actor) -> Mapping[NameKind, int]:
    """The same for each kind."""
    require_admin(actor, _MANAGE)
    return {kind: len(_waiting(session, kind)) for kind in NameKind}


def unresolved_names(
    session: Session, actor: Actor, kind: NameKind, *, page: int = 1, limit: int = PAGE
) -> UnresolvedPage:
    """One page (from 1) of the names of a kind."""
    require_admin(actor, _MANAGE)
    waiting = _waiting(session, kind)
    shown = waiting[(page - 1) * limit : page * limit]
    return UnresolvedPage(_told(session, kind, shown), len(waiting))


def unresolved_name(session: Session, actor: Actor, kind: NameKind, name: str) -> UnresolvedName:
    """One name that some ticket bears unresolved, dismissed or not; else ``NotFound``."""
    require_admin(actor, _MANAGE)
    _check_bearable(name)
    counted = _COUNTS[kind](_column(kind) == name)
    rows = [tuple(row) for row in session.execute(counted)]
    if not rows or (kind is NameKind.UNIT and name in _known_units(session)):
        raise NotFound
    return _told(session, kind, rows)[0]


def _check_bearable(name: str) -> None:
    """Raise ``NotFound`` for what no ticket can bear as a name."""
    if len(name) > LONGEST_NAME or "\0" in name:
        raise NotFound


def _column(kind: NameKind) -> Any:
    return {
        NameKind.SITE: TicketSite.name,
        NameKind.LINK: UnknownLink.name,
        NameKind.UNIT: Ticket.unit,
    }[kind]


def _site_counts(*more: ColumnElement[bool]) -> Any:
    return (
        select(TicketSite.name, func.count(), func.max(TicketSite.ticket_number))
        .where(TicketSite.site_id.is_(None), *more)
        .group_by(TicketSite.name)
    )


def _link_counts(*more: ColumnElement[bool]) -> Any:
    return (
        select(UnknownLink.name, func.count(), func.max(UnknownLink.ticket_number))
        .where(UnknownLink.link_id.is_(None), *more)
        .group_by(UnknownLink.name)
    )


def _unit_counts(*more: ColumnElement[bool]) -> Any:
    return (
        select(Ticket.unit, func.count(), func.max(Ticket.number))
        .where(Ticket.unit != "", *more)
        .group_by(Ticket.unit)
    )


_COUNTS: Final[Mapping[NameKind, Callable[..., Select[Any]]]] = {
    NameKind.SITE: _site_counts,
    NameKind.LINK: _link_counts,
    NameKind.UNIT: _unit_counts,
}
"""Name, number of tickets and newest ticket of the unresolved names of each kind."""


def _waiting(session: Session, kind: NameKind) -> list[Any]:
    """Rows of ``_COUNTS`` that are not dismissed (nor known, for units), most tickets first."""
    dismissed = set(
        session.scalars(
            select(NameDecision.name).where(
                NameDecision.kind == kind, NameDecision.decision == Decision.DISMISSED
            )
        )
    )
    known = _known_units(session) if kind is NameKind.UNIT else set()
    rows = [
        tuple(row)
        for row in session.execute(_COUNTS[kind]())
        if row[0] not in dismissed and row[0] not in known
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _known_units(session: Session) -> set[str]:
    return {
        DEFAULT_UNIT,
        *session.scalars(select(Unit.name)),
        *session.scalars(select(Partner.code)),
    }


def _told(session: Session, kind: NameKind, rows: Sequence[Any]) -> Sequence[UnresolvedName]:
    names = [row[0] for row in rows]
    if not names:
        return ()
    writers = _writers(session, kind, names)
    nearest = NearestNames(known_names(session, kind))
    meanings = _meanings(session, kind, names)
    return [
        UnresolvedName(
            kind,
            name,
            count,
            newest,
            writers[name][:_WRITERS_SHOWN],
            max(0, len(writers[name]) - _WRITERS_SHOWN),
            nearest.of(name),
            meanings.get(name, ""),
        )
        for name, count, newest in rows
    ]


def known_names(session: Session, kind: NameKind) -> Sequence[tuple[str, str]]:
    """Every known name of a kind, with the key of its thing."""
    if kind is NameKind.SITE:
        rows = session.execute(select(SiteName.name, Site.key).join(Site)).all()
        return [(row[0], row[1]) for row in rows]
    if kind is NameKind.LINK:
        ids = [(name, name) for name in session.scalars(select(Link.name))]
        aliases = session.execute(select(LinkName.name, Link.name).join(Link)).all()
        return [*ids, *((row[0], row[1]) for row in aliases)]
    same = _same_units(session)
    return [(name, same.get(name, name)) for name in sorted(_known_units(session))]


def _same_units(session: Session) -> Mapping[str, str]:
    rows = session.execute(select(Unit.id, Unit.name, Unit.same_as_id)).all()
    names = {row.id: row.name for row in rows}
    return {row.name: names[row.same_as_id] for row in rows if row.same_as_id is not None}


def _meanings(session: Session, kind: NameKind, names: Sequence[str]) -> Mapping[str, str]:
    """What bears these names by now."""
    if kind is NameKind.SITE:
        rows = session.execute(
            select(SiteName.name, Site.key)
            .join(Site)
            .where(SiteName.name.in_(names))
            .order_by(SiteName.valid_from.asc().nulls_first())
        )
        return {row[0]: row[1] for row in rows}
    if kind is NameKind.LINK:
        upper = func.upper(Link.name)
        ids = session.execute(select(upper, Link.name).where(upper.in_(names))).all()
        aliases = session.execute(
            select(LinkName.name, Link.name).join(Link).where(LinkName.name.in_(names))
        ).all()
        return {row[0]: row[1] for row in (*ids, *aliases)}
    return _same_units(session)


def _writers(
    session: Session, kind: NameKind, names: Sequence[str]
) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Who wrote the tickets that bear each name, with how many, most first."""
    column = _column(kind)
    query = (
        select(column, Partner.code, User.name, func.count())
        .select_from(Ticket)
        .outerjoin(Partner, Partner.id == Ticket.created_by_partner_id)
        .outerjoin(User, User.id == Ticket.created_by_user_id)
        .where(column.in_(names))
        .group_by(column, Partner.code, User.name)
    )
    if kind is NameKind.SITE:
        query = query.join(TicketSite, TicketSite.ticket_number == Ticket.number).where(
            TicketSite.site_id.is_(None)
        )
    elif kind is NameKind.LINK:
        query = query.join(UnknownLink, UnknownLink.ticket_number == Ticket.number).where(
            UnknownLink.link_id.is_(None)
        )
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for name, code, person, count in session.execute(query):
        found[name].append((code or person or "the portal", count))
    return defaultdict(
        list,
        {
            name: sorted(writers, key=lambda item: (-item[1], item[0]))
            for name, writers in found.items()
        },
    )


def decided_names(session: Session, actor: Actor) -> Sequence[Decided]:
    """All decisions that stand, by kind and name."""
    require_admin(actor, _MANAGE)
    rows = session.scalars(
        select(NameDecision)
        .where(NameDecision.decision != "")
        .order_by(NameDecision.kind, NameDecision.name)
    ).all()
    by_kind: dict[NameKind, list[str]] = defaultdict(list)
    for row in rows:
        by_kind[NameKind(row.kind)].append(row.name)
    meanings = {kind: _meanings(session, kind, names) for kind, names in by_kind.items()}
    return [
        Decided(
            NameKind(row.kind),
            row.name,
            Decision(row.decision),
            meanings[NameKind(row.kind)].get(row.name, ""),
        )
        for row in rows
    ]


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
    """Say that a name of tickets means a known thing: it is an alias of it from then on.

    ``target`` is any name of the site, the link's id, or a known unit; ``system`` is where a site
    bears the name. Raises ``Forbidden``, ``NotFound`` (no ticket bears the name unresolved), and
    ``Invalid`` on target, system, why or name.
    """
    unresolved_name(session, by.actor, kind, name)
    reason = checked_why(why)
    target = checked_text("target", target, LONGEST_NAME, label="It means").strip()
    if kind is NameKind.SITE:
        checked_choice("system", system, NameSystem, "System")
        site = find_site(session, target) if target else None
        if site is None:
            raise Invalid("target", "No site has this name; any name of a known site is allowed")
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
    Lookup(session).lock()
    try:
        link = link_of_name(session, target)
    except NotFound as error:
        raise Invalid("target", "No link has this id; choose from the list of links") from error
    if name in _meanings(session, NameKind.LINK, [name]):
        raise Invalid("target", "The name is known by now; let its tickets follow")
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
    Lookup(session).lock()
    if target not in _known_units(session):
        raise Invalid("target", "No such unit is known; known are partners' codes and named units")
    target = _same_units(session).get(target, target)
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
    require_admin(by.actor, _MANAGE)
    name = checked_text("name", name, LONGEST_UNIT, label="Unit").strip()
    if not name:
        raise Invalid("name", "Say what the unit is called")
    reason = checked_why(why)
    Lookup(session).lock()
    if session.scalar(select(Unit.id).where(Unit.name == name)) is not None:
        raise Invalid("name", "There is a unit of this name already")
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
    require_admin(by.actor, _MANAGE)
    _check_bearable(name)
    reason = checked_why(why)
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
        Lookup(session).lock()
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
    """Let up to ``limit`` tickets that bear a name affect what it means by now.

    One change in the log for each. A name that means nothing moves no ticket. Units need nothing:
    a ticket keeps its unit as it was sent.
    """
    require_admin(by.actor, _MANAGE)
    _check_bearable(name)
    means = _meanings(session, kind, [name]).get(name, "")
    if not means or kind is NameKind.UNIT:
        return Followed(0, 0)
    if kind is NameKind.SITE:
        bearing = select(TicketSite.ticket_number).where(
            TicketSite.name == name, TicketSite.site_id.is_(None)
        )
        site = find_site(session, name)
        assert site is not None

        def step(ticket: Ticket) -> None:
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
    """The reverse after an alias was taken back: up to ``limit`` tickets bear the name unresolved
    again. While the name means something, nothing is released."""
    require_admin(by.actor, _MANAGE)
    _check_bearable(name)
    if kind is NameKind.UNIT or name in _meanings(session, kind, [name]):
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
        .with_for_update(of=Ticket)
    ).all()
    field = "sites" if kind is NameKind.SITE else "links"
    for ticket in tickets:
        before = {name: _as_understood(ticket, name) for name in (field, "responsible_site")}
        step(ticket)
        follow_responsible_site(ticket)
        session.flush()
        changed = [
            FieldChange(name, old, new)
            for name, old in before.items()
            if (new := _as_understood(ticket, name)) != old
        ]
        if changed:
            record_on_ticket(session, by, ticket, changed)
    left = session.scalar(select(func.count()).select_from(bearing.distinct().subquery())) or 0
    return Followed(len(tickets), left)


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
