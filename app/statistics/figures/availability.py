"""How much of the time a link was available, as monitoring reported.

Availability is 1 - down / (period - unmonitored) (decisions, section 9). Degraded time is available
and shown with it. The silence of every source that watched a link is unmonitored time, too. Where
several sources report different things of one moment, the worst applies: down
before degraded before unmonitored. Of a link of which no source stated anything until a period's
end, or of which none was heard in it, there is no data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from app.events.figures.facts import FOREVER, NOWHERE, STATES, Events, replaced

Times = npt.NDArray[np.int64]
Lengths = npt.NDArray[np.int64]
"""By link, period and column; in microseconds."""
COLUMNS: Final = ("length", *STATES, "whole")
"""The length with data, how long it was in each state, and the length with what has no data."""


_NO_SPANS: Final = (np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class LinkSpans:
    """The times of one link: when it was first heard of, and per state what is apart from each
    other, ascending."""

    first: int
    spans: Mapping[str, tuple[Times, Times]]
    sources: Mapping[int, int] = field(default_factory=dict)
    """When the first event started that each source reported about the link."""
    unwatched: tuple[Times, Times] = _NO_SPANS
    """When every source that watched it was silent; apart from each other, ascending."""


@dataclass(frozen=True)
class LinkLife:
    """The time in which a link exists, microseconds; periods count as far as they lie in it."""

    link: int
    begin: int
    end: int


def spans_of(events: Events) -> LinkSpans:
    """The times of one link from all its events, in any order."""
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
    keys, places = np.unique(events["source"], return_inverse=True)
    firsts = np.full(len(keys), FOREVER, np.int64)
    np.minimum.at(firsts, places, events["start"])
    sources = dict(zip(keys.tolist(), firsts.tolist(), strict=True))
    return LinkSpans(first, spans, sources)


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


@dataclass(frozen=True, eq=False)
class LinkEvents:
    """Events, and the times of each link that result from them."""

    events: Events
    spans: Mapping[int, LinkSpans]


def followed(known: LinkEvents | None, newer: Events) -> LinkEvents:
    """The events with what is newer of some; only links that it touches are looked at again."""
    if known is None:
        return LinkEvents(newer, spans_by_link(newer))
    events = replaced(known.events, newer)
    before = known.events["link"][np.isin(known.events["id"], newer["id"])]
    touched = {*before.tolist(), *newer["link"].tolist()}
    others = {link: spans for link, spans in known.spans.items() if link not in touched}
    fresh = spans_by_link(events[np.isin(events["link"], list(touched))])
    return LinkEvents(events, {**others, **fresh})


def by_link_and_period(
    spans: Mapping[int, LinkSpans], lives: Sequence[LinkLife], edges: Sequence[int], now: int
) -> Lengths:
    """For each link and each period the ``COLUMNS``; an ongoing period ends now.

    ``edges``: the begins of the periods and the end of the last one. What has no data has only the
    ``whole`` length, and that is 0 where the link does not exist.
    """
    bounds = np.asarray(edges, np.int64)
    table = np.zeros((len(lives), len(edges) - 1, len(COLUMNS)), np.int64)
    for row, life in zip(table, lives, strict=True):
        limits = np.clip(bounds, life.begin, max(life.begin, min(life.end, now)))
        whole = np.diff(limits)
        row[:, COLUMNS.index("whole")] = whole
        mine = spans.get(life.link)
        if mine is None:
            continue
        has_data = (whole > 0) & (limits[1:] > mine.first)
        row[:, COLUMNS.index("length")] = np.where(has_data, whole, 0)
        for state in STATES:
            if len(mine.spans[state][0]):
                lengths = np.diff(_covered_until(mine.spans[state], limits))
                row[:, COLUMNS.index(state)] = np.where(has_data, lengths, 0)
        if len(mine.unwatched[0]):
            _leave_out_silence(row, mine, limits)
    return table


def _leave_out_silence(row: Lengths, mine: LinkSpans, limits: Times) -> None:
    """Count the silence of a link's sources as unmonitored, as far as they reported nothing else of
    it; a period of which nobody reported anything and nobody was heard has no data."""
    silent = np.diff(_covered_until(mine.unwatched, limits))
    reported = [mine.spans[state] for state in STATES]
    known = tuple(np.sort(np.concatenate(sides)) for sides in zip(*reported, strict=True))
    both = np.diff(_covered_until(_in_both(mine.unwatched, (known[0], known[1])), limits))
    has_data = row[:, COLUMNS.index("length")] > 0
    row[:, COLUMNS.index("unmonitored")] += np.where(has_data, silent - both, 0)
    nobody = silent - both >= row[:, COLUMNS.index("length")]
    row[nobody, : COLUMNS.index("whole")] = 0


def _in_both(some: tuple[Times, Times], others: tuple[Times, Times]) -> tuple[Times, Times]:
    """The times that are in both, each of which is apart from each other and ascending."""
    times = np.concatenate([some[0], some[1], others[0], others[1]])
    steps = np.repeat(np.array([1, -1, 1, -1]), [len(some[0])] * 2 + [len(others[0])] * 2)
    order = np.argsort(times, kind="stable")
    times, depth = times[order], steps[order].cumsum()
    places = np.flatnonzero(depth == 2)
    starts, ends = times[places], times[np.minimum(places + 1, max(0, len(times) - 1))]
    longer = ends > starts
    return starts[longer], ends[longer]


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
        """Whether any source stated anything."""
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
        """Shares of the time: up, degraded, down, unmonitored."""
        if not self.length:
            return ()
        up = self.known - self.down - self.degraded
        parts = (("up", up), ("degraded", self.degraded), ("down", self.down))
        return [
            (name, part / self.length) for name, part in (*parts, ("unmonitored", self.unmonitored))
        ]


def summed(table: Lengths) -> Availability:
    """All links and periods of such a table together; what has no data is left out."""
    return Availability(*table.reshape(-1, len(COLUMNS)).sum(axis=0).tolist())


def summed_by_period(table: Lengths) -> list[Availability]:
    """All links of such a table together, period by period."""
    return [Availability(*row) for row in table.sum(axis=0).tolist()]
