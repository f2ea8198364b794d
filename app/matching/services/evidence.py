"""What tickets state about one link, or one site: the rows from which matches are computed.

The links, sites and interval of a duplicate count for its master. Test tickets and cancelled
maintenances are ignored (``app.matching.rules.matching``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from app.calendar.services.calendar import is_cancelled
from app.core.database.expressions import fast_time
from app.core.figures.frames import (
    BY_LINK,
    BY_SITE,
    EPOCH,
    FOREVER,
    NEVER,
    NOBODY,
    micros,
)
from app.matching.rules.matching import documents_by_site, is_evidence
from app.matching.services.number_rows import columns_of, rows_of, times_of
from app.registry.models.registry import Link, Site
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.relations import BondKind
from app.tickets.rules.tickets import CLOSED_STATES, Category

_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class End:
    """An end of a link, and when it was a T1 (microseconds; never: both are ``FOREVER``)."""

    id: int
    since: int
    until: int


@dataclass(frozen=True)
class MatchTarget:
    """A link, or a site for the events that name no link."""

    kind: str
    """link or site."""
    id: int
    network: str = ""
    valid_from: int = NEVER
    valid_until: int = FOREVER
    ends: tuple[End, ...] = ()
    time_zone: str = "UTC"
    """The time zone of the responsible site, for tickets without one."""

    @property
    def row(self) -> tuple[Any, ...]:
        """As a row of THINGS."""
        ends = (*self.ends, End(NOBODY, FOREVER, FOREVER), End(NOBODY, FOREVER, FOREVER))
        return (
            *(self.id, self.kind == "link", self.valid_from, self.valid_until),
            *(ends[0].id, ends[0].since, ends[0].until),
            *(ends[1].id, ends[1].since, ends[1].until),
        )


def target_of(session: Session, kind: str, thing_id: int) -> MatchTarget:
    """The link or site with the facts that matching needs."""
    if kind == "site":
        site = session.execute(select(Site.time_zone).where(Site.id == thing_id)).one()
        return MatchTarget(kind, thing_id, time_zone=site.time_zone)
    link = session.execute(
        select(
            Link.network,
            Link.valid_from,
            Link.valid_until,
            Link.end_a_id,
            Link.end_b_id,
            Link.responsible_site_id,
        ).where(Link.id == thing_id)
    ).one()
    sites = {
        row.id: row
        for row in session.execute(
            select(Site.id, Site.tier, Site.tier_since, Site.tier_until, Site.time_zone).where(
                Site.id.in_({link.end_a_id, link.end_b_id, link.responsible_site_id} - {None})
            )
        )
    }
    ends = tuple(_end(sites[site]) for site in (link.end_a_id, link.end_b_id))
    t1s = [end.id for end in ends if end.since < FOREVER]
    responsible = link.responsible_site_id or (t1s[0] if t1s else link.end_a_id)
    return MatchTarget(
        kind,
        thing_id,
        link.network,
        _midnight(link.valid_from, NEVER),
        _midnight(link.valid_until, FOREVER),
        ends,
        sites[responsible].time_zone,
    )


def _end(site: _Row) -> End:
    if site.tier != 1:
        return End(site.id, FOREVER, FOREVER)
    return End(site.id, _midnight(site.tier_since, NEVER), _midnight(site.tier_until, FOREVER))


def _midnight(day: date | None, missing: int) -> int:
    return missing if day is None else micros(datetime.combine(day, time(), UTC))


def evidence_of(
    session: Session, thing: MatchTarget, among: Collection[int] | None = None
) -> Sequence[tuple[Any, ...]]:
    """Rows of EVIDENCE for this link or site: of all tickets, or of these, which must include every
    master and all its duplicates if they include one of them."""
    found: list[tuple[Any, ...]] = []
    if thing.kind == "link":
        found += _said(session, thing, _naming_link(thing.id, among), BY_LINK, {})
        named = {end.id: end for end in thing.ends if end.since < FOREVER}
    else:
        named = {thing.id: End(thing.id, NEVER, FOREVER)}
    if named:
        found += _said(session, thing, _naming_sites(named, among), BY_SITE, named)
    return found


_bond = aliased(TicketRelation)


def _of_duplicate(number: Any) -> ColumnElement[bool]:
    return and_(_bond.kind == BondKind.DUPLICATE, _bond.ticket_number == number)


def _naming_link(link: int, among: Collection[int] | None) -> Select[int, int]:
    """The masters of the tickets that name a link; ``site`` is ""."""
    return (
        select(
            func.coalesce(_bond.other_number, TicketLink.ticket_number).label("master"),
            TicketLink.link_id.label("site"),
        )
        .outerjoin(_bond, _of_duplicate(TicketLink.ticket_number))
        .where(TicketLink.link_id == link, _is_one(TicketLink.ticket_number, among))
        .distinct()
    )


def _is_one(number: Any, among: Collection[int] | None) -> ColumnElement[bool]:
    return true() if among is None else number.in_(among)


def _naming_sites(sites: Collection[int], among: Collection[int] | None) -> Select[int, int]:
    """The masters of tickets that name one of these sites, if none of the group names a link."""
    naming = (
        select(
            func.coalesce(_bond.other_number, TicketSite.ticket_number).label("master"),
            TicketSite.site_id.label("site"),
        )
        .outerjoin(_bond, _of_duplicate(TicketSite.ticket_number))
        .where(TicketSite.site_id.in_(sites), _is_one(TicketSite.ticket_number, among))
        .distinct()
    )
    named = naming.subquery("named")
    own = aliased(TicketLink)
    lent, lent_link = aliased(TicketRelation), aliased(TicketLink)
    return select(named.c.master, named.c.site).where(
        ~exists().where(own.ticket_number == named.c.master),
        ~exists().where(
            lent.other_number == named.c.master,
            lent.kind == BondKind.DUPLICATE,
            lent_link.ticket_number == lent.ticket_number,
        ),
    )


def _members(naming: Select[int, int]) -> Subquery:
    """The tickets of the groups: each master itself, and its duplicates."""
    masters = naming.cte("masters")
    lent = aliased(TicketRelation)
    return union_all(
        select(masters.c.master, masters.c.site, masters.c.master.label("number")),
        select(masters.c.master, masters.c.site, lent.ticket_number).join(
            lent,
            and_(lent.other_number == masters.c.master, lent.kind == BondKind.DUPLICATE),
        ),
    ).subquery("members")


def _said(
    session: Session,
    thing: MatchTarget,
    naming: Select[int, int],
    how: int,
    sites: Mapping[int, End],
) -> Sequence[tuple[Any, ...]]:
    members = _members(naming)
    responsible = aliased(Site)
    start, end = ticket_interval_columns()
    rows = rows_of(
        session,
        select(
            members.c.master,
            members.c.site,
            Ticket.number,
            Ticket.category,
            Ticket.network,
            responsible.time_zone,
            or_(Ticket.category != Category.MAINTENANCE, ~is_cancelled()).label("took_place"),
            *(fast_time(one) for one in (start, end, Ticket.created_at)),
        )
        .join(Ticket, Ticket.number == members.c.number)
        .outerjoin(responsible, responsible.id == Ticket.responsible_site_id),
    )
    if not rows:
        return []
    heads = {row.master: row for row in rows if row.master == row.number}
    sound = {
        number
        for number, row in heads.items()
        if _is_sound(row)
        and (how != BY_SITE or documents_by_site(row.category, row.network, thing.network))
    }
    *_, starts, ends, created = columns_of(rows, 10)
    begins = times_of(starts)
    until = np.maximum(times_of(ends, FOREVER), begins).tolist()
    created_at = dict(zip([row.number for row in rows], times_of(created).tolist(), strict=True))
    zones = {name: ZoneInfo(name) for name in {row.time_zone or thing.time_zone for row in rows}}
    found: list[tuple[Any, ...]] = []
    for row, begin, end_at in zip(rows, begins.tolist(), until, strict=True):
        if row.master not in sound or not (row.master == row.number or _is_sound(row)):
            continue
        zone = zones[row.time_zone or thing.time_zone]
        offset = (EPOCH + timedelta(microseconds=begin)).astimezone(zone).utcoffset()
        site = sites.get(row.site)
        found.append(
            (
                *(row.master, thing.id, begin, end_at, how),
                NOBODY if site is None else site.id,
                *((NEVER, FOREVER) if site is None else (site.since, site.until)),
                0 if offset is None else int(offset.total_seconds()) * 1_000_000,
                heads[row.master].category == Category.MAINTENANCE,
                created_at[row.master],
            )
        )
    return found


def ticket_interval_columns() -> tuple[ColumnElement[datetime], ColumnElement[datetime | None]]:
    """``app.matching.rules.matching.ticket_interval`` as columns for many tickets; the reader must
    replace an end before the start by the start."""
    ended = case((Ticket.state.in_(CLOSED_STATES), Ticket.ended_at))
    return (
        func.coalesce(Ticket.event_start, Ticket.window_start, Ticket.created_at),
        func.coalesce(Ticket.event_end, Ticket.window_end, ended),
    )


def _is_sound(row: _Row) -> bool:
    return is_evidence(
        row.category,
        ended_unsolved=not row.took_place,
        is_duplicate=row.master != row.number,
    )


def sound_masters(session: Session, numbers: Collection[int]) -> Mapping[int, tuple[int, bool]]:
    """For each of these tickets that can document anything: its master (or itself), and whether
    that is a maintenance. Tickets whose master can document nothing are omitted."""
    if not numbers:
        return {}
    rows = session.execute(
        select(Ticket.number.label("asked"), _bond.other_number.label("other"))
        .outerjoin(_bond, _of_duplicate(Ticket.number))
        .where(Ticket.number.in_(numbers))
    ).all()
    masters = {row.asked: row.other or row.asked for row in rows}
    heads = {
        row.number: row
        for row in session.execute(
            select(
                Ticket.number,
                Ticket.number.label("master"),
                Ticket.category,
                or_(Ticket.category != Category.MAINTENANCE, ~is_cancelled()).label("took_place"),
            ).where(Ticket.number.in_(set(masters.values())))
        )
    }
    return {
        requested: (number, heads[number].category == Category.MAINTENANCE)
        for requested, number in masters.items()
        if _is_sound(heads[number])
    }
