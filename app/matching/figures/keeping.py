"""Which tickets are stored for a detected event, if more match than anybody would read.

Of each kind (by link or by site; a maintenance or not) a limited number is stored: those that start
last and, of the same start, those with the higher numbers. In addition the matching ticket that was
created first, because it shows when the event was documented; while the event is ongoing, also the
first one of the link, because one of the site fulfils no obligation then. Tickets about which a
person decided are always stored, and do not count towards the limit; an unlinked one is never the
first. Overlapping intervals of one ticket are one interval (``joined``).

So whether an event is documented, by what, and by a maintenance is the same as if all tickets were
stored. Some events of a link are compared with all its tickets of that time: two intervals overlap
if they share a moment, both ends included.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from app.core.figures.frames import BY_LINK, FOREVER, Flags, Times, columns_of

MAX_EVENTS: Final = 100
"""Events that are compared with the tickets of their time in one step."""
MAX_CELLS: Final = 1_000_000
"""Events times tickets of such a comparison: some tens of megabytes."""
_SAME: Final = ["thing", "ticket", "how", "maintenance", "site", "from", "until"]


def joined(evidence: pd.DataFrame) -> pd.DataFrame:
    """EVIDENCE in which overlapping intervals of a ticket are one."""
    evidence = evidence[evidence["end"].to_numpy() >= evidence["start"].to_numpy()]
    repeated = evidence.duplicated(["thing", "ticket"], keep=False).to_numpy()
    if not repeated.any():
        return evidence
    several = evidence[repeated].sort_values([*_SAME, "start", "end", "offset"])
    group = several.groupby(_SAME, sort=False).ngroup().to_numpy()
    starts, ends = columns_of(several, "start", "end")
    reached = several.groupby(group, sort=False)["end"].cummax().to_numpy()
    begins = np.ones(len(several), np.bool_)
    begins[1:] = (group[1:] != group[:-1]) | (starts[1:] > reached[:-1])
    first = np.flatnonzero(begins)
    ones = several.iloc[first].assign(end=np.maximum.reduceat(ends, first))
    return pd.concat([evidence[~repeated], ones])


class Events:
    """The detected events as matching needs them, and people's decisions about their tickets.

    ``low`` and ``high`` are their times, widened by the tolerance. ``held`` are the valid decisions
    (detected, ticket, linked).
    """

    def __init__(
        self, detected: pd.DataFrame, low: Times, high: Times, held: pd.DataFrame, most: int
    ) -> None:
        self.things, self.starts = columns_of(detected, "thing", "start")
        self.low, self.high, self.most = low, high, most
        ids = detected["id"].to_numpy()
        order = np.argsort(ids)
        self._held_at = order[np.searchsorted(ids, held["detected"].to_numpy(), sorter=order)]
        self._held_ticket = held["ticket"].to_numpy()
        self._is_off = ~held["linked"].to_numpy().astype(np.bool_)

    def parts(self, evidence: pd.DataFrame) -> Iterator[tuple[int, Times]]:
        """A link or site and positions of some of its events, in the order of time; few enough to
        be compared with all evidence of that link or site."""
        rows = evidence["thing"].value_counts().to_dict()
        order = np.lexsort((self.starts, self.things))
        things = self.things[order]
        bounds = [0, *(np.flatnonzero(things[1:] != things[:-1]) + 1).tolist(), len(things)]
        for begin, end in pairwise(bounds):
            thing = int(things[begin]) if begin < end else 0
            size = min(MAX_EVENTS, max(1, MAX_CELLS // rows.get(thing, 1)))
            for first in range(begin, end, size):
                yield thing, order[first : min(first + size, end)]

    def valid(self, event: Times, since: Times, until: Times) -> Flags:
        """Whether these events started while the evidence was valid."""
        flags: Flags = (since <= self.starts[event]) & (self.starts[event] < until)
        return flags

    def decided(self, event: Times, ticket: Times) -> Flags:
        """Whether a person decided about each pair."""
        if not len(self._held_at):
            return np.zeros(len(event), np.bool_)
        held = pd.MultiIndex.from_arrays([self._held_at, self._held_ticket])
        flags: Flags = pd.MultiIndex.from_arrays([event, ticket]).isin(held)
        return flags

    def decisions(self, *, off: bool) -> tuple[Times, Times]:
        """The pairs (event, ticket) about which a person decided, or only the unlinked ones."""
        wanted = self._is_off if off else np.ones(len(self._held_at), np.bool_)
        return self._held_at[wanted], self._held_ticket[wanted]


def last_of_each(events: Events, pairs: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """The pairs to store (columns ``event``, ``ticket``, ``start``, ``end``, ``site`` and the
    kinds): of each kind those of the tickets that start last, and all about which a person
    decided. Of several rows of a ticket the last one counts."""
    order = np.lexsort(
        (
            *(pairs["site"], -pairs["end"]),
            *(-pairs["ticket"], -pairs["start"], pairs["event"]),
        )
    )
    rows = pairs.iloc[order].drop_duplicates(["event", *kinds, "ticket"])
    decided = events.decided(*columns_of(rows, "event", "ticket"))
    free = rows[~decided]
    places = free.groupby(["event", *kinds], sort=False).cumcount().to_numpy()
    return pd.concat([rows[decided], free[places < events.most]])


def beside(
    events: Events, evidence: pd.DataFrame, also: tuple[Times, Times]
) -> tuple[Times, Times]:
    """Positions of matching events and evidence (which is ``joined``), for the tickets to store;
    ``also`` are pairs (event, ticket) to store for another reason, if they match."""
    latest = np.lexsort(columns_of(evidence, "end", "ticket", "start"))[::-1]
    rows = evidence.iloc[latest]
    things, starts, ends = columns_of(rows, "thing", "start", "end")
    of_event, of_row = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for thing, some in events.parts(evidence):
        low, high = events.low[some].min(), events.high[some].max()
        near = np.flatnonzero((things == thing) & (starts <= high) & (ends >= low))
        event, row = np.nonzero(_chosen(events, some, rows.iloc[near], also))
        of_event.append(some[event])
        of_row.append(latest[near[row]])
    return np.concatenate(of_event), np.concatenate(of_row)


def _chosen(events: Events, some: Times, rows: pd.DataFrame, also: tuple[Times, Times]) -> Flags:
    """Whether each of these events (rows) matches each piece of evidence (columns), and its ticket
    is to be stored; the evidence is of one link or site, and sorted so that what starts last
    comes first."""
    starts, ends, since, until = columns_of(rows, "start", "end", "from", "until")
    tickets, how, maintenance, created = columns_of(rows, "ticket", "how", "maintenance", "created")
    event = some[:, np.newaxis]
    meets = (starts <= events.high[event]) & (ends >= events.low[event])
    meets &= events.valid(event, since, until)
    decided = _flags(some, tickets, events.decisions(off=False))
    chosen: Flags = meets & (decided | _flags(some, tickets, also))
    of_ticket, counts = np.unique(tickets, return_inverse=True, return_counts=True)[1:]
    several = np.flatnonzero(counts[of_ticket] > 1)
    several = several[np.argsort(of_ticket[several], kind="stable")]
    size = counts[counts > 1]
    first = np.cumsum(size) - size
    for kind in np.unique(2 * how + maintenance):
        of_kind = 2 * how + maintenance == kind
        counted = meets & ~decided & of_kind
        if len(several):  # of several rows of a ticket the last one counts
            some_rows = counted[:, several]
            met = np.cumsum(some_rows, axis=1, dtype=np.int32)
            before = np.repeat(met[:, first] - some_rows[:, first], size, axis=1)
            counted[:, several] = some_rows & (met - before == 1)
        chosen |= counted & (np.cumsum(counted, axis=1, dtype=np.int32) <= events.most)
    if len(tickets):
        order = np.lexsort((tickets, created))
        possible = meets & ~_flags(some, tickets, events.decisions(off=True))
        of_link = possible & (how == BY_LINK) & (events.high[event] >= FOREVER)
        for some_rows in (possible[:, order], of_link[:, order]):
            there = np.flatnonzero(some_rows.any(axis=1))
            chosen[there, order[some_rows[there].argmax(axis=1)]] = True
    if len(several):
        any_chosen = np.logical_or.reduceat(chosen[:, several], first, axis=1)
        chosen[:, several] |= meets[:, several] & np.repeat(any_chosen, size, axis=1)
    return chosen


def _flags(some: Times, tickets: Times, pairs: tuple[Times, Times]) -> Flags:
    """Which of these events and rows of tickets are among the pairs."""
    flags = np.zeros((len(some), len(tickets)), np.bool_)
    of_some = np.isin(pairs[0], some)
    down = {event: place for place, event in enumerate(some.tolist())}
    for event, ticket in zip(pairs[0][of_some].tolist(), pairs[1][of_some].tolist(), strict=True):
        flags[down[event], tickets == ticket] = True
    return flags
