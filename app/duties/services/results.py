"""Keeps what the rules ask for: duties and their sums, reckoned link by link.

Whoever knows that something of some links changed calls ``reckon_duties`` with them: their detected
events, matches, validity or ends, or the backups between them. Losses of service, which may give a
duty to an event on another link, are settled before (``app.duties.services.service_losses``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Table,
    delete,
    insert,
    select,
)
from sqlalchemy.orm import Session

from app.calendar.rules.lhc_calendar import running_spans
from app.calendar.services.lhc_calendar import known_periods
from app.duties.figures.duties import (
    Beginnings,
    Duties,
    Events,
    Judged,
    judge,
    microseconds,
    spans_of,
    summed,
)
from app.duties.figures.outages import NEVER, Losses, Spans, Times
from app.duties.models.duties import DutyRipening
from app.duties.rules.duties import Kind, Lhc, Rule
from app.duties.services.interval_rows import (
    columns_of,
    in_microseconds,
    moment_of,
    parts_of,
    times_of,
)
from app.duties.services.registry import Registry, registry_facts
from app.duties.services.rows import Difference as DutiesDifference
from app.duties.services.rows import difference_of_duties, write_duties, write_sums
from app.duties.services.rules import InForce, content_of, forces_of, judged_versions
from app.duties.services.service_losses import Difference as LossesDifference
from app.duties.services.service_losses import (
    cut_off_with,
    difference_of_losses,
    kept_losses,
    write_losses,
)
from app.events.models.events import Event
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.tickets.models.tickets import Ticket

LINKS_AT_ONCE: Final = 20
"""Links whose events are held in memory together."""


@dataclass(frozen=True)
class Judgement:
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
    losses = losses_of_links(session, judgement, links)
    write_losses(session, losses)
    wanted = {key for key in links if key in judgement.registry.links} | losses.links
    for part in parts_of(sorted(wanted), LINKS_AT_ONCE):
        keep(session, draft(session, judgement, part))


def losses_of_links(
    session: Session, judgement: Judgement, links: Collection[int]
) -> LossesDifference:
    """By what the losses of the T1s of these links differ from what is kept; writes nothing. They
    are written before the duties are drafted."""
    registry = judgement.registry
    wanted = {key for key in links if key in registry.links}
    t1s = registry.t1s_at(wanted) | cut_off_with(session, wanted)
    return difference_of_losses(session, registry, t1s, judgement.moment)


def judgement_at(session: Session, now: datetime) -> Judgement:
    """Rules, registry and calendar as they stand."""
    versions = judged_versions(session)
    return Judgement(
        registry_facts(session),
        {one.id: content_of(one) for one in versions},
        forces_of(versions),
        spans_of(running_spans(known_periods(session))),
        now,
    )


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


@dataclass(frozen=True)
class Draft:
    """What was reckoned of the duties of some links, and is to be written."""

    links: Sequence[int]
    duties: DutiesDifference
    sums: Mapping[tuple[int, int, int, str], tuple[int, ...]]
    ripenings: Mapping[int, datetime]
    """When what goes on is to be looked at again, of each link with such an event."""


def draft(session: Session, judgement: Judgement, links: Sequence[int]) -> Draft:
    """Judge the events of these links; writes nothing."""
    facts = facts_of(session, judgement, DetectedEvent.link_id.in_(links))
    beginnings = beginnings_of(session, Event.link_id.in_(links))
    losses = kept_losses(session, facts.events.ids.tolist(), judgement.moment)
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
    ripenings = _ripenings(judgement, facts, losses)
    return Draft(links, difference_of_duties(session, links, rows), sums, ripenings)


def keep(session: Session, drafted: Draft) -> None:
    """Write it whole, in the caller's transaction."""
    write_duties(session, drafted.duties)
    keep_sums(session, drafted)


def keep_sums(session: Session, drafted: Draft) -> None:
    """Write it without the duties themselves."""
    write_sums(session, drafted.links, drafted.sums)
    session.execute(delete(DutyRipening).where(DutyRipening.link_id.in_(drafted.links)))
    if drafted.ripenings:
        session.connection().execute(
            insert(cast(Table, DutyRipening.__table__)),
            [{"link_id": link, "at": at} for link, at in sorted(drafted.ripenings.items())],
        )


def facts_of(session: Session, judgement: Judgement, which: ColumnElement[bool]) -> _Facts:
    """The detected events of links for which this holds."""
    rows = session.execute(
        select(
            DetectedEvent.id,
            DetectedEvent.link_id,
            in_microseconds(session, DetectedEvent.start),
            in_microseconds(session, DetectedEvent.end),
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
    ids, keys, starts, ends, states, maintenance, t1s, others = columns_of(rows, 8)
    links = [registry.links[key] for key in keys]
    t0 = [next((end for end in one.ends if registry.sites[end].is_t0), -1) for one in links]
    t1_a = np.array(
        [t0_end if t1 is None else t1 for t1, t0_end in zip(t1s, t0, strict=True)], np.int64
    )
    begins = times_of(starts)
    events = Events(
        np.array(ids, np.int64),
        begins,
        times_of(ends, otherwise=judgement.moment),
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
    created = in_microseconds(session, Ticket.created_at)
    rows = session.execute(
        select(EventTicket.detected_id, EventTicket.ticket_number, created)
        .join(DetectedEvent, DetectedEvent.id == EventTicket.detected_id)
        .join(Ticket, Ticket.number == EventTicket.ticket_number)
        .where(EventTicket.documents, which)
    ).all()
    events, numbers, moments = columns_of(rows, 3)
    found: dict[int, tuple[int, int]] = {}
    for event, number, at in zip(events, numbers, times_of(moments).tolist(), strict=True):
        known = found.get(event)
        if known is None or (at, number) < (known[1], known[0]):
            found[event] = (number, at)
    return found


def beginnings_of(session: Session, which: ColumnElement[bool]) -> Beginnings:
    """The raw beginnings of the events for which this holds."""
    rows = session.execute(
        select(Event.link_id, in_microseconds(session, Event.start), EventOfDetected.detected_id)
        .join(EventOfDetected, EventOfDetected.event_id == Event.id)
        .where(which)
    ).all()
    links, starts, events = columns_of(rows, 3)
    return Beginnings(np.array(links, np.int64), times_of(starts), np.array(events, np.int64))


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


def _ripenings(judgement: Judgement, facts: _Facts, losses: Losses) -> Mapping[int, datetime]:
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
    moments = {link: moment_of(at) for link, at in found.items()}
    return {link: at for link, at in moments.items() if at is not None}


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
