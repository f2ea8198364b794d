"""Keeps what the rules ask for: losses of service, duties and their sums, reckoned link by link.

Whoever knows that something of some links changed calls ``reckon_duties`` with them: their detected
events, matches, validity or ends, or the backups between them. A loss of service is a matter of all
links of a T1, so that a change of one link may give a duty to an event on another.

Rows are read as plain values and compared with what is kept; only what differs is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    Table,
    and_,
    bindparam,
    delete,
    extract,
    insert,
    select,
    type_coerce,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from app.domain.duty import Kind, Lhc, Rule
from app.domain.lhc_calendar import running_spans
from app.models import (
    DetectedEvent,
    Duty,
    DutyRipening,
    DutySum,
    Event,
    EventOfDetected,
    EventTicket,
    Link,
    ServiceLoss,
    Site,
    Ticket,
)
from app.services.bulk_rows import insert_rows
from app.services.duty_rules import InForce, content_of, forces_of, judged_versions
from app.services.lhc_calendar import known_periods
from app.statistics.duties import (
    Beginnings,
    Duties,
    Events,
    Judged,
    judge,
    microseconds,
    spans_of,
    summed,
)
from app.statistics.outages import (
    EVER,
    NEVER,
    NO_TIMES,
    Downs,
    LinkFacts,
    Losses,
    SiteFacts,
    Spans,
    Times,
    losses_of,
)

AT_ONCE: Final = 500
"""Keys in one statement."""
LINKS_AT_ONCE: Final = 20
"""Links whose events are held in memory together."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Rows = Sequence[Any]


@dataclass(frozen=True)
class Registry:
    """What is asked of sites and links, all of them: there are hundreds."""

    links: Mapping[int, LinkFacts]
    sites: Mapping[int, SiteFacts]
    responsible: Mapping[int, int]
    """The responsible site of each link: the recorded one, else the T1 end."""

    def t1s_at(self, links: Iterable[int]) -> set[int]:
        """The sites of which a loss may begin or end with these links."""
        found: set[int] = set()
        for key in links:
            if (link := self.links.get(key)) is None:
                continue
            found |= set(link.ends)
            if (backed := self.links.get(link.backs_up or 0)) is not None:
                found |= set(backed.ends)
        return {key for key in found if self.sites[key].t1_from < self.sites[key].t1_until}

    def links_of_t1(self, site: int) -> set[int]:
        """The links by which that T1 is reached, with what backs them up."""
        own = {key for key, link in self.links.items() if site in link.ends}
        return own | {key for key, link in self.links.items() if link.backs_up in own}


def registry_facts(session: Session) -> Registry:
    """The registry as it stands."""
    sites = {
        row.id: SiteFacts(
            row.id,
            _day(row.tier_since, EVER) if row.tier == 1 else int(EVER),
            _day(row.tier_until, NEVER) if row.tier == 1 else int(EVER),
            is_t0=row.tier == 0,
        )
        for row in session.execute(
            select(Site.id, Site.tier, Site.tier_since, Site.tier_until).order_by(Site.id)
        )
    }
    links, responsible = {}, {}
    for row in session.execute(
        select(
            *(Link.id, Link.network, Link.role, Link.end_a_id, Link.end_b_id, Link.backs_up_id),
            *(Link.valid_from, Link.valid_until, Link.responsible_site_id),
        ).order_by(Link.id)
    ):
        links[row.id] = LinkFacts(
            row.id,
            row.network,
            row.role,
            (row.end_a_id, row.end_b_id),
            row.backs_up_id,
            _day(row.valid_from, EVER),
            _day(row.valid_until, NEVER),
        )
        t1_end = row.end_b_id if sites[row.end_a_id].is_t0 else row.end_a_id
        responsible[row.id] = row.responsible_site_id or t1_end
    return Registry(links, sites, responsible)


def _day(day: date | None, otherwise: np.int64) -> int:
    return int(otherwise) if day is None else microseconds(datetime.combine(day, time(), UTC))


@dataclass(frozen=True)
class _Judgement:
    """What every link is judged by."""

    registry: Registry
    rules: Mapping[int, Rule]
    """By version, in the order in which they were made."""
    forces: Sequence[InForce]
    running: Spans
    now: datetime

    @property
    def moment(self) -> int:
        return microseconds(self.now)


def reckon_duties(session: Session, links: Collection[int], now: datetime) -> None:
    """Bring losses, duties, sums and ripenings of these links (keys) up to date; flushes nothing.

    ``now`` (UTC) ends what goes on. The caller's transaction writes.
    """
    if not links:
        return
    judgement = judgement_at(session, now)
    registry = judgement.registry
    wanted = {key for key in links if key in registry.links}
    t1s = registry.t1s_at(wanted) | _cut_off_with(session, wanted)
    wanted |= _settle_losses(session, judgement, t1s)
    for part in _parts(sorted(wanted), LINKS_AT_ONCE):
        _settle_links(session, judgement, part)


