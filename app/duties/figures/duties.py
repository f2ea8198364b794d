"""Which events require a ticket under many rules: ``app.duties.rules.duties``, for many at once.

Arrays in, arrays out; this module does not know database rows. Times are microseconds since 1970,
UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.core.figures.frames import EPOCH, quarters_of
from app.duties.figures.outages import NEVER, Losses, Spans, Times
from app.duties.rules.duties import Clause, ClauseKind, Lhc, Role, Rule, Scope

Flags = npt.NDArray[np.bool_]
MINUTE: Final = 60_000_000
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Events:
    """Detected events as columns, each once, in order of ``ids``; open ones end now."""

    ids: Times
    """The lowest number of their raw events."""
    starts: Times
    ends: Times
    is_down: Flags
    is_lhcopn: Flags
    is_backup: Flags
    at_t0: Flags
    at_t1: Flags
    is_maintenance: Flags
    in_use: Flags
    """Whether the link was in use when the event started."""


@dataclass(frozen=True)
class Beginnings:
    """Raw starts: on which link, when, and of which detected event."""

    links: Times
    starts: Times
    events: Times


@dataclass(frozen=True)
class Duties:
    """The events for which a rule requires a ticket, each once, in order of the events' numbers."""

    events: Times
    clauses: Times
    """The position of the first clause that applies."""
    amounts: Times
    """The measured value: the length in seconds, of the event or the loss; or the number of
    flaps."""
    is_unsure: Flags
    """A loss of service for which no backup was recorded."""
    lost_sites: Times
    """The T1 that was cut off; -1 = the clause is not about a loss."""


def judge(
    rule: Rule, events: Events, beginnings: Beginnings, losses: Losses, running: Spans
) -> Duties:
    """Apply a rule; ``running`` are the joined spans in which the detectors run."""
    count = len(events.ids)
    clause_of = np.full(count, -1, np.int64)
    amounts, lost = np.zeros(count, np.int64), np.full(count, -1, np.int64)
    unsure = np.zeros(count, np.bool_)
    for position, clause in enumerate(rule.clauses):
        fits = _fits(clause, events) & (clause_of < 0)
        if clause.kind == ClauseKind.LOSS:
            found = _answering(clause, events, losses, running)
        elif clause.kind == ClauseKind.FLAPS:
            found = _storming(clause, events, beginnings, running)
        else:
            found = _lasting(clause, events, running)
        asks = fits & found.asks
        clause_of[asks] = position
        amounts[asks] = found.amounts[asks]
        if found.lost is not None and found.unsure is not None:
            lost[asks], unsure[asks] = found.lost[asks], found.unsure[asks]
    due = np.flatnonzero(clause_of >= 0)
    return Duties(events.ids[due], clause_of[due], amounts[due], unsure[due], lost[due])


@dataclass(frozen=True)
class _Found:
    asks: Flags
    amounts: Times
    lost: Times | None = None
    unsure: Flags | None = None


def _fits(clause: Clause, events: Events) -> Flags:
    """Whether the event's own facts satisfy the clause."""
    fits = events.in_use.copy()
    if not clause.maintenance:
        fits &= ~events.is_maintenance
    if clause.kind == ClauseKind.LOSS:
        return fits
    if clause.role != Role.ANY:
        fits &= events.is_backup == (clause.role == Role.BACKUP)
    if clause.role != Role.BACKUP:
        fits &= events.is_lhcopn
    if clause.scope == Scope.T0:
        fits &= events.at_t0
    elif clause.scope == Scope.T1:
        fits &= events.at_t1
    elif clause.scope == Scope.T0_T1:
        fits &= events.at_t0 | events.at_t1
    if clause.kind in (ClauseKind.DOWN, ClauseKind.DEGRADED):
        fits &= events.is_down == (clause.kind == ClauseKind.DOWN)
    return fits


