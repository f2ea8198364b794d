"""How much of the time a link was available, from what monitoring reported of it.

Availability is 1 - down / (period - unmonitored) (decisions, section 9). Degraded time is available
and told beside it. Where several sources tell different things of one moment, the worst that one of
them saw holds: down before degraded before unmonitored. Of a link of which no source told anything
until a period's end there is no data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.statistics.event_facts import FOREVER, NOWHERE, STATES, Events

Times = npt.NDArray[np.int64]
COLUMNS: Final = ("link", "period", "length", *STATES, "has_data")
"""Of the frames here; lengths in microseconds."""


@dataclass(frozen=True)
class LinkSpans:
    """The times of one link: when it was first heard of, and per state what is apart from each
    other, ascending."""

    first: int
    spans: Mapping[str, tuple[Times, Times]]


@dataclass(frozen=True)
class LinkLife:
    """The time in which a link exists, microseconds; periods count as far as they lie in it."""

    link: int
    begin: int
    end: int


def spans_of(events: Events) -> LinkSpans:
    """The times of one link from all events of it, in any order."""
    sound = events[events["end"] > events["start"]]
    times = np.concatenate([sound["start"], sound["end"]])
    order = np.argsort(times, kind="stable")
    times = times[order]
    depth = np.zeros((len(times), len(STATES)), np.int64)
    which = np.concatenate([sound["state"], sound["state"]])[order]
    steps = np.concatenate([np.ones(len(sound), np.int64), -np.ones(len(sound), np.int64)])[order]
    depth[np.arange(len(times)), which] = steps
    covered = depth.cumsum(axis=0) > 0
    # each moment between two of the times is in its worst state only
    worst = np.where(covered.any(axis=1), covered.argmax(axis=1), -1)
    spans = {}
    for at, state in enumerate(STATES):
        places = np.flatnonzero(worst == at)
        starts, ends = times[places], times[np.minimum(places + 1, len(times) - 1)]
        longer = ends > starts
        spans[state] = (starts[longer], ends[longer])
    first = int(events["start"].min()) if len(events) else FOREVER
    return LinkSpans(first, spans)


def spans_by_link(events: Events) -> dict[int, LinkSpans]:
    """The times of every link of which there is an event."""
    order = np.argsort(events["link"], kind="stable")
    links = events["link"][order]
    starts = np.flatnonzero(np.diff(links, prepend=-1))
    ends = [*starts[1:], len(links)] if len(links) else []
    return {
        int(links[begin]): spans_of(events[order[begin:end]])
        for begin, end in zip(starts, ends, strict=True)
        if links[begin] != NOWHERE
    }


def followed(known: Mapping[int, LinkSpans], before: Events, now: Events) -> dict[int, LinkSpans]:
    """``spans_by_link(now)``, where ``known`` was that of ``before``: only links whose events
    changed are looked at anew."""
    if before is now:
        return dict(known)
    count = min(len(before), len(now))
    if len(before) > len(now) or (before["id"][:count] != now["id"][:count]).any():
        return spans_by_link(now)
    changed = np.flatnonzero(before[:count] != now[:count])
    touched = {
        *before["link"][changed].tolist(),
        *now["link"][changed].tolist(),
        *now["link"][count:].tolist(),
    }
    fresh = spans_by_link(now[np.isin(now["link"], list(touched))])
    return {**{key: spans for key, spans in known.items() if key not in touched}, **fresh}


def by_link_and_period(
    spans: Mapping[int, LinkSpans], lives: Iterable[LinkLife], edges: Sequence[int], now: int
) -> pd.DataFrame:
    """One row for each link and period, ``COLUMNS``; a period that goes on ends now.

    ``edges``: the begins of the periods and the end of the last one. Periods in which a link does
    not exist have the length 0 and no data.
    """
    bounds = np.asarray(edges, np.int64)
    none = np.zeros(len(edges) - 1, np.int64)
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in COLUMNS}
    for life in lives:
        limits = np.clip(bounds, life.begin, max(life.begin, min(life.end, now)))
        length = np.diff(limits)
        mine = spans.get(life.link)
        has_data = none > 0 if mine is None else (length > 0) & (limits[1:] > mine.first)
        columns["link"].append(np.full(len(none), life.link))
        columns["period"].append(np.arange(len(none)))
        columns["length"].append(length)
        columns["has_data"].append(has_data)
        for state in STATES:
            columns[state].append(
                none if mine is None else np.diff(_covered_until(mine.spans[state], limits))
            )
    return pd.DataFrame(
        {name: np.concatenate([none[:0], *parts]) for name, parts in columns.items()}
    ).astype({"has_data": bool})


def _covered_until(spans: tuple[Times, Times], moments: Times) -> Times:
    """How much is covered from the beginning of time until each of these moments."""
    starts, ends = spans
    if not len(starts):
        return np.zeros(len(moments), np.int64)
    last = int(moments.max())
    lengths = np.minimum(ends, last) - np.minimum(starts, last)
    before = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
    places = np.searchsorted(starts, moments, side="right")
    over = np.maximum(np.minimum(ends[places - 1], last) - moments, 0)
    return np.asarray(before[places] - np.where(places > 0, over, 0), np.int64)


@dataclass(frozen=True)
class Availability:
    """Of one link, or of several together, in one period or several. Lengths in microseconds.

    ``length`` is of what has data; 0 = there is no data at all.
    """

    length: int = 0
    down: int = 0
    degraded: int = 0
    unmonitored: int = 0
    whole: int = 0
    """The length with what has no data."""

    @property
    def has_data(self) -> bool:
        """Whether any source told anything."""
        return self.length > 0

    @property
    def known(self) -> int:
        """The time of which something is known."""
        return self.length - self.unmonitored

    @property
    def share(self) -> float | None:
        """The availability, 0 to 1; None where nothing is known."""
        return 1 - self.down / self.known if self.known > 0 else None

    @property
    def shares(self) -> Sequence[tuple[str, float]]:
        """What the time was, as shares of it: up, degraded, down, unmonitored."""
        if not self.length:
            return ()
        up = self.known - self.down - self.degraded
        parts = (("up", up), ("degraded", self.degraded), ("down", self.down))
        return [
            (name, part / self.length) for name, part in (*parts, ("unmonitored", self.unmonitored))
        ]


def summed(frame: pd.DataFrame) -> Availability:
    """All rows of such a frame together; what has no data is left out."""
    named = dict.fromkeys(frame["link"].tolist(), "")
    return summed_by(frame, named, 1)[""][1] if len(frame) else Availability()


def summed_by(
    frame: pd.DataFrame, names: Mapping[int, str], count: int
) -> dict[str, tuple[list[Availability], Availability]]:
    """The rows of the links of each name together: of each of ``count`` periods, and of all."""
    found: dict[str, tuple[list[Availability], Availability]] = {}
    if frame.empty:
        return found
    known = frame.where(frame["has_data"], 0)
    table = pd.DataFrame(
        {
            "name": frame["link"].map(names),
            "period": frame["period"],
            **{name: known[name].astype("int64") for name in ("length", *STATES)},
            "whole": frame["length"],
        }
    )
    columns = ["length", *STATES, "whole"]
    by_period = table.groupby(["name", "period"])[columns].sum()
    for (name, period), values in zip(by_period.index, by_period.to_numpy().tolist(), strict=True):
        cells, _ = found.setdefault(str(name), ([Availability()] * count, Availability()))
        if int(period) < count:
            cells[int(period)] = Availability(*values)
    whole = table.groupby("name")[columns].sum()
    for name, values in zip(whole.index, whole.to_numpy().tolist(), strict=True):
        found[str(name)] = (found[str(name)][0], Availability(*values))
    return found
