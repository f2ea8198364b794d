"""Which tickets are kept beside a detected event where more meet it than anybody would read.

Of each kind (by link or by site; a maintenance or not) those that begin last are kept, up to a
number; of the same beginning those of the higher ticket numbers. Beside them the one that was
created first of all that meet the event, for it says when the event was documented. Tickets about
which a person decided are kept anyway, and take up no place; one that was taken off is not the
first. Intervals of one ticket that meet each other are one (``joined``).

So documented or not, by what, and by a maintenance or not are the same as if all were kept.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from app.core.figures.frames import Flags, Times, columns_of, made
from app.matching.figures.latest import NONE, first_in_order, last_begun
from app.matching.figures.overlaps import Lot, Meeting

_SAME: Final = ["thing", "ticket", "how", "maintenance", "site", "from", "until"]
_STRETCH: Final = [name for name in _SAME if name != "ticket"]


def joined(evidence: pd.DataFrame) -> pd.DataFrame:
    """EVIDENCE in which the intervals of a ticket that meet each other are one."""
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
    """The detected events as matching asks for them, and what people decided about their tickets.

    ``low`` and ``high`` are their times, widened by the tolerance. ``held`` are the decisions that
    hold (detected, ticket, linked).
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

    def valid(self, event: Times, rows: pd.DataFrame, row: Times) -> Flags:
        """Whether the event of each pair began while what the row says was so."""
        since, until = (values[row] for values in columns_of(rows, "from", "until"))
        flags: Flags = (since <= self.starts[event]) & (self.starts[event] < until)
        return flags

    def decided(self, event: Times, ticket: Times) -> Flags:
        """Whether a person decided about each pair."""
        if not len(self._held_at):
            return np.zeros(len(event), np.bool_)
        held = pd.MultiIndex.from_arrays([self._held_at, self._held_ticket])
        flags: Flags = pd.MultiIndex.from_arrays([event, ticket]).isin(held)
        return flags

    def decided_of(self, events: Times) -> tuple[Times, Times]:
        """The pairs (event, ticket) about which a person decided."""
        of_these = np.isin(self._held_at, events)
        return self._held_at[of_these], self._held_ticket[of_these]

    def wanted(self, events: Times) -> Times:
        """How many tickets to look for, so that enough are left without those decided about."""
        count = np.bincount(self._held_at, minlength=len(self.things))[events]
        return self.most + count.astype(np.int64)

    def taken_off(self, events: Times) -> dict[int, Times]:
        """By event, the tickets that were taken off."""
        wanted = self._is_off & np.isin(self._held_at, events)
        event, ticket = self._held_at[wanted], self._held_ticket[wanted]
        return {int(one): ticket[event == one] for one in np.unique(event)}


