"""Reckons only what a few changed tickets stand beside: their links keep everything else.

The detected events are taken as they are kept. It gives the same as reckoning the links whole
(``app.matching.services.recompute``); a link whose events changed too is reckoned whole. Events
beside which there are as many tickets as are kept are reckoned with the tickets of the whole link.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.figures import frames
from app.matching.figures.documenting import decide, in_force, pairs_of
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket, HandMade
from app.matching.rules.matching import MOST_KEPT, SHIFT_SLACK, SHIFTS, How, MatchingRule
from app.matching.services.evidence import evidence_of, thing_of
from app.matching.services.recompute import decisions, pair_rows, rule_row
from app.matching.services.result_diff import PAIR_COLUMNS, Difference, Reckoned, parts_of, write
from app.tickets.models.tickets import Ticket, TicketLink
from app.tickets.rules.tickets import Category

_CROWDED_AT_ONCE: Final = 10_000
"""Events that are matched together with all tickets of their link, which are read only once."""
_DETECTED: Final = ("id", "thing", "start", "end", "rule")
_MEMBERS: Final = ("event", "detected")
_STRENGTH: Final = tuple(How)
_TICKET, _HOW, _DOCUMENTS = (
    PAIR_COLUMNS.index(name) for name in ("ticket_number", "how", "documents")
)
_START, _END, _OFFSET = (frames.EVIDENCE.index(name) for name in ("start", "end", "offset"))


def reckon_tickets(
    session: Session,
    kind: str,
    thing_id: int,
    tickets: Collection[int],
    rules: Sequence[MatchingRule],
    now: datetime,
) -> Reckoned:
    """Match these tickets (masters with all of their duplicates) with the events of one link or
    site anew, in the caller's transaction, as ``matching_kept.reckon`` does with all."""
    session.flush()
    difference = difference_of_tickets(session, kind, thing_id, tickets, rules, now)
    return write(session, (kind, thing_id), difference)


def difference_of_tickets(
    session: Session,
    kind: str,
    thing_id: int,
    tickets: Collection[int],
    rules: Sequence[MatchingRule],
    now: datetime,
    only: int | None = None,
) -> Difference:
    """The same, and by what it differs from what is kept; writes nothing.

    Of ``only`` one detected event, whatever other tickets are to be beside it then.
    """
    thing = thing_of(session, kind, thing_id)
    ours = (DetectedEvent.link_id if kind == "link" else DetectedEvent.site_id) == thing_id
    if only is not None:
        ours = and_(ours, DetectedEvent.id == only)
    evidence = evidence_of(session, thing, tickets)
    old = _old_pairs(session, and_(ours, EventTicket.ticket_number.in_(tickets)))
    hand, members = _by_hand(session, and_(ours, HandMade.ticket_number.in_(tickets)))
    detected = _detected(session, thing_id, ours, evidence, tickets, rules)
    if not detected:
        return Difference()
    new = _matched(session, detected, evidence, hand, members, rules, now)
    crowded = _crowded(session, [row[0] for row in detected], old, new)
    if crowded and only is None:
        # a ticket that leaves lets the next one in, and one that comes may drive another out
        old = {key: row for key, row in old.items() if key[0] not in crowded}
        new = {key: row for key, row in new.items() if key[0] not in crowded}
        every = evidence_of(session, thing)
        for some in parts_of(sorted(crowded), _CROWDED_AT_ONCE):
            among = set(some)
            of_some = [row for row in detected if row[0] in among]
            hand, members = [], []
            for few in parts_of(some):
                old |= _old_pairs(session, DetectedEvent.id.in_(few))
                decided, belong = _by_hand(session, DetectedEvent.id.in_(few))
                hand += decided
                members += belong
            new |= _matched(session, of_some, every, hand, members, rules, now)
    off = [key for key, row in old.items() if new.get(key) != row]
    on = [row for key, row in new.items() if old.get(key) != row]
    # a ticket that became a maintenance marks its events, and stands beside them as before
    marks = _marks(session, {key[0] for key in (*old, *new)}, off, on, now)
    return Difference(pairs_off=off, pairs_on=on, marks=marks)


