"""Which tickets match a detected event, and which of them document it.

A ticket is evidence for a link that it names or, if it names no link, for a link of a site that it
names. Its interval, widened by the tolerance on both sides, must share a moment with the event's;
touching is enough. If both ends are off by the same hours, the times are probably in another time
zone: such a pair is marked and, if outside the tolerance, counts only after a person confirms it.

Nothing overlaps in the future (decisions, section 9): what has not started at ``now`` documents
nothing, and two that reach ``now`` are both ongoing. So matches change with time alone, and
``changes_at`` returns when they change next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from app.core.figures.frames import (
    BY_HAND,
    BY_NONE,
    FOREVER,
    NOBODY,
    Flags,
    Times,
    columns_of,
    made,
)
from app.matching.figures.keeping import Events, beside, joined, last_of_each
from app.matching.rules.matching import SHIFT_SLACK, SHIFTS

_SHIFTS: Final = tuple(int(shift.total_seconds()) * 1_000_000 for shift in SHIFTS)
_SLACK: Final = int(SHIFT_SLACK.total_seconds()) * 1_000_000
_FARTHEST: Final = 15 * 3_600_000_000
"""How long after an event a ticket with a wrong time zone may start."""
COLUMNS: Final = (
    *("detected", "ticket", "how", "documents", "overlap", "apart"),
    *("within", "shift", "site", "maintenance"),
)


def pairs_of(
    detected: pd.DataFrame,
    evidence: pd.DataFrame,
    rules: pd.DataFrame,
    now: int,
    held: pd.DataFrame,
    most: int,
) -> pd.DataFrame:
    """PAIRS without decisions by hand: each detected event and ticket once, ordered by both.

    Of each kind at most ``most`` tickets per event are stored (``app.matching.figures.keeping``);
    ``held`` are the valid decisions, whose tickets are always stored. Of several intervals of a
    ticket (its own, and those of its duplicates) the best one counts: one that documents, else the
    one that overlaps most.
    """
    evidence = evidence[evidence["start"].to_numpy() <= now]
    starts, ends = columns_of(detected, "start", "end")
    tolerance = rules["tolerance"].to_numpy()[detected["rule"].to_numpy()]
    high = np.minimum(ends + tolerance, FOREVER)
    events = Events(detected, starts - tolerance, high, held, most)
    suspected = _suspected(detected, evidence, events)
    event, row, ticket = columns_of(suspected, "event", "row", "ticket")
    one_each = joined(evidence)
    parts = [
        _overlapping(
            detected, one_each, *beside(events, one_each, (event, ticket)), tolerance, now
        ),
        _overlapping(detected, evidence, event, row, tolerance, now),
    ]
    found = pd.concat(parts) if len(parts[1]) else parts[0]
    if not len(found):
        return _empty()
    order = np.lexsort(
        (
            *(found["site"], -found["shift"].abs(), found["apart"], -found["overlap"]),
            *(found["how"], ~found["documents"], found["ticket"], found["detected"]),
        )
    )
    keys = ["detected", "ticket"]
    found = found.iloc[order]
    best: pd.DataFrame = found.drop_duplicates(keys).reset_index(drop=True)
    # one of its intervals is off by a shift, and another one counts
    marks = found[found["shift"].to_numpy() != 0].drop_duplicates(keys)
    shift = best[keys].merge(marks[[*keys, "shift"]], on=keys, how="left")["shift"]
    return best.assign(shift=shift.fillna(0).to_numpy().astype(np.int64))


def _overlapping(
    detected: pd.DataFrame,
    evidence: pd.DataFrame,
    event: Times,
    row: Times,
    tolerance: Times,
    now: int,
) -> pd.DataFrame:
    """PAIRS of these positions of events and evidence."""
    starts, ends = [values[event] for values in columns_of(detected, "start", "end")]
    said_start, said_end, offset = [
        values[row] for values in columns_of(evidence, "start", "end", "offset")
    ]
    apart = np.maximum(np.maximum(said_start - ends, starts - said_end), 0)
    overlap = np.minimum(ends, said_end) - np.maximum(starts, said_start)
    both_go_on = (ends > now) & (said_end > now)
    within: Flags = apart <= tolerance[event]
    return made(
        {
            "detected": detected["id"].to_numpy()[event],
            "ticket": evidence["ticket"].to_numpy()[row],
            "how": evidence["how"].to_numpy()[row],
            "documents": within,
            "overlap": np.where(both_go_on, FOREVER, np.maximum(overlap, 0)),
            "apart": apart,
            "within": within,
            "shift": _shift_of(starts, ends, said_start, said_end, offset),
            "site": evidence["site"].to_numpy()[row],
            "maintenance": evidence["maintenance"].to_numpy()[row],
        }
    )


def changes_at(
    detected: pd.DataFrame, evidence: pd.DataFrame, rules: pd.DataFrame, now: int
) -> Times:
    """When time alone next changes which tickets match each event, or how: one starts, or one of
    two that are both ongoing ends; ``FOREVER`` = never.

    May be too early, if that ticket does not match the event, but never too late.
    """
    things, starts, ends = columns_of(detected, "thing", "start", "end")
    tolerance = rules["tolerance"].to_numpy()[detected["rule"].to_numpy()]
    said_start, said_end = columns_of(evidence, "start", "end")
    begins = _first_of_each(evidence, said_start, said_start > now, things)
    over = _first_of_each(evidence, said_end, (said_start <= now) & (said_end > now), things)
    is_ongoing = ends > now
    reach = np.maximum(ends + tolerance, starts + _FARTHEST)
    begins = np.where(is_ongoing | (begins <= reach), begins, FOREVER)
    return np.where(is_ongoing, np.minimum(np.minimum(begins, over), ends), begins)


def _first_of_each(evidence: pd.DataFrame, times: Times, which: Flags, things: Times) -> Times:
    """The earliest of these times of the evidence, for each requested thing."""
    first = pd.Series(times[which]).groupby(evidence["thing"].to_numpy()[which]).min()
    found: Times = first.reindex(things, fill_value=FOREVER).to_numpy()
    return found


def in_force(members: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """The valid decisions of people, by detected event and ticket.

    A decision about a raw event applies to its detected event; of several about one ticket the
    newest is valid.
    """
    held = decisions.merge(members, on="event", how="inner").sort_values("order")
    return held.drop_duplicates(["detected", "ticket"], keep="last")


def decide(pairs: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """PAIRS with people's decisions applied; ``decision`` is the ``order`` of the valid one, else
    ``NOBODY``.

    An unlinked ticket is still listed with the event, and documents nothing.
    """
    if held.empty:
        return pairs.assign(decision=np.full(len(pairs), NOBODY, np.int64))
    keys = ["detected", "ticket"]
    # a merge without matches turns only these columns into floating point
    met = pairs[keys].merge(held[[*keys, "linked", "order"]], on=keys, how="left")
    decided = met["order"].notna().to_numpy()
    linked = met["linked"].eq(True).to_numpy()  # noqa: FBT003  # pandas' own
    pairs = pairs.assign(
        how=np.where(decided, BY_HAND, pairs["how"].to_numpy()),
        documents=np.where(decided, linked, pairs["documents"].to_numpy()),
        decision=met["order"].fillna(NOBODY).to_numpy().astype(np.int64),
    )
    known = pd.MultiIndex.from_frame(pairs[keys])
    others = held[held["linked"].to_numpy().astype(np.bool_)]
    others = others[~pd.MultiIndex.from_frame(others[keys]).isin(known)]
    zeros = np.zeros(len(others), np.int64)
    added = made(
        {
            "detected": others["detected"].to_numpy(),
            "ticket": others["ticket"].to_numpy(),
            "how": zeros + BY_HAND,
            "documents": np.ones(len(others), np.bool_),
            "overlap": zeros,
            "apart": zeros,
            "within": np.zeros(len(others), np.bool_),
            "shift": zeros,
            "site": zeros + NOBODY,
            "maintenance": others["maintenance"].to_numpy().astype(np.bool_),
            "decision": others["order"].to_numpy(),
        }
    )
    both = [one for one in (pairs, added) if len(one)]
    if not both:
        return pairs
    return pd.concat(both).sort_values(keys, ignore_index=True)


def summary(detected: pd.DataFrame, pairs: pd.DataFrame) -> tuple[Flags, Flags, Times]:
    """For each detected event: documented, by a maintenance, and how (the strongest; ``BY_NONE``).

    Counted once, however many tickets cover it.
    """
    ids = detected["id"].to_numpy()
    order = np.argsort(ids)
    documents = pairs["documents"].to_numpy().astype(np.bool_)
    at = order[np.searchsorted(ids, pairs["detected"].to_numpy()[documents], sorter=order)]
    documented = np.zeros(len(ids), np.bool_)
    documented[at] = True
    maintenance = np.zeros(len(ids), np.bool_)
    np.logical_or.at(maintenance, at, pairs["maintenance"].to_numpy().astype(np.bool_)[documents])
    how = np.full(len(ids), BY_NONE, np.int64)
    np.minimum.at(how, at, pairs["how"].to_numpy()[documents])
    return documented, maintenance, how


def _suspected(detected: pd.DataFrame, evidence: pd.DataFrame, events: Events) -> pd.DataFrame:
    """Pairs whose ends are both off by a suspected shift: ``event`` and ``row``, their positions,
    and ``ticket``. Pairs that overlap and pairs that do not are separate kinds: of each kind,
    those that start last are stored."""
    starts, ends = columns_of(detected, "start", "end")
    things, said, said_end, offset = columns_of(evidence, "thing", "start", "end", "offset")
    since, until = columns_of(evidence, "from", "until")
    reach = _SLACK + max(*_SHIFTS, int(np.abs(offset).max(initial=0)))
    nothing = np.zeros(0, np.int64)
    chosen = [made(dict.fromkeys(("event", "row", "ticket"), nothing))]
    for thing, part in events.parts(evidence):
        some = part[ends[part] < FOREVER]
        if not len(some):
            continue
        near = (said >= starts[some].min() - reach) & (said <= starts[some].max() + reach)
        rows = np.flatnonzero(near & (things == thing) & (said_end < FOREVER))
        down = some[:, np.newaxis]
        times = (starts[down], ends[down], said[rows], said_end[rows])
        off = (_shift_of(*times, offset[rows]) != 0) & events.valid(down, since[rows], until[rows])
        at, of = np.nonzero(off)
        event, row = some[at], rows[of]
        found = evidence.iloc[row][["ticket", "start", "end", "how", "maintenance", "site"]].assign(
            event=event,
            row=row,
            meets=(said[row] <= events.high[event]) & (said_end[row] >= events.low[event]),
        )
        if len(found):
            chosen.append(last_of_each(events, found, ["how", "maintenance", "meets"]))
    return pd.concat(chosen[1:] or chosen)


def _shifts(offset: Times) -> Sequence[Times]:
    """The suspected shifts of each row; 0 is no shift."""
    return [*(np.full_like(offset, shift) for shift in _SHIFTS), offset, -offset]


def _shift_of(
    starts: Times, ends: Times, said_start: Times, said_end: Times, offset: Times
) -> Times:
    """The suspected shift by which both ends are off, else 0; the best fit."""
    shape = np.broadcast_shapes(starts.shape, said_start.shape)
    found = np.zeros(shape, np.int64)
    best = np.full(shape, _SLACK + 1, np.int64)
    ended = (ends < FOREVER) & (said_end < FOREVER)
    for shift in _shifts(offset):
        off = np.maximum(np.abs(said_start - starts - shift), np.abs(said_end - ends - shift))
        better = ended & (off < best) & (shift != 0)
        found = np.where(better, shift, found)
        best = np.where(better, off, best)
    return found


def _empty() -> pd.DataFrame:
    flags = {"documents", "within", "maintenance"}
    return made({name: np.zeros(0, np.bool_ if name in flags else np.int64) for name in COLUMNS})
