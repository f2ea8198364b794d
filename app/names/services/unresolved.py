"""Names in tickets and events that the registry does not know: which, how often, their authors, and
what is near.

A name that means something by now is listed while tickets have it unresolved. What is made of names
is in ``name_decisions``. Only admins may.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.accounts.models.people import User
from app.core.rules.access import Actor, require_admin
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.core.rules.texts import storable_text
from app.names.services.unresolved_events import event_counts, reporting_sources
from app.registry.models.registry import Link, LinkName, NameDecision, Site, SiteName, Unit
from app.registry.services.known_names import known_link_names, known_site_names
from app.registry.services.nearest_names import Near, NearestNames
from app.tickets.models.tickets import Ticket, TicketSite, UnknownLink

MANAGE: Final = _("decide what unresolved names mean")
PAGE: Final = 25
DEFAULT_UNIT: Final = "TPM"
MAX_UNIT_LENGTH: Final = 50
MAX_NAME_LENGTH: Final = 255
_WRITERS_SHOWN: Final = 3


class NameKind(StrEnum):
    """What a name in a ticket stands for."""

    SITE = "site"
    LINK = "link"
    UNIT = "unit"


class Decision(StrEnum):
    """What happened to a name; nothing = not decided, or taken back."""

    ALIAS = "alias"
    DISMISSED = "dismissed"


@dataclass(frozen=True)
class UnresolvedName:
    """A name, how many tickets have it, the newest of them, its author, and the nearest known
    names.

    Where no ticket has it, ``newest`` is 0: then events do. ``means`` is the thing that has the
    name by now, "" = none: then tickets and events have to follow.
    """

    kind: NameKind
    name: str
    count: int
    newest: int
    writers: Sequence[tuple[str, int]]
    more_writers: int
    near: Sequence[Near]
    means: str
    events: int = 0
    """How many reported events have it."""
    newest_event: int = 0
    """The id of the newest of them."""


@dataclass(frozen=True)
class UnresolvedPage:
    """Names, those that most tickets and events have first; ``total`` of them, without those that
    are decided."""

    names: Sequence[UnresolvedName]
    total: int


@dataclass(frozen=True)
class Decided:
    """A decision as it is; ``means`` is what an alias stands for now, "" = nothing."""

    kind: NameKind
    name: str
    decision: Decision
    means: str


def count_unresolved(session: Session, actor: Actor) -> int:
    """How many names of all kinds wait for a decision, or for their tickets to follow."""
    require_admin(actor, MANAGE)
    return sum(len(_names_waiting(session, kind)) for kind in NameKind)


def counts_by_kind(session: Session, actor: Actor) -> Mapping[NameKind, int]:
    """The same for each kind."""
    require_admin(actor, MANAGE)
    return {kind: len(_waiting(session, kind)) for kind in NameKind}


def unresolved_names(
    session: Session, actor: Actor, kind: NameKind, *, page: int = 1, limit: int = PAGE
) -> UnresolvedPage:
    """One page (from 1) of the names of a kind."""
    require_admin(actor, MANAGE)
    waiting = _waiting(session, kind)
    shown = waiting[(page - 1) * limit : page * limit]
    return UnresolvedPage(_unresolved_names(session, kind, shown), len(waiting))


def unresolved_name(session: Session, actor: Actor, kind: NameKind, name: str) -> UnresolvedName:
    """One name that a ticket or event has unresolved, dismissed or not; else ``NotFound``."""
    require_admin(actor, MANAGE)
    check_bearable(name)
    rows = _counted(session, kind, name)
    if not rows or (kind is NameKind.UNIT and name in known_units(session)):
        raise NotFound
    return _unresolved_names(session, kind, rows)[0]


def check_bearable(name: str) -> None:
    """Raise ``NotFound`` for what no ticket or event can have as a name."""
    if len(name) > MAX_NAME_LENGTH or storable_text(name) != name:
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


def _counted(
    session: Session, kind: NameKind, name: str | None = None
) -> list[tuple[str, int, int, int, int]]:
    """Name, number of tickets, newest one, number of events, newest one: of all names, or one."""
    query = _COUNTS[kind]() if name is None else _COUNTS[kind](_column(kind) == name)
    tickets = {row[0]: (row[1], row[2]) for row in session.execute(query)}
    events = event_counts(session, kind, name)
    nothing = (0, 0)
    return [
        (borne, *tickets.get(borne, nothing), *events.get(borne, nothing))
        for borne in {**tickets, **events}
    ]


def _waiting(session: Session, kind: NameKind) -> list[Any]:
    """Rows of ``_counted`` that are not dismissed (nor known, for units), those of most tickets and
    events first."""
    dismissed = set(
        session.scalars(
            select(NameDecision.name).where(
                NameDecision.kind == kind, NameDecision.decision == Decision.DISMISSED
            )
        )
    )
    known = known_units(session) if kind is NameKind.UNIT else set()
    rows = [
        row for row in _counted(session, kind) if row[0] not in dismissed and row[0] not in known
    ]
    return sorted(rows, key=lambda row: (-row[1] - row[3], row[0]))


def _names_waiting(session: Session, kind: NameKind) -> set[str]:
    """The names of ``_waiting`` without how many tickets have each: what a count needs."""
    if kind is NameKind.UNIT:
        names = set(session.scalars(_DISTINCT_UNITS)) - known_units(session)
    else:
        names = {row[0] for row in _counted(session, kind)}
    if not names:
        return names
    return names - set(
        session.scalars(
            select(NameDecision.name).where(
                NameDecision.kind == kind, NameDecision.decision == Decision.DISMISSED
            )
        )
    )


def _distinct_units() -> Select[str]:
    """All units of tickets, each by one look into the index: they are few, and tickets many."""
    first = select(func.min(Ticket.unit).label("unit")).where(Ticket.unit != "")
    units = first.cte("units", recursive=True)
    following = select(func.min(Ticket.unit)).where(Ticket.unit > units.c.unit).scalar_subquery()
    units = units.union_all(select(following).where(units.c.unit.is_not(None)))
    return select(units.c.unit).where(units.c.unit.is_not(None))


_DISTINCT_UNITS: Final = _distinct_units()


def known_units(session: Session) -> set[str]:
    return {
        DEFAULT_UNIT,
        *session.scalars(select(Unit.name)),
        *session.scalars(select(Partner.code)),
    }


def _unresolved_names(
    session: Session, kind: NameKind, rows: Sequence[Any]
) -> Sequence[UnresolvedName]:
    names = [row[0] for row in rows]
    if not names:
        return ()
    writers = _writers(session, kind, names)
    nearest = NearestNames(known_names(session, kind))
    meanings = meanings_of(session, kind, names)
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
            events,
            newest_event,
        )
        for name, count, newest, events, newest_event in rows
    ]


def known_names(session: Session, kind: NameKind) -> Sequence[tuple[str, str]]:
    """Every known name of a kind, with the key of its thing."""
    if kind is NameKind.SITE:
        return known_site_names(session)
    if kind is NameKind.LINK:
        return known_link_names(session)
    same = same_units(session)
    return [(name, same.get(name, name)) for name in sorted(known_units(session))]


def same_units(session: Session) -> Mapping[str, str]:
    rows = session.execute(select(Unit.id, Unit.name, Unit.same_as_id)).all()
    names = {row.id: row.name for row in rows}
    return {row.name: names[row.same_as_id] for row in rows if row.same_as_id is not None}


def meanings_of(session: Session, kind: NameKind, names: Sequence[str]) -> Mapping[str, str]:
    """What has these names by now."""
    if kind is NameKind.SITE:
        rows = session.execute(
            select(SiteName.name, Site.key)
            .join(Site)
            .where(SiteName.name.in_(names))
            .order_by(SiteName.valid_from.asc().nulls_first())
        )
        return {row[0]: row[1] for row in rows}
    if kind is NameKind.LINK:
        # tickets bear them in capital letters, events as they were sent
        given = [*dict.fromkeys((*names, *(name.upper() for name in names)))]
        upper = func.upper(Link.name)
        ids = session.execute(select(upper, Link.name).where(upper.in_(given))).all()
        aliases = session.execute(
            select(LinkName.name, Link.name).join(Link).where(LinkName.name.in_(given))
        ).all()
        found = {row[0]: row[1] for row in (*ids, *aliases)}
        return {
            name: means
            for name in names
            if (means := found.get(name) or found.get(name.upper())) is not None
        }
    return same_units(session)


def _writers(
    session: Session, kind: NameKind, names: Sequence[str]
) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Who wrote the tickets, and which sources reported the events, that have each name, with how
    many, most first."""
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
        found[name].append((code or person or _("the portal"), count))
    for name, sources in reporting_sources(session, kind, names).items():
        found[name] += sources
    return defaultdict(
        list,
        {
            name: sorted(writers, key=lambda item: (-item[1], item[0]))
            for name, writers in found.items()
        },
    )


def decided_names(session: Session, actor: Actor) -> Sequence[Decided]:
    """All current decisions, by kind and name."""
    require_admin(actor, MANAGE)
    rows = session.scalars(
        select(NameDecision)
        .where(NameDecision.decision != "")
        .order_by(NameDecision.kind, NameDecision.name)
    ).all()
    by_kind: dict[NameKind, list[str]] = defaultdict(list)
    for row in rows:
        by_kind[NameKind(row.kind)].append(row.name)
    meanings = {kind: meanings_of(session, kind, names) for kind, names in by_kind.items()}
    return [
        Decided(
            NameKind(row.kind),
            row.name,
            Decision(row.decision),
            meanings[NameKind(row.kind)].get(row.name, ""),
        )
        for row in rows
    ]