def _matched(
    session: Session,
    detected: Sequence[tuple[int, ...]],
    evidence: Sequence[tuple[Any, ...]],
    hand: list[HandMade],
    members: Sequence[tuple[int, int]],
    rules: Sequence[MatchingRule],
    now: datetime,
) -> dict[tuple[int, int], tuple[Any, ...]]:
    """Rows of ``event_tickets`` of these events and this evidence alone, by event and ticket."""
    decided, reasons = decisions(session, hand)
    held = in_force(frames.frame(_MEMBERS, members), frames.frame(frames.DECISIONS, decided))
    pairs = pairs_of(
        frames.frame(_DETECTED, detected),
        frames.frame(frames.EVIDENCE, evidence),
        frames.frame(frames.RULES, [rule_row(rule) for rule in rules]),
        frames.micros(now),
        held,
        MOST_KEPT,
    )
    return dict(pair_rows(session, decide(pairs, held), reasons))


def _crowded(
    session: Session,
    detected: Sequence[int],
    old: Collection[tuple[int, int]],
    new: Collection[tuple[int, int]],
) -> set[int]:
    """Events beside which not all tickets may be kept, before or now: only as many of a kind are,
    and where there are fewer of all kinds together nothing was left out."""
    kept: Counter[int] = Counter()
    for some in parts_of(detected):
        rows = session.execute(
            select(EventTicket.detected_id, func.count())
            .where(EventTicket.detected_id.in_(some))
            .group_by(EventTicket.detected_id)
        )
        kept.update({row[0]: row[1] for row in rows})
    after = kept + Counter(one for one, _ in new)
    after.subtract(one for one, _ in old)
    return {one for one in detected if kept[one] >= MOST_KEPT or after[one] > MOST_KEPT}


def _old_pairs(
    session: Session, which: ColumnElement[bool]
) -> dict[tuple[int, int], tuple[Any, ...]]:
    """The kept rows for which this holds, by event and ticket."""
    rows = session.execute(
        select(*(getattr(EventTicket, name) for name in PAIR_COLUMNS))
        .join(DetectedEvent, DetectedEvent.id == EventTicket.detected_id)
        .where(which)
    )
    return {(row.detected_id, row.ticket_number): tuple(row) for row in rows}


def _by_hand(
    session: Session, which: ColumnElement[bool]
) -> tuple[list[HandMade], Sequence[tuple[int, int]]]:
    """The decisions for which this holds, and where their events belong."""
    rows = session.execute(
        select(HandMade, EventOfDetected.detected_id)
        .join(EventOfDetected, EventOfDetected.event_id == HandMade.event_id)
        .join(DetectedEvent, DetectedEvent.id == EventOfDetected.detected_id)
        .where(which)
    ).all()
    members = {(row.event_id, detected) for row, detected in rows}
    return [row for row, _ in rows], sorted(members)


def _detected(
    session: Session,
    thing_id: int,
    ours: ColumnElement[bool],
    evidence: Sequence[tuple[Any, ...]],
    tickets: Collection[int],
    rules: Sequence[MatchingRule],
) -> Sequence[tuple[int, ...]]:
    """The kept events that lie where this evidence may reach, and those beside which these tickets
    stand or are to stand by a decision."""
    near = _near(evidence, tickets, rules)
    places = {rule.version: place for place, rule in enumerate(rules)}
    columns = (DetectedEvent.id, DetectedEvent.start, DetectedEvent.end)
    return [
        (number, thing_id, frames.micros(start), frames.micros(end), places[version])
        for number, start, end, version in session.execute(
            select(*columns, DetectedEvent.rule_version).where(ours, near)
        )
    ]