def _cut_off_with(session: Session, links: Collection[int]) -> set[int]:
    """The sites of which a loss is kept for which events of these links answer: also those that are
    no T1 any more, or that no link reaches."""
    found: set[int] = set()
    for part in _parts(sorted(links)):
        found |= set(
            session.scalars(
                select(ServiceLoss.site_id)
                .join(Event, Event.id == ServiceLoss.event_id)
                .where(Event.link_id.in_(part))
            )
        )
    return found


def judgement_at(session: Session, now: datetime) -> _Judgement:
    """Rules, registry and calendar as they stand."""
    versions = judged_versions(session)
    return _Judgement(
        registry_facts(session),
        {one.id: content_of(one) for one in versions},
        forces_of(versions),
        spans_of(running_spans(known_periods(session))),
        now,
    )


# ---------- losses of service


def _settle_losses(session: Session, judgement: _Judgement, t1s: Collection[int]) -> set[int]:
    """Keep the losses of these T1s; the links whose events answer otherwise than before."""
    if not t1s:
        return set()
    registry = judgement.registry
    found = losses_of(
        registry.links.values(),
        [one for key, one in registry.sites.items() if key in t1s or one.is_t0],
        lambda link: _downs(session, link, judgement.moment),
    )
    after = {
        (int(site), int(start)): (
            None if end >= judgement.moment else int(end),
            bool(unsure),
            int(event),
        )
        for site, start, end, unsure, event in zip(
            found.sites, found.starts, found.ends, found.is_unsure, found.events, strict=True
        )
    }
    start, end = _in_microseconds(session, ServiceLoss.start), ServiceLoss.end
    before = {
        (row[0], _number(row[1])): (_number(row[2], None), bool(row[3]), row[4])
        for row in session.execute(
            select(
                ServiceLoss.site_id,
                start,
                _in_microseconds(session, end),
                ServiceLoss.is_unsure,
                ServiceLoss.event_id,
            ).where(ServiceLoss.site_id.in_(t1s))
        )
    }
    gone = [key for key, value in before.items() if after.get(key) != value]
    new = [key for key, value in after.items() if before.get(key) != value]
    if gone:
        session.connection().execute(
            delete(ServiceLoss).where(
                ServiceLoss.site_id == bindparam("of_site"),
                ServiceLoss.start == bindparam("at", type_=ServiceLoss.start.type),
            ),
            [{"of_site": site, "at": _moment(at)} for site, at in gone],
        )
    if new:
        session.connection().execute(
            insert(cast(Table, ServiceLoss.__table__)),
            [
                {
                    "site_id": site,
                    "start": _moment(at),
                    "end": _moment(after[site, at][0]),
                    "is_unsure": after[site, at][1],
                    "event_id": after[site, at][2],
                }
                for site, at in new
            ],
        )
    changed = {before[key][2] for key in gone} | {after[key][2] for key in new}
    found_links: set[int] = set()
    for part in _parts(sorted(changed)):
        found_links |= set(session.scalars(select(Event.link_id).where(Event.id.in_(part))))
    return {key for key in found_links if key in registry.links}


def _downs(session: Session, link: int, now: int) -> Downs:
    """What was reported as down on a link; what goes on ends now."""
    rows = session.execute(
        select(
            EventOfDetected.detected_id,
            _in_microseconds(session, Event.start),
            _in_microseconds(session, Event.end),
        )
        .join(EventOfDetected, EventOfDetected.event_id == Event.id)
        .where(Event.link_id == link, Event.state == "down", Event.withdrawn_at.is_(None))
    ).all()
    events, starts, ends = _columns(rows, 3)
    return Downs(_times(starts), _times(ends, otherwise=now), np.array(events, np.int64))


# ---------- duties of links


@dataclass(frozen=True)
class _Facts:
    """The detected events of some links, side by side in order of their numbers."""

    events: Events
    links: Times
    is_open: Any
    t1_a: Times
    t1_b: Times
    tickets: Mapping[int, tuple[int, int]]
    """Number and creation (microseconds) of the first ticket that documents an event."""