def _lasting(clause: Clause, events: Events, running: Spans) -> _Found:
    lengths = events.ends - events.starts
    asks = _long_enough(clause, lengths) & _at_the_time(clause, events.starts, events.ends, running)
    return _Found(asks, lengths // 1_000_000)


def _long_enough(clause: Clause, lengths: Times) -> Flags:
    least = clause.minutes * MINUTE
    found: Flags = lengths > least if clause.strictly else lengths >= least
    return found


def _at_the_time(clause: Clause, starts: Times, ends: Times, running: Spans) -> Flags:
    """Whether the detectors run at some moment of each span, if the clause requires it."""
    if clause.lhc == Lhc.ALWAYS:
        return np.ones(len(starts), np.bool_)
    begins, until = running
    runs = np.zeros(len(starts), np.bool_)
    if len(begins):
        at = np.searchsorted(until, starts, side="right")
        begin = np.concatenate((begins, [NEVER]))[at]
        runs = (begin <= starts) | (begin < ends)
    return runs if clause.lhc == Lhc.RUNNING else ~runs


def _answering(clause: Clause, events: Events, losses: Losses, running: Spans) -> _Found:
    """The events that account for a loss; of several losses the first counts, certain ones before
    uncertain ones."""
    lengths = losses.ends - losses.starts
    real = _long_enough(clause, lengths) & _at_the_time(clause, losses.starts, losses.ends, running)
    order = np.lexsort((losses.starts, losses.is_unsure))
    order = order[real[order]]
    at = np.searchsorted(events.ids, losses.events[order])
    known = at < len(events.ids)
    known[known] = events.ids[at[known]] == losses.events[order][known]
    at, order = at[known], order[known]
    at, first = np.unique(at, return_index=True)
    order = order[first]
    count = len(events.ids)
    asks, amounts = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    lost, unsure = np.full(count, -1, np.int64), np.zeros(count, np.bool_)
    asks[at], amounts[at] = True, lengths[order] // 1_000_000
    lost[at], unsure[at] = losses.sites[order], losses.is_unsure[order]
    return _Found(asks, amounts, lost, unsure)


def _storming(clause: Clause, events: Events, beginnings: Beginnings, running: Spans) -> _Found:
    """The events in which a storm of flaps starts; the amount is its number of starts."""
    count = len(events.ids)
    asks, amounts = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    order = np.lexsort((beginnings.events, beginnings.starts, beginnings.links))
    links, starts = beginnings.links[order], beginnings.starts[order]
    more, total = clause.flaps, len(order)
    if total > more:
        place = np.arange(total - more)
        close = (links[place] == links[place + more]) & (
            starts[place + more] - starts[place] <= clause.minutes * MINUTE
        )
        hits = place[close]
        if len(hits):
            # spans that share a start are one storm
            is_first = np.concatenate(([True], hits[1:] > hits[:-1] + more))
            firsts = hits[is_first]
            lasts = hits[np.concatenate((np.flatnonzero(is_first)[1:] - 1, [len(hits) - 1]))] + more
            owners = beginnings.events[order][firsts]
            at = np.searchsorted(events.ids, owners)
            known = at < count
            known[known] = events.ids[at[known]] == owners[known]
            asks[at[known]] = True
            np.maximum.at(amounts, at[known], (lasts - firsts + 1)[known])
    return _Found(asks & _at_the_time(clause, events.starts, events.ends, running), amounts)


# ---------- sums

SUMS: Final = ("link", "site", "quarter", "asked", "there", "late", "unsure", "losses")
"""Columns of ``summed``; site 0 is the whole network, each duty once."""


@dataclass(frozen=True)
class Judged:
    """The duties of one rule and the keys of the sums, as columns."""

    links: Times
    starts: Times
    """Starts of the events."""
    there_at: Times
    """When the first ticket was written; ``NEVER`` = no ticket."""
    due_at: Times
    is_unsure: Flags
    lost_sites: Times
    t1_a: Times
    """The T1 at an end of the link when the event started; the T0 if there was no T1; -1 =
    neither."""
    t1_b: Times
    """The other T1 of a link between two T1s."""


def summed(duties: Judged) -> pd.DataFrame:
    """How many tickets were required and how many exist, by link, site and quarter of the event.

    A duty on a link between two T1s counts for both, and once in the total (site 0).
    """
    there = duties.there_at < NEVER
    frame = pd.DataFrame(
        {
            "link": duties.links,
            "quarter": quarters_of(duties.starts),
            "asked": 1,
            "there": there.astype(np.int64),
            "late": (there & (duties.there_at > duties.due_at)).astype(np.int64),
            "unsure": duties.is_unsure.astype(np.int64),
            "losses": (duties.lost_sites >= 0).astype(np.int64),
        }
    )
    parts = [frame.assign(site=0)]
    parts += [
        frame[sites >= 0].assign(site=sites[sites >= 0]) for sites in (duties.t1_a, duties.t1_b)
    ]
    every = pd.concat(parts, ignore_index=True)
    groups = every.groupby(["link", "site", "quarter"], as_index=False)
    return groups[list(SUMS[3:])].sum()[list(SUMS)]


def spans_of(running: Sequence[tuple[datetime, datetime | None]]) -> Spans:
    """Spans in which the detectors run, as arrays."""
    begins = [(begin - EPOCH) // _MICROSECOND for begin, _ in running]
    ends = [NEVER if end is None else (end - EPOCH) // _MICROSECOND for _, end in running]
    return np.array(begins, np.int64), np.array(ends, np.int64)


def microseconds(moment: datetime | None) -> int:
    """A time (UTC) in microseconds since 1970; None is after everything."""
    return int(NEVER) if moment is None else (moment - EPOCH) // _MICROSECOND
