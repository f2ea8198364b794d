"""Computes the matches of one link (or site) from its events and tickets, and the difference from
what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Table, and_, select
from sqlalchemy.orm import Session

from app.core.database.expressions import fast_time
from app.core.figures import frames
from app.core.rules.language import _
from app.events.models.events import Event
from app.matching.figures.matching import Matched, match_events
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket, HandMade
from app.matching.rules.matching import MAX_KEPT, Decision, How, MatchingRule, why_in_words
from app.matching.services.affected_links import Target, Touched, with_duplicates
from app.matching.services.evidence import MatchTarget, evidence_of, sound_masters, target_of
from app.matching.services.number_rows import (
    columns_of,
    parts_of,
    rows_of,
    stored_rows,
    times_of,
)
from app.matching.services.result_diff import COMPUTED, Difference
from app.matching.services.rules import rules_in_order
from app.registry.models.registry import Site

_BY_TICKETS: Final = frozenset({"changes_at", "is_documented", "how"})
"""Columns of a detected event that depend on tickets, except the one that decides duties."""
_COMPUTED_NAMES: Final = [one.name for one in COMPUTED]
_CHANGES_AT: Final = _COMPUTED_NAMES.index("changes_at")
_STATES: Final = {"degraded": frames.DEGRADED, "down": frames.DOWN}
_STATE_NAMES: Final = {number: name for name, number in _STATES.items()}
_HOWS: Final = {
    frames.BY_LINK: How.LINK,
    frames.BY_SITE: How.SITE,
    frames.BY_HAND: How.HAND,
    frames.BY_NONE: How.NONE,
}
_detected = cast(Table, DetectedEvent.__table__)
_members = cast(Table, EventOfDetected.__table__)
_pairs = cast(Table, EventTicket.__table__)


def difference_of(session: Session, target: Target, now: datetime) -> Difference:
    """How the matches of a link or site, with its current events and tickets, differ from what is
    stored; writes nothing."""
    of = target_of(session, *target)
    ours = (_detected.c.site_id if of.kind == "site" else _detected.c.link_id) == of.id
    stored = {row[0]: row for row in stored_rows(session, COMPUTED, ours)}
    return _difference(session, of, ours, stored, _events(session, of), None, now)


def difference_by_tickets(
    session: Session, target: Target, touched: Touched, now: datetime
) -> Difference | None:
    """The same if only these tickets changed, for these detected events alone; None if that is not
    enough and the link has to be computed completely.

    The stored rows of other tickets do not change. If the limit of stored tickets of a kind is
    reached, another one replaces one that is removed: then all tickets of the link are read.
    """
    of = target_of(session, *target)
    ours = _detected.c.id.in_(touched.events)
    stored = {row[0]: row for row in stored_rows(session, COMPUTED, ours)}
    at = frames.micros(now)
    if any(row[_CHANGES_AT] is not None and row[_CHANGES_AT] <= at for row in stored.values()):
        return None
    beside = _belonging(session, ours, _pairs)
    counts = Counter(row[0] for row in beside)
    some: Collection[int] | None = touched.tickets | with_duplicates(
        session, {row[1] for row in beside}
    )
    if any(row[1] in touched.tickets and counts[row[0]] >= MAX_KEPT for row in beside):
        some = None
    events = _events(session, of, touched.events)
    found = _difference(session, of, ours, stored, events, some, now)
    if found.left or found.gone or found.new or found.members:
        return None  # an event changed as well, and is examined later
    differs = []
    for row in found.differs:
        before = stored[row[0]]
        if any(
            one != other
            for name, one, other in zip(_COMPUTED_NAMES, before, row, strict=True)
            if name not in _BY_TICKETS
        ):
            return None
        # other tickets may change it earlier than these
        times = [one for one in (before[_CHANGES_AT], row[_CHANGES_AT]) if one is not None]
        row = (*row[:_CHANGES_AT], min(times, default=None), *row[_CHANGES_AT + 1 :])
        if row != before:
            differs.append(row)
    found = replace(found, differs=differs)
    return found if len([*found.batches()]) < 2 else None  # otherwise it is written in parts


def _difference(
    session: Session,
    of: MatchTarget,
    ours: ColumnElement[bool],
    stored: Mapping[int, tuple[Any, ...]],
    events: Any,
    among: Collection[int] | None,
    now: datetime,
) -> Difference:
    rules = rules_in_order(session)
    decided, reasons = _decisions(session, [*events["id"]])
    evidence = [*evidence_of(session, of, among)] if len(events) else ()
    found = match_events(
        events,
        frames.frame(frames.THINGS, [of.row]),
        frames.frame(frames.EVIDENCE, evidence),
        frames.frame(frames.DECISIONS, decided),
        frames.frame(frames.RULES, [_rule_row(rule) for rule in rules]),
        frames.micros(now),
        MAX_KEPT,
    )
    return Difference.of(
        now,
        stored,
        {row[0]: row for row in _detected_rows(of, found, rules)},
        dict(_belonging(session, ours, _members)),
        dict(zip(found.members["event"].tolist(), found.members["detected"].tolist(), strict=True)),
        {row[:2]: row for row in _belonging(session, ours, _pairs)},
        {row[:2]: row for row in _pair_rows(session, found, reasons)},
    )


def _rule_row(rule: MatchingRule) -> tuple[int, ...]:
    """A row of RULES."""
    lengths = (rule.gap, rule.minimal, rule.tolerance)
    return (
        *(rule.version, frames.micros(rule.valid_from)),
        *(length // timedelta(microseconds=1) for length in lengths),
    )


def _events(session: Session, of: MatchTarget, among: Collection[int] | None = None) -> Any:
    """EVENTS: all that are down or degraded and not withdrawn, or only those that belong to these
    detected events."""
    which: ColumnElement[bool] = Event.link_id == of.id
    if of.kind == "site":
        # an unresolved link hides its site: it is not the site's own event
        which = and_(Event.site_id == of.id, Event.link_id.is_(None), Event.link_text == "")
    times = (fast_time(one) for one in (Event.start, Event.end))
    query = select(Event.id, Event.state, *times).where(
        which, Event.state.in_(_STATES), Event.withdrawn_at.is_(None)
    )
    if among is not None:
        members = select(EventOfDetected.event_id).where(EventOfDetected.detected_id.in_(among))
        query = query.where(Event.id.in_(members))
    rows = rows_of(session, query)
    ids, states, starts, ends = columns_of(rows, 4)
    columns = (
        *(ids, [of.id] * len(ids), times_of(starts)),
        *(times_of(ends, frames.FOREVER), [_STATES[one] for one in states]),
    )
    return frames.frame(frames.EVENTS, [*zip(*columns, strict=True)])


def _decisions(
    session: Session, events: Sequence[int]
) -> tuple[Sequence[tuple[Any, ...]], Sequence[HandMade]]:
    """Rows of DECISIONS about these events, and the decisions by their ``order``."""
    found = [
        row
        for some in parts_of(events)
        for row in session.scalars(select(HandMade).where(HandMade.event_id.in_(some)))
    ]
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
    of: MatchTarget, found: Matched, rules: Sequence[MatchingRule]
) -> Sequence[tuple[Any, ...]]:
    """Rows of ``COMPUTED``; times as numbers."""
    detected = {name: found.detected[name].tolist() for name in found.detected}
    count = len(detected["id"])
    quarters = frames.quarters_of(found.detected["start"].to_numpy()).tolist()
    names = {one: frames.quarter_name(one) for one in set(quarters)}
    columns = {
        **{name: detected[name] for name in ("id", "start", "beginnings")},
        "link_id": [of.id if of.kind == "link" else None] * count,
        "site_id": [of.id if of.kind == "site" else None] * count,
        "end": _unless(frames.FOREVER, detected["end"]),
        "is_open": [end >= frames.FOREVER for end in detected["end"]],
        "state": [_STATE_NAMES[one] for one in detected["state"]],
        "quarter": [names[one] for one in quarters],
        "network": [of.network] * count,
        "t1_id": _unless(frames.NOBODY, detected["t1"]),
        "other_t1_id": _unless(frames.NOBODY, detected["other_t1"]),
        "is_counted": detected["counted"],
        "changes_at": _unless(frames.FOREVER, detected["changes_at"]),
        "is_maintenance": detected["maintenance"],
        "is_documented": detected["documented"],
        "how": [str(_HOWS[one]) for one in detected["how"]],
        "rule_version": [rules[one].version for one in detected["rule"]],
    }
    return [*zip(*[columns[one.name] for one in COMPUTED], strict=True)]


def _unless(nothing: int, values: Sequence[int]) -> Sequence[int | None]:
    return [None if one == nothing else one for one in values]


def _pair_rows(
    session: Session, found: Matched, reasons: Sequence[HandMade]
) -> Sequence[tuple[Any, ...]]:
    """Rows of ``event_tickets``."""
    sites = _site_names(session, set(found.pairs["site"].tolist()))
    words: dict[tuple[Any, ...], str] = {}
    rows = []
    for one in frames.rows_of(found.pairs):
        how = _HOWS[one.how]
        explained = (one.how, one.overlap, one.apart, one.within, one.shift, one.site)
        if how is How.HAND:
            said = _("by hand") if one.documents else _("unlinked by hand")
            why = f"{said}: {reasons[one.decision].reason}"
        elif (why := words.get(explained, "")) == "":
            words[explained] = why = why_in_words(
                how,
                overlap=None if one.overlap >= frames.FOREVER else _length(one.overlap),
                apart=_length(one.apart),
                within=one.within,
                shift=_length(one.shift) if one.shift else None,
                site=sites.get(one.site, ""),
            )
        seconds = 0 if one.overlap >= frames.FOREVER else one.overlap // 1_000_000
        shift = one.shift // 1_000_000 if one.shift else None
        rows.append((one.detected, one.ticket, str(how), one.documents, seconds, why, shift))
    return rows


def _length(microseconds: int) -> timedelta:
    return timedelta(microseconds=microseconds)


def _site_names(session: Session, ids: Collection[int]) -> Mapping[int, str]:
    wanted = {site for site in ids if site != frames.NOBODY}
    if not wanted:
        return {}
    rows = session.execute(select(Site.id, Site.key).where(Site.id.in_(wanted)))
    return {row.id: row.key for row in rows}


def _belonging(
    session: Session, ours: ColumnElement[bool], table: Table
) -> Sequence[tuple[Any, ...]]:
    """The stored rows of a table that belong to these detected events."""
    query = select(table).join(_detected, _detected.c.id == table.c.detected_id).where(ours)
    return [*map(tuple, rows_of(session, query))]
