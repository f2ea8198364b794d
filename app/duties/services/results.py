"""What the rules require on one link: duties, their sums, and when they change by time alone.

Computed from the link's stored matches and the stored losses of service, which are written before
(``app.duties.services.service_losses``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

import numpy as np
from sqlalchemy import ColumnElement, Table, and_, func, select, update
from sqlalchemy.orm import Session

from app.calendar.rules.lhc_calendar import running_spans
from app.calendar.services.lhc_calendar import known_periods
from app.core.database.expressions import fast_time
from app.core.figures.frames import moment_of, quarter_name, quarters_of
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
from app.duties.models.duties import Duty, DutyRipening, DutySum
from app.duties.rules.duties import ClauseKind, Lhc, Rule
from app.duties.services.registry import Registry, registry_facts
from app.duties.services.rules import InForce, content_of, forces_of, judged_versions
from app.duties.services.service_losses import stored_losses
from app.events.models.events import Event
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.services.matched_events import fulfils_condition
from app.matching.services.number_rows import (
    columns_of,
    rows_of,
    stored_rows,
    times_of,
)
from app.matching.services.result_diff import row_batches
from app.tickets.models.tickets import Ticket


@dataclass(frozen=True)
class Judgement:
    """The common data for judging every link."""

    registry: Registry
    rules: Mapping[int, Rule]
    """By version, oldest first."""
    forces: Sequence[InForce]
    running: Spans
    moment: int
    """Now, the end of everything ongoing; microseconds."""


def judgement_at(session: Session, now: datetime) -> Judgement:
    """The current rules, registry and calendar."""
    versions = judged_versions(session)
    return Judgement(
        registry_facts(session),
        {one.id: content_of(one) for one in versions},
        forces_of(versions),
        spans_of(running_spans(known_periods(session))),
        microseconds(now),
    )


@dataclass(frozen=True)
class _Facts:
    """The detected events of some links, as columns in order of their numbers."""

    events: Events
    links: Times
    is_open: Any
    t1_a: Times
    t1_b: Times
    tickets: Mapping[int, tuple[int, int]]
    """Number and creation (microseconds) of the first ticket that fulfils the duty, by event."""


def difference_of_duties(
    session: Session, judgement: Judgement, link: int
) -> Iterable[Callable[[Session], None]]:
    """How the duties of a link, their sums and the time of recomputation differ from what is
    stored, as batches that write the difference; writes nothing."""
    facts = facts_of(session, judgement, DetectedEvent.link_id == link)
    beginnings = beginnings_of(session, Event.link_id == link)
    losses = stored_losses(session, facts.events.ids.tolist(), judgement.moment)
    responsible = judgement.registry.responsible.get(link)
    duties: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    sums: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    taken: set[int] = set()
    for version, rule in judgement.rules.items():
        required = judge(rule, facts.events, beginnings, losses, judgement.running)
        judged = _judged(facts, rule, required)
        in_force = _in_force(judgement.forces, version, judged.starts).tolist()
        columns = (
            *(required.events, judged.starts, judged.due_at, required.clauses, required.amounts),
            *(required.is_unsure, required.lost_sites),
        )
        rows = zip(*[one.tolist() for one in columns], in_force, strict=True)
        for event, start, due_at, clause, amount, unsure, lost, holds in rows:
            ticket = facts.tickets.get(event, (None, None))
            is_due = holds and event not in taken
            if is_due:
                taken.add(event)
            duties[version, event] = (
                *(version, event, link, responsible, start, due_at, clause, amount, unsure),
                *(lost if lost >= 0 else None, *ticket, is_due),
            )
        for _, site, quarter, *numbers in summed(judged).itertuples(index=False):
            key = (version, link, site, quarter_name(quarter))
            sums[key] = (*key, *numbers)
    at = _ripening(judgement, facts, losses, _ends_ahead(session, link, judgement.moment))
    ripening = {} if at is None else {(link,): (link, at)}
    return (
        *row_batches(Duty, 2, _stored(session, Duty, 2, link), duties, lambda key: key[1], owned=3),
        *row_batches(DutySum, 4, _stored(session, DutySum, 4, link), sums, lambda key: key[3]),
        *row_batches(DutyRipening, 1, _stored(session, DutyRipening, 1, link), ripening, tuple),
    )


def duties_by_tickets(
    session: Session, link: int, events: Collection[int], now: datetime
) -> Iterable[Callable[[Session], None]]:
    """The same if only the tickets of these detected events changed, and no event became or stopped
    being maintenance: the duties are the same."""
    columns = cast(Table, Duty.__table__).c
    which = and_(Duty.link_id == link, Duty.event_id.in_(events))
    before = {row[:2]: row for row in stored_rows(session, columns, which)}
    if not before:
        return ()
    facts = facts_of(session, judgement_at(session, now), DetectedEvent.id.in_(events))
    sites = dict(
        zip(
            facts.events.ids.tolist(),
            zip(facts.t1_a.tolist(), facts.t1_b.tolist(), strict=True),
            strict=True,
        )
    )
    after = {
        key: (*row[:_TICKET], *facts.tickets.get(key[1], (None, None)), *row[_TICKET + 2 :])
        for key, row in before.items()
    }
    changes: dict[tuple[Any, ...], Times] = defaultdict(lambda: np.zeros(2, np.int64))
    for (version, event), row in after.items():
        change = _is_there(row) - _is_there(before[version, event])
        (quarter,) = quarters_of(np.array([row[_START]], np.int64)).tolist()
        for site in (0, *(one for one in sites[event] if one >= 0)):
            changes[version, link, site, quarter_name(quarter)] += change
    return (
        *row_batches(Duty, 2, before, after, lambda key: key[1], owned=3),
        partial(_add_to_sums, changes),
    )


def _is_there(row: Sequence[Any]) -> Times:
    """Whether the ticket of a duty exists, and whether it is late."""
    there_at = row[_TICKET + 1]
    return np.array([there_at is not None, there_at is not None and there_at > row[_DUE_AT]], int)


def _add_to_sums(changes: Mapping[tuple[Any, ...], Times], session: Session) -> None:
    for (version, link, site, quarter), change in changes.items():
        there, late = change.tolist()
        if there or late:
            session.execute(
                update(DutySum)
                .where(
                    *(DutySum.rule_version_id == version, DutySum.link_id == link),
                    *(DutySum.site_id == site, DutySum.quarter == quarter),
                )
                .values(there=DutySum.there + there, late=DutySum.late + late)
            )


_COLUMNS: Final = [one.name for one in cast(Table, Duty.__table__).c]
_START, _DUE_AT, _TICKET = (_COLUMNS.index(one) for one in ("start", "due_at", "ticket_number"))


def _stored(
    session: Session, model: type[Duty | DutySum | DutyRipening], keys: int, link: int
) -> Mapping[tuple[Any, ...], tuple[Any, ...]]:
    """The stored rows of a link by their key."""
    rows = stored_rows(session, cast(Table, model.__table__).c, model.link_id == link)
    return {row[:keys]: row for row in rows}


def facts_of(session: Session, judgement: Judgement, which: ColumnElement[bool]) -> _Facts:
    """The detected events of links that satisfy the condition."""
    rows = rows_of(
        session,
        select(
            DetectedEvent.id,
            DetectedEvent.link_id,
            fast_time(DetectedEvent.start),
            fast_time(DetectedEvent.end),
            DetectedEvent.state,
            DetectedEvent.is_maintenance,
            DetectedEvent.t1_id,
            DetectedEvent.other_t1_id,
        )
        .where(DetectedEvent.link_id.is_not(None), which)
        .order_by(DetectedEvent.id),
    )
    registry = judgement.registry
    rows = [row for row in rows if row[1] in registry.links]
    ids, keys, starts, ends, states, maintenance, t1s, others = columns_of(rows, 8)
    links = [registry.links[key] for key in keys]
    t0s = {key for key, site in registry.sites.items() if site.is_t0}
    t0_of = {link.id: next((one for one in link.ends if one in t0s), -1) for link in {*links}}
    t0 = [t0_of[key] for key in keys]
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
        np.array(maintenance, np.bool_),
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
    first = func.row_number().over(
        partition_by=EventTicket.detected_id, order_by=(Ticket.created_at, Ticket.number)
    )
    created = fast_time(Ticket.created_at)
    documenting = (
        select(EventTicket.detected_id, Ticket.number, created.label("created"), first.label("at"))
        .join(DetectedEvent, DetectedEvent.id == EventTicket.detected_id)
        .join(Ticket, Ticket.number == EventTicket.ticket_number)
        .where(fulfils_condition(), which)
        .subquery()
    )
    columns = (documenting.c.detected_id, documenting.c.number, documenting.c.created)
    rows = rows_of(session, select(*columns).where(documenting.c.at == 1))
    events, numbers, moments = columns_of(rows, 3)
    return dict(zip(events, zip(numbers, times_of(moments).tolist(), strict=True), strict=True))


def beginnings_of(session: Session, which: ColumnElement[bool]) -> Beginnings:
    """The raw starts of the events that satisfy the condition."""
    rows = rows_of(
        session,
        select(Event.link_id, fast_time(Event.start), EventOfDetected.detected_id)
        .join(EventOfDetected, EventOfDetected.event_id == Event.id)
        .where(which),
    )
    links, starts, events = columns_of(rows, 3)
    return Beginnings(np.array(links, np.int64), times_of(starts), np.array(events, np.int64))


def _judged(facts: _Facts, rule: Rule, duties: Duties) -> Judged:
    """The duties with the keys of the sums."""
    place = np.searchsorted(facts.events.ids, duties.events)
    starts = facts.events.starts[place]
    nothing = (0, int(NEVER))
    there = [facts.tickets.get(event, nothing)[1] for event in duties.events.tolist()]
    return Judged(
        facts.links[place],
        starts,
        np.array(there, np.int64),
        starts + rule.hours * 3_600_000_000,
        duties.is_unsure,
        duties.lost_sites,
        facts.t1_a[place],
        facts.t1_b[place],
    )


def _in_force(forces: Sequence[InForce], version: int, starts: Times) -> Any:
    """For each start, whether the version was in force then."""
    found = np.zeros(len(starts), np.bool_)
    for one in forces:
        if one.version_id == version:
            begins, ends = microseconds(one.begins_at), microseconds(one.ends_at)
            found |= (starts >= begins) & (starts < ends)
    return found


def _ends_ahead(session: Session, link: int, moment: int) -> list[int]:
    """Future ends of a link's events, set by a source's clock: until then they count as ongoing, as
    losses do."""
    ends = select(fast_time(Event.end)).where(
        Event.link_id == link, Event.withdrawn_at.is_(None), Event.end >= moment_of(moment)
    )
    found: list[int] = times_of([row[0] for row in rows_of(session, ends)]).tolist()
    return found


def _ripening(
    judgement: Judgement, facts: _Facts, losses: Losses, ends: Sequence[int]
) -> int | None:
    """When ongoing events on a link will be judged differently: because of their length, the LHC
    starting or stopping, the validity of a link or a T1, or an end set by a fast clock; None =
    never."""
    begins = facts.events.starts[facts.is_open].tolist()
    begins += losses.starts[losses.ends >= judgement.moment].tolist()
    if not begins:
        return min([one + 1 for one in ends], default=None)
    clauses = [clause for rule in judgement.rules.values() for clause in rule.clauses]
    lengths = {
        clause.minutes * 60_000_000 + int(clause.strictly)
        for clause in clauses
        if clause.kind != ClauseKind.FLAPS
    }
    later = [start + one for start in begins for one in lengths] + [one + 1 for one in ends]
    # a T1 may be cut off, or no longer be, because of another link
    days = [day for link in judgement.registry.links.values() for day in (link.start, link.end)]
    days += [
        day for one in judgement.registry.sites.values() for day in (one.t1_from, one.t1_until)
    ]
    later += [day + 1 for day in days if day < NEVER]
    if any(clause.lhc != Lhc.ALWAYS for clause in clauses):
        later += [one for span in judgement.running for one in span.tolist() if one < NEVER]
    return min([one for one in later if one > judgement.moment], default=None)


def ripe_links(session: Session, now: datetime, limit: int) -> set[int]:
    """Links whose open events have to be judged again by now."""
    return set(
        session.scalars(
            select(DutyRipening.link_id)
            .where(DutyRipening.at <= now)
            .order_by(DutyRipening.at)
            .limit(limit)
        )
    )