def last_of_each(events: Events, pairs: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """Of pairs (columns ``event``, ``ticket``, ``start``, ``end``, ``site`` and the kinds) those
    that are kept: of each kind those of the tickets that begin last, and all that a person decided
    about. Of several rows of a ticket the last speaks for it."""
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
    """Positions of events and of evidence (which is ``joined``) that meet, of the tickets that are
    kept; ``also`` are pairs (event, ticket) that are kept for another reason, if they meet."""
    starts = (events.things, events.low, events.high)
    found = Meeting(starts, _lot(evidence, "thing"))
    if found.count <= events.most * (len(events.things) + len(evidence)):
        event, row = found.pairs()
        sound = events.valid(event, evidence, row)
        event, row = event[sound], row[sound]
        crowded = np.bincount(event, minlength=len(events.things)) > events.most
        if not crowded.any():
            return event, row
        calm = ~crowded[event]
        event, row = event[calm], row[calm]
    else:
        event = row = np.zeros(0, np.int64)
        crowded = np.ones(len(events.things), np.bool_)
    many, of_many = _of_crowded(events, np.flatnonzero(crowded), evidence, also)
    return np.concatenate([event, many]), np.concatenate([row, of_many])


def _of_crowded(
    events: Events, crowded: Times, evidence: pd.DataFrame, also: tuple[Times, Times]
) -> tuple[Times, Times]:
    """The same of these events, of which each may meet more than are kept."""
    of_things = np.isin(evidence["thing"].to_numpy(), events.things[crowded])
    places = np.flatnonzero(of_things)
    rows = evidence.iloc[places].reset_index(drop=True)
    # a stretch: what holds for the same events in the same way
    rows["stretch"] = rows.groupby(_STRETCH, sort=False).ngroup().to_numpy()
    stretches = rows.drop_duplicates("stretch").reset_index(drop=True)
    asked = made({"event": crowded, "thing": events.things[crowded]})
    stretches["at"] = np.arange(len(stretches))
    asked = asked.merge(stretches[["thing", "stretch", "at"]], on="thing")
    event, at = columns_of(asked, "event", "at")
    asked = asked[events.valid(event, stretches, at)]
    event, stretch = columns_of(asked, "event", "stretch")
    queries = (stretch, events.low[event], events.high[event])

    one, row = last_begun(
        queries, events.wanted(event), _lot(rows, "stretch"), rows["ticket"].to_numpy()
    )
    columns = ["ticket", "start", "end", "site", "how", "maintenance"]
    last = rows[columns].iloc[row].assign(event=event[one])
    kept = last_of_each(events, last, ["how", "maintenance"])
    first = _first_created(events, crowded, event, queries, rows)
    of_crowded = np.isin(also[0], crowded)
    wanted = [
        columns_of(kept, "event", "ticket"),
        first,
        events.decided_of(crowded),
        [values[of_crowded] for values in also],
    ]
    pairs = made(
        {
            "event": np.concatenate([one[0] for one in wanted]),
            "ticket": np.concatenate([one[1] for one in wanted]),
        }
    ).drop_duplicates()
    event, row = _all_rows(events, pairs, rows)
    return event, places[row]


def _first_created(
    events: Events, crowded: Times, event: Times, queries: Lot, rows: pd.DataFrame
) -> tuple[Times, Times]:
    """Of each event that ticket of all that meet it which was created first."""
    order = np.lexsort((rows["ticket"], rows["created"]))
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.arange(len(rows))
    row = first_in_order(queries, _lot(rows, "stretch"), rank)
    best = np.full(len(events.things), len(rows), np.int64)
    met = row != NONE
    np.minimum.at(best, event[met], rank[row[met]])
    things, starts, ends, tickets = columns_of(rows, "thing", "start", "end", "ticket")
    for one, off in events.taken_off(crowded).items():  # as few as people's decisions
        fits = (things == events.things[one]) & ~np.isin(tickets, off)
        fits &= (starts <= events.high[one]) & (ends >= events.low[one])
        at = np.flatnonzero(fits)
        at = at[events.valid(np.full(len(at), one), rows, at)]
        best[one] = rank[at].min(initial=len(rows))
    there = crowded[best[crowded] < len(rows)]
    return there, tickets[order[best[there]]]


def _all_rows(events: Events, pairs: pd.DataFrame, rows: pd.DataFrame) -> tuple[Times, Times]:
    """Positions of these pairs' events and of all rows of their tickets that meet them."""
    rows = rows.assign(group=rows.groupby(["ticket", "stretch"], sort=False).ngroup().to_numpy())
    groups = rows.drop_duplicates("group").reset_index(drop=True)
    groups["at"] = np.arange(len(groups))
    asked = pairs.assign(thing=events.things[pairs["event"].to_numpy()]).merge(
        groups[["thing", "ticket", "group", "at"]], on=["thing", "ticket"]
    )
    event, at = columns_of(asked, "event", "at")
    asked = asked[events.valid(event, groups, at)]
    event, group = columns_of(asked, "event", "group")
    one, row = Meeting((group, events.low[event], events.high[event]), _lot(rows, "group")).pairs()
    return event[one], row


def _lot(rows: pd.DataFrame, group: str) -> Lot:
    values, starts, ends = columns_of(rows, group, "start", "end")
    return values, starts, ends
