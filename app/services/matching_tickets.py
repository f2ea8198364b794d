"""Reckons only what a few changed tickets stand beside: their links keep everything else.

The detected events are taken as they are kept. It gives the same as reckoning the links whole
(``app.services.matching_kept``); a link whose events changed too is reckoned whole. Events beside
which there are as many tickets as are kept are reckoned with the tickets of the whole link.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.matching import MOST_KEPT, SHIFT_SLACK, SHIFTS, How, MatchingRule
from app.domain.tickets import Category
from app.models import DetectedEvent, EventOfDetected, EventTicket, HandMade, Ticket
from app.services.bulk_rows import insert_rows
from app.services.matching_evidence import evidence_of, thing_of
from app.services.matching_kept import (
    PAIR_COLUMNS,
    Reckoned,
    decisions,
    delete_pairs,
    pair_rows,
    parts_of,
    rule_row,
)
from app.statistics import frames
from app.statistics.documenting import decide, in_force, pairs_of

_DETECTED: Final = ("id", "thing", "start", "end", "rule")
_MEMBERS: Final = ("event", "detected")
_STRENGTH: Final = tuple(How)
_table = cast(Table, DetectedEvent.__table__)
_MARK: Final = (
    update(_table)
    .where(_table.c.id == bindparam("which"))
    .values(
        is_documented=bindparam("is"),
        is_maintenance=bindparam("as"),
        how=bindparam("so"),
        computed_at=bindparam("now"),
    )
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
    thing = thing_of(session, kind, thing_id)
    ours = (DetectedEvent.link_id if kind == "link" else DetectedEvent.site_id) == thing_id
    evidence = evidence_of(session, thing, tickets)
    old = _old_pairs(session, and_(ours, EventTicket.ticket_number.in_(tickets)))
    hand, members = _by_hand(session, and_(ours, HandMade.ticket_number.in_(tickets)))
    named = {one for one, _ in old} | {detected for _, detected in members}
    detected = _detected(session, thing_id, ours, evidence, named, rules)
    if not detected:
        return Reckoned(frozenset(), frozenset())
    new = _matched(session, detected, evidence, hand, members, rules, now)
    crowded = _crowded(session, [row[0] for row in detected], old, new)
    if crowded:
        # a ticket that leaves lets the next one in, and one that comes may drive another out
        old = {key: row for key, row in old.items() if key[0] not in crowded}
        new = {key: row for key, row in new.items() if key[0] not in crowded}
        every = evidence_of(session, thing)
        for some in parts_of(sorted(crowded)):
            of_some = [row for row in detected if row[0] in set(some)]
            old |= _old_pairs(session, DetectedEvent.id.in_(some))
            hand, members = _by_hand(session, DetectedEvent.id.in_(some))
            new |= _matched(session, of_some, every, hand, members, rules, now)
    off = [key for key, row in old.items() if new.get(key) != row]
    on = [row for key, row in new.items() if old.get(key) != row]
    delete_pairs(session, off)
    insert_rows(session, EventTicket, PAIR_COLUMNS, on)
    changed = {key[0] for key in off} | {row[0] for row in on}
    # a ticket that became a maintenance marks its events, and stands beside them as before
    changed |= _mark(session, {key[0] for key in (*old, *new)}, now)
    return Reckoned(frozenset(changed), frozenset())


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
    named: Collection[int],
    rules: Sequence[MatchingRule],
) -> Sequence[tuple[int, ...]]:
    """The kept events that lie where this evidence may reach, and those that are named."""
    wanted: list[ColumnElement[bool]] = []
    if named:
        wanted.append(DetectedEvent.id.in_(named))
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
    if not wanted:
        return []
    places = {rule.version: place for place, rule in enumerate(rules)}
    columns = (DetectedEvent.id, DetectedEvent.start, DetectedEvent.end)
    return [
        (number, thing_id, frames.micros(start), frames.micros(end), places[version])
        for number, start, end, version in session.execute(
            select(*columns, DetectedEvent.rule_version).where(ours, or_(*wanted))
        )
    ]


def _mark(session: Session, ids: Collection[int], now: datetime) -> set[int]:
    """Say of these events anew whether and how they are documented; those of which it differs."""
    differs: set[int] = set()
    for some in parts_of(sorted(ids)):
        found: dict[int, tuple[bool, bool, str]] = dict.fromkeys(some, (False, False, How.NONE))
        rows = session.execute(
            select(EventTicket.detected_id, EventTicket.how, Ticket.category)
            .join(Ticket, Ticket.number == EventTicket.ticket_number)
            .where(EventTicket.detected_id.in_(some), EventTicket.documents.is_(True))
        )
        for one, how, category in rows:
            _, maintenance, best = found[one]
            strongest = min(How(how), How(best), key=_STRENGTH.index)
            found[one] = (True, maintenance or category == Category.MAINTENANCE, strongest)
        kept = session.execute(
            select(
                DetectedEvent.id,
                DetectedEvent.is_documented,
                DetectedEvent.is_maintenance,
                DetectedEvent.how,
            ).where(DetectedEvent.id.in_(some))
        ).all()
        new = {row.id: found[row.id] for row in kept if tuple(row[1:]) != found[row.id]}
        if new:
            session.connection().execute(
                _MARK,
                [
                    {"which": one, "is": flag, "as": maintenance, "so": str(how), "now": now}
                    for one, (flag, maintenance, how) in new.items()
                ],
            )
        differs |= new.keys()
    return differs