def _near(
    evidence: Sequence[tuple[Any, ...]], tickets: Collection[int], rules: Sequence[MatchingRule]
) -> ColumnElement[bool]:
    """The condition that an event is one of these."""
    # not by their ids, which may be more than a statement takes
    beside = select(EventTicket.detected_id).where(EventTicket.ticket_number.in_(tickets))
    decided = (
        select(EventOfDetected.detected_id)
        .join(HandMade, HandMade.event_id == EventOfDetected.event_id)
        .where(HandMade.ticket_number.in_(tickets))
    )
    wanted: list[ColumnElement[bool]] = [
        DetectedEvent.id.in_(beside),
        DetectedEvent.id.in_(decided),
    ]
    if evidence:
        reach = max(
            *(rule.tolerance for rule in rules),
            *(abs(shift) for shift in SHIFTS),
            *(timedelta(microseconds=abs(row[_OFFSET])) for row in evidence),
        )
        reach += SHIFT_SLACK
        first = frames.moment_of(min(row[_START] for row in evidence)) - reach
        last = max(row[_END] for row in evidence)
        near = or_(DetectedEvent.end.is_(None), DetectedEvent.end >= first)
        if last < frames.FOREVER:
            near = and_(near, DetectedEvent.start <= frames.moment_of(last) + reach)
        wanted.append(near)
    return or_(*wanted)


def count_rows(
    session: Session,
    kind: str,
    thing_id: int,
    tickets: Collection[int],
    rules: Sequence[MatchingRule],
    most: int,
) -> int:
    """How many events of this link or site these tickets may concern, and the tickets of the link
    where all of them are to be looked at; few more than ``most`` are counted."""
    ours = (DetectedEvent.link_id if kind == "link" else DetectedEvent.site_id) == thing_id
    evidence = evidence_of(session, thing_of(session, kind, thing_id), tickets)
    which = select(DetectedEvent.id).where(ours, _near(evidence, tickets, rules))
    ids = session.scalars(which.limit(most + 1)).all()
    if len(ids) > most or kind != "link":
        return len(ids)
    for some in parts_of(ids):
        crowded = (
            select(EventTicket.detected_id)
            .where(EventTicket.detected_id.in_(some))
            .group_by(EventTicket.detected_id)
            .having(func.count() >= MOST_KEPT)
        )
        if session.scalar(crowded.limit(1)) is not None:
            all_of_link = select(TicketLink.id).where(TicketLink.link_id == thing_id)
            return len(ids) + len(session.scalars(all_of_link.limit(most + 1)).all())
    return len(ids)


def _marks(
    session: Session,
    ids: Collection[int],
    off: Collection[tuple[int, int]],
    on: Sequence[tuple[Any, ...]],
    now: datetime,
) -> list[tuple[Any, ...]]:
    """Whether and how these events are documented once these tickets are off and on; only of those
    of which it differs."""
    beside: dict[tuple[int, int], str] = {}
    for some in parts_of(sorted(ids)):
        rows = session.execute(
            select(EventTicket.detected_id, EventTicket.ticket_number, EventTicket.how).where(
                EventTicket.detected_id.in_(some), EventTicket.documents.is_(True)
            )
        )
        beside |= {(one, number): how for one, number, how in rows}
    for key in off:
        beside.pop(key, None)
    beside |= {(row[0], row[_TICKET]): row[_HOW] for row in on if row[_DOCUMENTS]}
    maintenances = _maintenances(session, {number for _, number in beside})
    found: dict[int, tuple[bool, bool, str]] = dict.fromkeys(ids, (False, False, How.NONE))
    for (one, number), how in beside.items():
        _, maintenance, best = found[one]
        strongest = min(How(how), How(best), key=_STRENGTH.index)
        found[one] = (True, maintenance or number in maintenances, strongest)
    marks: list[tuple[Any, ...]] = []
    for some in parts_of(sorted(ids)):
        kept = session.execute(
            select(
                DetectedEvent.id,
                DetectedEvent.is_documented,
                DetectedEvent.is_maintenance,
                DetectedEvent.how,
            ).where(DetectedEvent.id.in_(some))
        ).all()
        for row in kept:
            documented, maintenance, best = found[row.id]
            if tuple(row[1:]) != found[row.id]:
                marks.append((row.id, documented, maintenance, str(best), now))
    return marks


def _maintenances(session: Session, tickets: Collection[int]) -> set[int]:
    found: set[int] = set()
    for some in parts_of(sorted(tickets)):
        found |= set(
            session.scalars(
                select(Ticket.number).where(
                    Ticket.number.in_(some), Ticket.category == Category.MAINTENANCE
                )
            )
        )
    return found
