"""From reported periods to detected events: grouping, length, whether they count, and for which T1.

The order of the rows does not matter: periods are sorted by their start, then by their id.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from app.core.figures.frames import FOREVER, NOBODY, Flags, Times, columns_of, made


def rules_of(rules: pd.DataFrame, starts: Times) -> Times:
    """The position in ``rules`` (ordered by ``valid_from``) of the rule that applies at each start;
    before the first rule, the first."""
    valid_from = rules["valid_from"].to_numpy()
    return np.maximum(np.searchsorted(valid_from, starts, side="right") - 1, 0)


def coalesce(events: pd.DataFrame, rules: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """DETECTED (its first columns) and MEMBERS.

    A period continues an event if it starts at most ``gap`` after the latest end of all periods
    before it; ``gap`` comes from the rule of its own start. The id is that of the first period.
    """
    ids, things, starts = columns_of(events, "id", "thing", "start")
    events = events.iloc[np.lexsort((ids, starts, things))]
    ids, things, starts, ends, states = columns_of(events, "id", "thing", "start", "end", "state")
    if not len(ids):
        empty = np.zeros(0, np.int64)
        names = ("id", "thing", "start", "end", "beginnings", "state", "rule")
        return made(dict.fromkeys(names, empty)), made({"event": empty, "detected": empty})
    reached = events.groupby("thing", sort=False)["end"].cummax().to_numpy()
    gaps = rules["gap"].to_numpy()[rules_of(rules, starts)]
    begins = np.ones(len(ids), np.bool_)
    begins[1:] = (things[1:] != things[:-1]) | (starts[1:] > reached[:-1] + gaps[1:])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(ids)) - 1
    detected = made(
        {
            "id": ids[first],
            "thing": things[first],
            "start": starts[first],
            "end": np.maximum.reduceat(ends, first),
            "beginnings": last - first + 1,
            "state": np.maximum.reduceat(states, first),
            "rule": rules_of(rules, starts[first]),
        }
    )
    members = made({"event": ids, "detected": np.repeat(ids[first], last - first + 1)})
    return detected, members


def judge(
    detected: pd.DataFrame, things: pd.DataFrame, rules: pd.DataFrame, now: int
) -> pd.DataFrame:
    """DETECTED with ``t1``, ``other_t1``, ``counted`` and ``changes_at``, as of ``now``.

    An event counts from the rule's minimal length on, inclusive, on a link that was in use when it
    started. Its T1s are the ends of the link that were T1 then. An ongoing one changes when it
    starts to count.
    """
    starts, ends = columns_of(detected, "start", "end")
    at = _positions(things, detected["thing"].to_numpy())

    def of_thing(name: str) -> Times:
        values: Times = things[name].to_numpy()[at]
        return values

    minimal = rules["minimal"].to_numpy()[detected["rule"].to_numpy()]
    in_use = (of_thing("valid_from") <= starts) & (starts < of_thing("valid_until"))
    may_count: Flags = things["is_link"].to_numpy()[at] & in_use
    # a reported end counts, even if the reporter's clock is a little ahead of ours
    counted = may_count & (np.where(ends == FOREVER, now, ends) - starts >= minimal)
    ripens = may_count & ~counted & (ends == FOREVER)
    end_a = np.where(_is_t1(of_thing("a_from"), of_thing("a_until"), starts), of_thing("a"), NOBODY)
    end_b = np.where(_is_t1(of_thing("b_from"), of_thing("b_until"), starts), of_thing("b"), NOBODY)
    return detected.assign(
        t1=np.where(end_a == NOBODY, end_b, end_a),
        other_t1=np.where(end_a == NOBODY, NOBODY, end_b),
        counted=counted,
        changes_at=np.where(ripens, starts + minimal, FOREVER),
    )


def _is_t1(since: Times, until: Times, starts: Times) -> Flags:
    flags: Flags = (since <= starts) & (starts < until)
    return flags


def _positions(things: pd.DataFrame, wanted: Times) -> Times:
    """The position of each wanted thing among them; all exist."""
    known = things["thing"].to_numpy()
    order = np.argsort(known)
    return order[np.searchsorted(known, wanted, sorter=order)]
