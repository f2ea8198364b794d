"""Which tickets stand beside a detected event, and which of them document it.

A ticket is evidence for a link that it names, or for a link of a site that it names while it names
no link. Its interval, widened by the tolerance on both sides, must share a moment with the event's;
touching is enough. Where both ends are off by the same hours, a time zone was probably taken for
another: such a pair is marked, and where it lies outside the tolerance it waits for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from app.domain.matching import SHIFT_SLACK, SHIFTS
from app.statistics.frames import BY_HAND, BY_NONE, FOREVER, NOBODY, Flags, Times, columns_of, made
from app.statistics.overlaps import meeting, starting_near

_SHIFTS: Final = tuple(int(shift.total_seconds()) * 1_000_000 for shift in SHIFTS)
_SLACK: Final = int(SHIFT_SLACK.total_seconds()) * 1_000_000
COLUMNS: Final = (
    *("detected", "ticket", "how", "documents", "overlap", "apart"),
    *("within", "shift", "site", "maintenance"),
)


def pairs_of(
    detected: pd.DataFrame, evidence: pd.DataFrame, rules: pd.DataFrame, now: int
) -> pd.DataFrame:
    """PAIRS without decisions by hand: each detected event and ticket once, ordered by both.

    Of several intervals of a ticket (its own, and those of its duplicates) the best one speaks:
    one that documents, else the one that overlaps most.
    """
    near = _near(detected, evidence, rules)
    shifted = _shifted(detected, evidence)
    event = np.concatenate([near[0], shifted[0]])
    beside = np.concatenate([near[1], shifted[1]])
    if not len(event):
        return _empty()
    starts, ends = (values[event] for values in columns_of(detected, "start", "end"))
    columns = ("start", "end", "from", "until", "offset")
    said_start, said_end, since, until, offset = (
        values[beside] for values in columns_of(evidence, *columns)
    )
    tolerance = rules["tolerance"].to_numpy()[detected["rule"].to_numpy()[event]]
    apart = np.maximum(np.maximum(said_start - ends, starts - said_end), 0)
    overlap = np.minimum(np.minimum(ends, said_end), now) - np.maximum(starts, said_start)
    both_go_on = (ends == FOREVER) & (said_end == FOREVER)
    within: Flags = apart <= tolerance
    found = made(
        {
            "detected": detected["id"].to_numpy()[event],
            "ticket": evidence["ticket"].to_numpy()[beside],
            "how": evidence["how"].to_numpy()[beside],
            "documents": within,
            "overlap": np.where(both_go_on, FOREVER, np.maximum(overlap, 0)),
            "apart": apart,
            "within": within,
            "shift": _shift_of(starts, ends, said_start, said_end, offset),
            "site": evidence["site"].to_numpy()[beside],
            "maintenance": evidence["maintenance"].to_numpy()[beside],
        }
    )
    found = found[(since <= starts) & (starts < until)]
    order = np.lexsort(
        (
            *(found["site"], -found["shift"].abs(), found["apart"], -found["overlap"]),
            *(found["how"], ~found["documents"], found["ticket"], found["detected"]),
        )
    )
    best: pd.DataFrame = found.iloc[order].drop_duplicates(["detected", "ticket"])
    return best.reset_index(drop=True)


def decide(pairs: pd.DataFrame, members: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """PAIRS with people's decisions in them; ``decision`` is the ``order`` of the one that holds,
    else ``NOBODY``.

    A decision about a raw event speaks for its detected event; of several about one ticket the
    newest holds. A ticket that was taken off stays beside the event, and documents nothing.
    """
    held = decisions.merge(members, on="event", how="inner").sort_values("order")
    held = held.drop_duplicates(["detected", "ticket"], keep="last")
    if held.empty:
        return pairs.assign(decision=np.full(len(pairs), NOBODY, np.int64))
    keys = ["detected", "ticket"]
    # a merge that misses makes numbers of floating point of these columns only
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


def _near(
    detected: pd.DataFrame, evidence: pd.DataFrame, rules: pd.DataFrame
) -> tuple[Times, Times]:
    """Positions of events and evidence within the tolerance, which is that of the event's rule."""
    things, starts, ends = columns_of(detected, "thing", "start", "end")
    tolerance = rules["tolerance"].to_numpy()[detected["rule"].to_numpy()]
    return meeting(
        things,
        starts - tolerance,
        np.minimum(ends + tolerance, FOREVER),
        *columns_of(evidence, "thing", "start", "end"),
    )


def _shifted(detected: pd.DataFrame, evidence: pd.DataFrame) -> tuple[Times, Times]:
    """Positions of pairs whose ends are both off by a suspected shift, wherever they lie."""
    ended_events = np.flatnonzero(detected["end"].to_numpy() < FOREVER)
    ended_tickets = np.flatnonzero(evidence["end"].to_numpy() < FOREVER)
    things, starts = (values[ended_events] for values in columns_of(detected, "thing", "start"))
    of, said, offset = (
        values[ended_tickets] for values in columns_of(evidence, "thing", "start", "offset")
    )
    expected = [said - shift for shift in _shifts(offset)]
    ticket, event = starting_near(of, expected, _SLACK, things, starts)
    event, ticket = ended_events[event], ended_tickets[ticket]
    starts, ends = (values[event] for values in columns_of(detected, "start", "end"))
    said_start, said_end, offset = (
        values[ticket] for values in columns_of(evidence, "start", "end", "offset")
    )
    is_shifted = _shift_of(starts, ends, said_start, said_end, offset) != 0
    return event[is_shifted], ticket[is_shifted]


def _shifts(offset: Times) -> Sequence[Times]:
    """The suspected shifts of each row; 0 is none."""
    return [*(np.full_like(offset, shift) for shift in _SHIFTS), offset, -offset]


def _shift_of(
    starts: Times, ends: Times, said_start: Times, said_end: Times, offset: Times
) -> Times:
    """By which of the suspected shifts both ends are off, else 0; the one that fits best."""
    found = np.zeros(len(starts), np.int64)
    best = np.full(len(starts), _SLACK + 1, np.int64)
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
