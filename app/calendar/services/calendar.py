"""The windows of maintenances and changes between two moments, with what is in their way.

Few statements however many windows: the tickets, their links with ends and backups, their sites
with answers, and the periods of the LHC. It reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from app.calendar.rules.calendar import (
    Conflict,
    Planned,
    PlannedLink,
    Window,
    conflicts,
    season_during,
)
from app.calendar.rules.lhc_calendar import Period
from app.calendar.services.lhc_calendar import known_periods
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Actor
from app.core.services.changes import TICKET
from app.registry.models.registry import Link, Site
from app.registry.services.tiers import tier_of
from app.tickets.models.relations import Acknowledgement
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.tickets import OPEN_STATES, Category, State
from app.tickets.services.concern.concerned_sites import concerns_sites
from app.tickets.services.lists.query import readable

MAX_WINDOWS: Final = 200
"""Windows of one answer; a month with more needs a filter by site or link."""
MAX_LENGTH: Final = timedelta(days=400)
"""A window that began longer before is not looked for: else each page read all the past."""
MAX_LINKS: Final = 100
"""Links of one plan that are looked at."""
CATEGORIES: Final = (Category.MAINTENANCE, Category.CHANGE)
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class CalendarFilter:
    """The conditions; all of them must match."""

    site: Site | None = None
    """Which it concerns."""
    link: Link | None = None
    network: str = ""


@dataclass(frozen=True)
class Agenda:
    """The windows, by their beginning, and all that collides among them."""

    windows: Sequence[Planned]
    conflicts: Sequence[Conflict]
    more: bool = False
    """Whether there are more than ``MAX_WINDOWS``; the rest is left out."""
    periods: Sequence[Period] = field(default_factory=tuple)


def agenda(
    session: Session,
    actor: Actor,
    first: datetime,
    last: datetime,
    wanted: CalendarFilter | None = None,
    limit: int = MAX_WINDOWS,
) -> Agenda:
    """The windows that touch the time from ``first`` until before ``last`` (UTC).

    A filter leaves out windows, but not what they do to the others: so more are read than shown.
    """
    wanted = wanted or CalendarFilter()
    rows = session.execute(
        _windows()
        .add_columns(_is_wanted(wanted).label("shown"))
        .where(Ticket.number.in_(_touching(first, last)), readable(actor), _may_matter(wanted))
        .order_by(Ticket.window_start, Ticket.number)
        .limit(limit + 1)
    ).all()
    more = len(rows) > limit
    found = _with_all(session, rows[:limit], more=more)
    shown = {row.number for row in rows if row.shown}
    return replace(
        found,
        windows=[one for one in found.windows if one.ticket in shown],
        conflicts=[one for one in found.conflicts if shown & set(one.tickets)],
    )


def windows_of(session: Session, actor: Actor, first: datetime, site: Site | None) -> Agenda:
    """The windows of one site, or of all, from ``first`` (UTC) on, however far ahead: a feed."""
    return agenda(
        session, actor, first, first + timedelta(days=3650), CalendarFilter(site=site), limit=1000
    )


def window_of(session: Session, number: int) -> Planned | None:
    """The window of one ticket, by its number; None where it plans no work."""
    rows = session.execute(
        _windows().where(Ticket.number == number, Ticket.window_start.is_not(None))
    ).all()
    return next(iter(_with_all(session, rows, more=False).windows), None)


def _windows() -> Select[*tuple[Any, ...]]:
    return select(
        Ticket.number,
        Ticket.version,
        Ticket.title,
        Ticket.state,
        Ticket.category,
        Ticket.network,
        Ticket.impact,
        Ticket.changed_at,
        Ticket.window_start,
        Ticket.window_end,
        is_cancelled().label("cancelled"),
    ).where(Ticket.category.in_(CATEGORIES))


def _touching(first: datetime, last: datetime) -> Any:
    """The numbers of tickets with such a window, from the index alone."""
    return select(Ticket.number).where(
        Ticket.window_start >= first - MAX_LENGTH,
        Ticket.window_start < last,
        or_(Ticket.window_start >= first, Ticket.window_end > first),
    )


def is_cancelled() -> ColumnElement[bool]:
    """Unsolved, or verified or closed after it; the log says which of the two ends it was."""
    ended_as = (
        select(ChangedField.new)
        .join(Change, Change.id == ChangedField.change_id)
        .where(
            Change.kind == TICKET,
            Change.thing_id == Ticket.number,
            ChangedField.field == "state",
            ChangedField.new.in_((State.SOLVED, State.UNSOLVED)),
        )
        .order_by(Change.version.desc())
        .limit(1)
        .correlate(Ticket)
        .scalar_subquery()
    )
    return case(
        (Ticket.state == State.UNSOLVED, True),
        (
            Ticket.state.in_((State.VERIFIED, State.CLOSED)),
            func.coalesce(ended_as, "") == State.UNSOLVED,
        ),
        else_=False,
    )


def _is_wanted(wanted: CalendarFilter) -> ColumnElement[bool]:
    """Which windows are shown."""
    parts: list[ColumnElement[bool]] = [true()]
    if wanted.site is not None:
        parts.append(concerns_sites((wanted.site.id,)))
    if wanted.link is not None:
        parts.append(_affects(Link.id == wanted.link.id))
    if wanted.network:
        parts.append(Ticket.network == wanted.network)
    return and_(*parts)


def _may_matter(wanted: CalendarFilter) -> ColumnElement[bool]:
    """Which windows are read: those shown, and those of links with which they may collide: backups,
    what is backed up, and all links of the same T1s. Of a network all: backups cross over."""
    if wanted.site is None and wanted.link is None:
        return true()
    parts: list[ColumnElement[bool]] = [_is_wanted(replace(wanted, network=""))]
    if (site := wanted.site) is not None:
        parts.append(_affects(_close_to(or_(Link.end_a_id == site.id, Link.end_b_id == site.id))))
    if (link := wanted.link) is not None:
        t1s = [end.id for end in (link.end_a, link.end_b) if end.tier == 1]
        at_t1s = or_(Link.end_a_id.in_(t1s), Link.end_b_id.in_(t1s))
        parts.append(_affects(or_(at_t1s, _close_to(Link.id == link.id))))
    return or_(*parts)


def _affects(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """A ticket affects one of these links."""
    return exists(
        select(TicketLink.id)
        .join(Link, Link.id == TicketLink.link_id)
        .where(TicketLink.ticket_number == Ticket.number, which)
    )


def _close_to(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """These links, what they back up, and what backs them up."""
    these = select(Link.id).where(which).correlate(None)
    backed_up = select(Link.backs_up_id).where(which, Link.backs_up_id.is_not(None)).correlate(None)
    return or_(Link.id.in_(these), Link.id.in_(backed_up), Link.backs_up_id.in_(these))


def _with_all(session: Session, rows: Sequence[_Row], *, more: bool) -> Agenda:
    periods = known_periods(session)
    numbers = [row.number for row in rows]
    links = _links(session, {row.number: row.window_start for row in rows}) if numbers else {}
    sites = _sites(session, numbers) if numbers else {}
    asked = _sign_offs(session, [row.number for row in rows if row.category == Category.CHANGE])
    planned = [
        Planned(
            ticket=row.number,
            version=row.version,
            title=row.title,
            state=row.state,
            category=row.category,
            network=row.network,
            impact=row.impact,
            changed_at=row.changed_at,
            start=row.window_start,
            end=max(row.window_end or row.window_start, row.window_start),
            open_end=row.window_end is None,
            cancelled=bool(row.cancelled),
            links=links.get(row.number, ()),
            sites=sites.get(row.number, ()),
            asked=sum(asked.get(row.number, {}).values()),
            accepted=asked.get(row.number, {}).get("accepted", 0),
            refused=asked.get(row.number, {}).get("refused", 0),
        )
        for row in rows
    ]
    found = conflicts(
        Window(one.ticket, one.start, one.end, one.links) for one in planned if not one.cancelled
    )
    of_ticket: dict[int, list[Conflict]] = defaultdict(list)
    for conflict in found:
        for number in set(conflict.tickets):
            of_ticket[number].append(conflict)
    return Agenda([_judged(one, periods, of_ticket) for one in planned], found, more, periods)


def _judged(
    one: Planned, periods: Sequence[Period], of_ticket: Mapping[int, list[Conflict]]
) -> Planned:
    if one.cancelled:
        return one
    season = season_during(one.start, one.end, periods)
    return replace(
        one,
        season=season.name if season is not None else "",
        conflicts=tuple(of_ticket.get(one.ticket, ())),
    )


def _links(
    session: Session, starts: Mapping[int, datetime]
) -> Mapping[int, tuple[PlannedLink, ...]]:
    """The affected links of these tickets; T1 is what was T1 on the day the window begins."""
    rows = session.execute(
        _ends_of_links(TicketLink.ticket_number)
        .join(TicketLink, TicketLink.link_id == Link.id)
        .where(TicketLink.ticket_number.in_(starts))
        .order_by(TicketLink.ticket_number, TicketLink.position)
    )
    found: dict[int, list[PlannedLink]] = defaultdict(list)
    for row in rows:
        day = starts[row.ticket_number].date()
        found[row.ticket_number].append(_planned_link(row, day))
    return {number: tuple(links) for number, links in found.items()}


def planned_links(session: Session, names: Collection[str], day: date) -> tuple[PlannedLink, ...]:
    """The links of these ids as work of that day finds them; what is no link is left out."""
    usable = sorted(name for name in names if name.isprintable())[:MAX_LINKS]
    rows = session.execute(_ends_of_links().where(Link.name.in_(usable)).order_by(Link.name))
    return tuple(_planned_link(row, day) for row in rows)


@cache
def _ends_of_links(*more: Any) -> Select[*tuple[Any, ...]]:
    end_a, end_b, primary = aliased(Site), aliased(Site), aliased(Link)
    return (
        select(
            *more,
            Link.name,
            primary.name.label("backs_up"),
            *(
                column.label(f"{letter}_{column.key}")
                for letter, end in (("a", end_a), ("b", end_b))
                for column in (end.key, end.tier, end.tier_since, end.tier_until)
            ),
        )
        .select_from(Link)
        .join(end_a, end_a.id == Link.end_a_id)
        .join(end_b, end_b.id == Link.end_b_id)
        .outerjoin(primary, primary.id == Link.backs_up_id)
    )


def _planned_link(row: _Row, day: date) -> PlannedLink:
    ends = (
        (row.a_key, tier_of(row.a_tier, row.a_tier_since, row.a_tier_until, day)),
        (row.b_key, tier_of(row.b_tier, row.b_tier_since, row.b_tier_until, day)),
    )
    t1s = frozenset(key for key, tier in ends if tier == 1)
    return PlannedLink(row.name, t1s, row.backs_up or "")


def windows_between(
    session: Session, actor: Actor, first: datetime, last: datetime
) -> Mapping[Window, str]:
    """All windows that touch the time from ``first`` until before ``last`` (UTC) and take place as
    far as is known, each with its ticket's title."""
    rows = session.execute(
        select(Ticket.number, Ticket.title, Ticket.window_start, Ticket.window_end)
        .where(
            Ticket.number.in_(_touching(first, last)),
            Ticket.category.in_(CATEGORIES),
            Ticket.window_end > Ticket.window_start,
            readable(actor),
            ~is_cancelled(),
        )
        .order_by(Ticket.window_start, Ticket.number)
    ).all()
    links = _links(session, {row.number: row.window_start for row in rows}) if rows else {}
    return {
        Window(row.number, row.window_start, row.window_end, links.get(row.number, ())): row.title
        for row in rows
    }