def _settle_links(session: Session, judgement: _Judgement, links: Sequence[int]) -> None:
    facts = facts_of(session, judgement, DetectedEvent.link_id.in_(links))
    beginnings = beginnings_of(session, Event.link_id.in_(links))
    losses = kept_losses(session, facts, judgement.now)
    taken: set[int] = set()
    rows: dict[tuple[int, int], tuple[Any, ...]] = {}
    sums: dict[tuple[int, int, int, str], tuple[int, ...]] = {}
    for version, rule in judgement.rules.items():
        duties = judge(rule, facts.events, beginnings, losses, judgement.running)
        judged, place = _judged(facts, rule, duties)
        in_force = _in_force(judgement.forces, version, judged.starts)
        for number, at in enumerate(place):
            event = int(duties.events[number])
            link = int(facts.links[at])
            ticket = facts.tickets.get(event)
            is_due = bool(in_force[number]) and event not in taken
            lost = int(duties.lost_sites[number])
            rows[version, event] = (
                link,
                judgement.registry.responsible.get(link),
                int(judged.starts[number]),
                int(judged.due_at[number]),
                int(duties.clauses[number]),
                int(duties.amounts[number]),
                bool(duties.is_unsure[number]),
                lost if lost >= 0 else None,
                ticket[0] if ticket is not None else None,
                ticket[1] if ticket is not None else None,
                is_due,
            )
            if is_due:
                taken.add(event)
        sums.update(_sums(version, judged))
    _write_duties(session, links, rows)
    _write_sums(session, links, sums)
    _write_ripenings(session, judgement, links, facts, losses)


def facts_of(session: Session, judgement: _Judgement, which: ColumnElement[bool]) -> _Facts:
    """The detected events of links for which this holds."""
    rows = session.execute(
        select(
            DetectedEvent.id,
            DetectedEvent.link_id,
            _in_microseconds(session, DetectedEvent.start),
            _in_microseconds(session, DetectedEvent.end),
            DetectedEvent.state,
            DetectedEvent.is_maintenance,
            DetectedEvent.t1_id,
            DetectedEvent.other_t1_id,
        )
        .where(DetectedEvent.link_id.is_not(None), which)
        .order_by(DetectedEvent.id)
    ).all()
    registry = judgement.registry
    rows = [row for row in rows if row[1] in registry.links]
    ids, keys, starts, ends, states, maintenance, t1s, others = _columns(rows, 8)
    links = [registry.links[key] for key in keys]
    t0 = [next((end for end in one.ends if registry.sites[end].is_t0), -1) for one in links]
    t1_a = np.array(
        [t0_end if t1 is None else t1 for t1, t0_end in zip(t1s, t0, strict=True)], np.int64
    )
    begins = _times(starts)
    events = Events(
        np.array(ids, np.int64),
        begins,
        _times(ends, otherwise=judgement.moment),
        np.array([state == "down" for state in states], np.bool_),
        np.array([one.network == "LHCOPN" for one in links], np.bool_),
        np.array([one.role == "backup" for one in links], np.bool_),
        np.array([one >= 0 for one in t0], np.bool_),
        np.array([t1 is not None for t1 in t1s], np.bool_),
        np.array([bool(one) for one in maintenance], np.bool_),
        np.array(
            [
                one.start <= start < one.end
                for one, start in zip(links, begins.tolist(), strict=True)
            ],
            np.bool_,
        ),
    )
    return _Facts(
        events,
        np.array(keys, np.int64),
        np.array([end is None for end in ends], np.bool_),
        t1_a,
        np.array([-1 if one is None else one for one in others], np.int64),
        _first_tickets(session, which),
    )


def _first_tickets(session: Session, which: ColumnElement[bool]) -> Mapping[int, tuple[int, int]]:
    created = _in_microseconds(session, Ticket.created_at)
    rows = session.execute(
        select(EventTicket.detected_id, EventTicket.ticket_number, created)
        .join(DetectedEvent, DetectedEvent.id == EventTicket.detected_id)
        .join(Ticket, Ticket.number == EventTicket.ticket_number)
        .where(EventTicket.documents, which)
    ).all()
    events, numbers, moments = _columns(rows, 3)
    found: dict[int, tuple[int, int]] = {}
    for event, number, at in zip(events, numbers, _times(moments).tolist(), strict=True):
        known = found.get(event)
        if known is None or (at, number) < (known[1], known[0]):
            found[event] = (number, at)
    return found


def beginnings_of(session: Session, which: ColumnElement[bool]) -> Beginnings:
    """The raw beginnings of the events for which this holds."""
    rows = session.execute(
        select(Event.link_id, _in_microseconds(session, Event.start), EventOfDetected.detected_id)
        .join(EventOfDetected, EventOfDetected.event_id == Event.id)
        .where(which)
    ).all()
    links, starts, events = _columns(rows, 3)
    return Beginnings(np.array(links, np.int64), _times(starts), np.array(events, np.int64))


