"""Reckons the matching of one link (or site) anew and keeps the result: only what differs is
written, so that what stands keeps its rows and the time at which it was reckoned."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Table, and_, select
from sqlalchemy.orm import Session

from app.core.figures import frames
from app.core.rules.quarters import Quarter
from app.events.models.events import Event
from app.matching.figures.matching import Matched, match_events
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket, HandMade
from app.matching.rules.matching import MOST_KEPT, Decision, How, MatchingRule, why_in_words
from app.matching.services.evidence import Thing, evidence_of, sound_masters, thing_of
from app.matching.services.result_diff import (
    DETECTED_COLUMNS,
    PAIR_COLUMNS,
    Difference,
    Reckoned,
    parts_of,
    write,
)
from app.registry.models.registry import Site

_STATES: Final = {"degraded": frames.DEGRADED, "down": frames.DOWN}
_STATE_NAMES: Final = {number: name for name, number in _STATES.items()}
HOWS: Final = {
    frames.BY_LINK: How.LINK,
    frames.BY_SITE: How.SITE,
    frames.BY_HAND: How.HAND,
    frames.BY_NONE: How.NONE,
}
_detected = cast(Table, DetectedEvent.__table__)
_members = cast(Table, EventOfDetected.__table__)
_pairs = cast(Table, EventTicket.__table__)
_RIPENS: Final = (DETECTED_COLUMNS.index("seconds"), DETECTED_COLUMNS.index("computed_at"))
"""What the mere passing of time changes: it does not make a row differ."""


def reckon(
    session: Session,
    kind: str,
    thing_id: int,
    rules: Sequence[MatchingRule],
    now: datetime,
) -> Reckoned:
    """Match the events of a link (kind ``link``) or of a site alone (``site``) as they stand now,
    and keep it.

    In the caller's transaction, which holds the lock of ``app.matching.services.matching``.
    """
    session.flush()
    difference = difference_of(session, kind, thing_id, rules, now)
    return write(session, (kind, thing_id), difference)


def difference_of(
    session: Session,
    kind: str,
    thing_id: int,
    rules: Sequence[MatchingRule],
    now: datetime,
) -> Difference:
    """The same, and by what it differs from what is kept; writes nothing."""
    thing = thing_of(session, kind, thing_id)
    events = _events(session, thing)
    hand = [
        row
        for some in parts_of([row[0] for row in events])
        for row in session.scalars(select(HandMade).where(HandMade.event_id.in_(some)))
    ]
    decided, reasons = decisions(session, hand)
    found = match_events(
        frames.frame(frames.EVENTS, events),
        frames.frame(frames.THINGS, [thing.row]),
        frames.frame(frames.EVIDENCE, evidence_of(session, thing) if events else ()),
        frames.frame(frames.DECISIONS, decided),
        frames.frame(frames.RULES, [rule_row(rule) for rule in rules]),
        frames.micros(now),
        MOST_KEPT,
    )
    detected = _detected_rows(thing, found, rules, now)
    members = [(row.event, row.detected) for row in frames.rows_of(found.members)]
    pairs = pair_rows(session, found.pairs, reasons)
    return _difference(session, thing, detected, members, pairs)


def rule_row(rule: MatchingRule) -> tuple[int, ...]:
    """A row of RULES."""
    lengths = (rule.gap, rule.minimal, rule.tolerance)
    return (
        *(rule.version, frames.micros(rule.valid_from)),
        *(length // timedelta(microseconds=1) for length in lengths),
    )


def _events(session: Session, thing: Thing) -> Sequence[tuple[int, ...]]:
    """Rows of EVENTS: what was down or degraded, and was not withdrawn."""
    which: ColumnElement[bool] = Event.link_id == thing.id
    if thing.kind == "site":
        # a link that was named and is not known leaves its site: it is not the site's own event
        which = and_(Event.site_id == thing.id, Event.link_id.is_(None), Event.link_text == "")
    rows = session.execute(
        select(Event.id, Event.start, Event.end, Event.state).where(
            which, Event.state.in_(_STATES), Event.withdrawn_at.is_(None)
        )
    )
    return [
        (row.id, thing.id, frames.micros(row.start), frames.micros(row.end), _STATES[row.state])
        for row in rows
    ]


def decisions(
    session: Session, found: list[HandMade]
) -> tuple[Sequence[tuple[Any, ...]], Sequence[HandMade]]:
    """Rows of DECISIONS, and the decisions by their ``order``."""
    found.sort(key=lambda row: (row.at, row.event_id, row.ticket_number))
    sound = sound_masters(session, {row.ticket_number for row in found})
    rows = []
    for order, row in enumerate(found):
        master, maintenance = sound.get(row.ticket_number, (row.ticket_number, False))
        linked = row.decision == Decision.LINKED
        if linked and row.ticket_number not in sound:
            continue  # it became a test, or was cancelled: it documents nothing
        rows.append((row.event_id, master, linked, order, maintenance))
    return rows, found


def _detected_rows(
    thing: Thing, found: Matched, rules: Sequence[MatchingRule], now: datetime
) -> Mapping[int, tuple[Any, ...]]:
    rows: dict[int, tuple[Any, ...]] = {}
    at = frames.micros(now)
    for one in frames.rows_of(found.detected):
        start = frames.moment_of(one.start)
        is_open = one.end >= frames.FOREVER
        values = {
            "id": int(one.id),
            "link_id": thing.id if thing.kind == "link" else None,
            "site_id": thing.id if thing.kind == "site" else None,
            "start": start,
            "end": None if is_open else frames.moment_of(one.end),
            "is_open": is_open,
            "seconds": max(0, int(min(one.end, at) if is_open else one.end) - int(one.start))
            // 1_000_000,
            "beginnings": int(one.beginnings),
            "state": _STATE_NAMES[int(one.state)],
            "quarter": str(Quarter.of(start)),
            "network": thing.network,
            "t1_id": _id(one.t1),
            "other_t1_id": _id(one.other_t1),
            "is_counted": bool(one.counted),
            "counts_at": None
            if one.counts_at >= frames.FOREVER
            else frames.moment_of(one.counts_at),
            "is_maintenance": bool(one.maintenance),
            "is_documented": bool(one.documented),
            "how": str(HOWS[int(one.how)]),
            "rule_version": rules[int(one.rule)].version,
            "computed_at": now,
        }
        rows[int(one.id)] = tuple(values[name] for name in DETECTED_COLUMNS)
    return rows


def _id(value: int) -> int | None:
    return None if value == frames.NOBODY else int(value)


def pair_rows(
    session: Session, pairs: Any, reasons: Sequence[HandMade]
) -> Mapping[tuple[int, int], tuple[Any, ...]]:
    """Rows of ``event_tickets`` by event and ticket, of the frame PAIRS."""
    sites = _site_names(session, set(pairs["site"].tolist()))
    rows = {}
    for one in frames.rows_of(pairs):
        how = HOWS[int(one.how)]
        if how is How.HAND:
            decision = reasons[int(one.decision)]
            said = "by hand" if one.documents else "taken off by hand"
            why = f"{said}: {decision.reason}"
        else:
            both_go_on = one.overlap >= frames.FOREVER
            why = why_in_words(
                how,
                overlap=None if both_go_on else timedelta(microseconds=int(one.overlap)),
                apart=timedelta(microseconds=int(one.apart)),
                within=bool(one.within),
                shift=timedelta(microseconds=int(one.shift)) if one.shift else None,
                site=sites.get(int(one.site), ""),
            )
        values = {
            "detected_id": int(one.detected),
            "ticket_number": int(one.ticket),
            "how": str(how),
            "documents": bool(one.documents),
            "seconds": 0 if one.overlap >= frames.FOREVER else int(one.overlap) // 1_000_000,
            "why": why,
            "suspected_shift": int(one.shift) // 1_000_000 if one.shift else None,
        }
        rows[int(one.detected), int(one.ticket)] = tuple(values[name] for name in PAIR_COLUMNS)
    return rows


def _site_names(session: Session, ids: Collection[int]) -> Mapping[int, str]:
    wanted = {site for site in ids if site != frames.NOBODY}
    if not wanted:
        return {}
    rows = session.execute(select(Site.id, Site.key).where(Site.id.in_(wanted)))
    return {row.id: row.key for row in rows}


# ---- what is kept ----


def _difference(
    session: Session,
    thing: Thing,
    detected: Mapping[int, tuple[Any, ...]],
    members: Sequence[tuple[int, int]],
    pairs: Mapping[tuple[int, int], tuple[Any, ...]],
) -> Difference:
    ours = _detected.c.link_id == thing.id
    if thing.kind == "site":
        ours = _detected.c.site_id == thing.id
    old = {row.id: tuple(row) for row in session.execute(select(_detected).where(ours))}
    old_members = {
        row.event_id: row.detected_id
        for row in session.execute(
            select(_members).join(_detected, _detected.c.id == _members.c.detected_id).where(ours)
        )
    }
    old_pairs = {
        (row.detected_id, row.ticket_number): tuple(row)
        for row in session.execute(
            select(_pairs).join(_detected, _detected.c.id == _pairs.c.detected_id).where(ours)
        )
    }
    kept = dict(members)
    return Difference(
        left=[row for row in old_members.items() if row[0] not in kept],
        members=[
            (detected_id, event)
            for event, detected_id in members
            if old_members.get(event) != detected_id
        ],
        pairs_off=[key for key, row in old_pairs.items() if pairs.get(key) != row],
        gone=[(one,) for one in sorted(old.keys() - detected.keys())],
        differs=[row for one, row in detected.items() if one in old and _differs(old[one], row)],
        new=[detected[one] for one in sorted(detected.keys() - old.keys())],
        pairs_on=[row for key, row in pairs.items() if old_pairs.get(key) != row],
    )


def _differs(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    if not new[DETECTED_COLUMNS.index("is_open")]:
        return any(
            one != other
            for place, (one, other) in enumerate(zip(old, new, strict=True))
            if place != _RIPENS[1]
        )
    return any(
        one != other
        for place, (one, other) in enumerate(zip(old, new, strict=True))
        if place not in _RIPENS
    )