def windows_without_end(session: Session, actor: Actor, last: datetime) -> Sequence[Window]:
    """Windows of open tickets that begin before ``last`` (UTC) and of which nobody knows the end;
    it is given as the last moment of all."""
    rows = session.execute(
        select(Ticket.number, Ticket.window_start)
        .where(
            Ticket.state.in_(OPEN_STATES),
            Ticket.category.in_(CATEGORIES),
            Ticket.window_start < last,
            Ticket.window_end.is_(None),
            readable(actor),
        )
        .order_by(Ticket.number)
    ).all()
    links = _links(session, {row.number: row.window_start for row in rows}) if rows else {}
    end = datetime.max.replace(tzinfo=UTC)
    return [Window(row.number, row.window_start, end, links.get(row.number, ())) for row in rows]


def _sites(session: Session, numbers: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    rows = session.execute(
        select(TicketSite.ticket_number, func.coalesce(Site.key, TicketSite.name))
        .outerjoin(Site, Site.id == TicketSite.site_id)
        .where(TicketSite.ticket_number.in_(numbers))
        .order_by(TicketSite.ticket_number, TicketSite.position)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for number, name in rows:
        found[number].append(name)
    return {number: tuple(names) for number, names in found.items()}


def _sign_offs(session: Session, changes: Collection[int]) -> Mapping[int, Mapping[str, int]]:
    """How many sites gave each answer to these changes; "" = none yet."""
    if not changes:
        return {}
    rows = session.execute(
        select(Acknowledgement.ticket_number, Acknowledgement.answer, func.count())
        .where(Acknowledgement.ticket_number.in_(changes))
        .group_by(Acknowledgement.ticket_number, Acknowledgement.answer)
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for number, answer, count in rows:
        found[number][answer] = count
    return found