def kept_losses(session: Session, facts: _Facts, now: datetime) -> Losses:
    """The losses for which these events answer; one that goes on ends now."""
    rows: list[Any] = []
    for part in _parts(facts.events.ids.tolist()):
        rows += session.execute(
            select(
                ServiceLoss.site_id,
                _in_microseconds(session, ServiceLoss.start),
                _in_microseconds(session, ServiceLoss.end),
                ServiceLoss.is_unsure,
                ServiceLoss.event_id,
            ).where(ServiceLoss.event_id.in_(part))
        ).all()
    sites, starts, ends, unsure, events = _columns(rows, 5)
    return Losses(
        np.array(sites, np.int64),
        _times(starts),
        _times(ends, otherwise=microseconds(now)),
        np.array([bool(one) for one in unsure], np.bool_),
        np.array(events, np.int64),
    )


def _judged(facts: _Facts, rule: Rule, duties: Duties) -> tuple[Judged, Any]:
    """The duties with what is summed, and the places of their events."""
    place = np.searchsorted(facts.events.ids, duties.events)
    starts = facts.events.starts[place]
    there = [facts.tickets.get(event, (0, int(NEVER)))[1] for event in duties.events.tolist()]
    judged = Judged(
        facts.links[place],
        starts,
        np.array(there, np.int64),
        starts + rule.hours * 3_600_000_000,
        duties.is_unsure,
        duties.lost_sites,
        facts.t1_a[place],
        facts.t1_b[place],
    )
    return judged, place


def _in_force(forces: Sequence[InForce], version: int, starts: Times) -> Any:
    """Of each start whether the version was in force then."""
    found = np.zeros(len(starts), np.bool_)
    for one in forces:
        if one.version_id == version:
            begins, ends = microseconds(one.begins_at), microseconds(one.ends_at)
            found |= (starts >= begins) & (starts < ends)
    return found


def _sums(
    version: int, judged: Judged
) -> Iterable[tuple[tuple[int, int, int, str], tuple[int, ...]]]:
    for link, site, quarter, *numbers in summed(judged).itertuples(index=False):
        key = (version, int(link), int(site), quarter_words(int(quarter)))
        yield key, tuple(map(int, numbers))


def quarter_words(number: int) -> str:
    """``2012-Q1`` of years times 4 plus the quarter from 0."""
    return f"{number // 4:04}-Q{number % 4 + 1}"


_DUTY_FIELDS: Final = (
    "link_id",
    "site_id",
    "start",
    "due_at",
    "clause",
    "amount",
    "is_unsure",
    "lost_site_id",
    "ticket_number",
    "there_at",
    "is_due",
)
_MOMENTS: Final = frozenset({"start", "due_at", "there_at"})
_FLAGS: Final = frozenset({"is_unsure", "is_due"})
_SUM_FIELDS: Final = ("asked", "there", "late", "unsure", "losses")


def _write_duties(
    session: Session, links: Sequence[int], after: Mapping[tuple[int, int], tuple[Any, ...]]
) -> None:
    columns = [
        _in_microseconds(session, getattr(Duty, name)) if name in _MOMENTS else getattr(Duty, name)
        for name in _DUTY_FIELDS
    ]
    rows = session.execute(
        select(Duty.rule_version_id, Duty.event_id, *columns).where(Duty.link_id.in_(links))
    ).all()
    kept = dict(
        zip(("version", "event", *_DUTY_FIELDS), _columns(rows, len(columns) + 2), strict=True)
    )
    values = [
        [None if one == NEVER else one for one in _times(kept[name]).tolist()]
        if name in _MOMENTS
        else [bool(one) for one in kept[name]]
        if name in _FLAGS
        else kept[name]
        for name in _DUTY_FIELDS
    ]
    keys = zip(kept["version"], kept["event"], strict=True)
    before = dict(zip(keys, zip(*values, strict=True), strict=True))
    gone = [key for key, value in before.items() if after.get(key) != value]
    new = [key for key, value in after.items() if before.get(key) != value]
    connection = session.connection()
    # an event may have moved from another link: its row there is gone with it or not yet
    moved = [key for key in new if key not in before]
    if gone or moved:
        connection.execute(
            delete(Duty).where(
                Duty.rule_version_id == bindparam("of_version"),
                Duty.event_id == bindparam("of_event"),
            ),
            [{"of_version": version, "of_event": event} for version, event in [*gone, *moved]],
        )
    insert_rows(
        session,
        Duty,
        ("rule_version_id", "event_id", *_DUTY_FIELDS),
        [
            (
                *key,
                *(
                    _moment(value) if name in _MOMENTS else value
                    for name, value in zip(_DUTY_FIELDS, after[key], strict=True)
                ),
            )
            for key in new
        ],
    )


def _write_sums(
    session: Session,
    links: Sequence[int],
    after: Mapping[tuple[int, int, int, str], tuple[int, ...]],
) -> None:
    keys = (DutySum.rule_version_id, DutySum.link_id, DutySum.site_id, DutySum.quarter)
    before = {
        tuple(row[:4]): tuple(row[4:])
        for row in session.execute(
            select(*keys, *(getattr(DutySum, name) for name in _SUM_FIELDS)).where(
                DutySum.link_id.in_(links)
            )
        )
    }
    gone = [key for key, value in before.items() if after.get(key) != value]
    new = [key for key, value in after.items() if before.get(key) != value]
    names = ("rule_version_id", "link_id", "site_id", "quarter")
    if gone:
        session.connection().execute(
            delete(DutySum).where(
                and_(*(key == bindparam(f"of_{n}") for key, n in zip(keys, names, strict=True)))
            ),
            [{f"of_{n}": v for n, v in zip(names, key, strict=True)} for key in gone],
        )
    insert_rows(session, DutySum, (*names, *_SUM_FIELDS), [(*key, *after[key]) for key in new])


def _write_ripenings(
    session: Session,
    judgement: _Judgement,
    links: Sequence[int],
    facts: _Facts,
    losses: Losses,
) -> None:
    """When what goes on will be judged otherwise: by its length, or as the LHC begins or stops."""
    edges = sorted(
        {int(one) for span in judgement.running for one in span if judgement.moment < one < NEVER}
    )
    clauses = [clause for rule in judgement.rules.values() for clause in rule.clauses]
    lengths = {
        clause.minutes * 60_000_000 + int(clause.strictly)
        for clause in clauses
        if clause.kind != Kind.FLAPS
    }
    asks_for_lhc = any(clause.lhc != Lhc.ALWAYS for clause in clauses)
    going_on = np.flatnonzero(facts.is_open)
    begins = [*zip(facts.events.ids[going_on], facts.events.starts[going_on], strict=True)]
    still = losses.ends >= judgement.moment
    begins += zip(losses.events[still], losses.starts[still], strict=True)
    link_of = dict(zip(facts.events.ids.tolist(), facts.links.tolist(), strict=True))
    found: dict[int, int] = {}
    for event, start in begins:
        later = [int(start) + one for one in lengths if start + one > judgement.moment]
        later += edges[:1] if asks_for_lhc else []
        if later:
            link = link_of[int(event)]
            found[link] = min(found.get(link, int(NEVER)), *later)
    session.execute(delete(DutyRipening).where(DutyRipening.link_id.in_(links)))
    if found:
        session.connection().execute(
            insert(cast(Table, DutyRipening.__table__)),
            [{"link_id": link, "at": _moment(at)} for link, at in sorted(found.items())],
        )


def ripe_links(session: Session, now: datetime, limit: int) -> set[int]:
    """Links whose open events are to be judged anew by now."""
    return set(
        session.scalars(
            select(DutyRipening.link_id)
            .where(DutyRipening.at <= now)
            .order_by(DutyRipening.at)
            .limit(limit)
        )
    )


# ---------- times as numbers


def _in_microseconds(session: Session, column: Any) -> Any:
    """A time as the database gives it out fastest: SQLite's own text, else microseconds."""
    if session.get_bind().dialect.name == "sqlite":
        return type_coerce(column, String)
    return sql_cast(extract("epoch", column) * 1_000_000, BigInteger)


def _times(values: Sequence[Any], otherwise: int = int(NEVER)) -> Times:
    """Such values as numbers; ``otherwise`` for what is not set."""
    if not values:
        return NO_TIMES
    if any(isinstance(one, str) for one in values):
        known = np.array([one or "NaT" for one in values], "datetime64[us]")
        found = np.where(np.isnat(known), np.int64(otherwise), known.astype(np.int64))
        return found.astype(np.int64)
    return np.array([otherwise if one is None else one for one in values], np.int64)


def _number(value: Any, otherwise: Any = 0) -> Any:
    if value is None:
        return otherwise
    return int(_times((value,))[0])


def _moment(value: int | None) -> datetime | None:
    """Microseconds as a moment, UTC."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def _columns(rows: _Rows, count: int) -> tuple[tuple[Any, ...], ...]:
    return tuple(zip(*rows, strict=True)) if rows else ((),) * count


def _parts(keys: Sequence[int], size: int = AT_ONCE) -> Iterable[Sequence[int]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
