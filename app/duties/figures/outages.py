"""Losses of service: when a T1 had no LHCOPN link and no recorded backup up.

A link is unavailable only if it was reported as down: degraded counts as up, and so does
unmonitored. Times are microseconds since 1970, UTC, as int64; the end of a span is excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
EVER: Final = np.int64(-(2**62))
"""Before everything."""
NEVER: Final = np.int64(2**62)
"""After everything: the end of what is ongoing."""
Spans = tuple[Times, Times]
"""Starts and ends."""
NO_TIMES: Final[Times] = np.array([], np.int64)


@dataclass(frozen=True)
class LinkFacts:
    """The facts of a link that the sweep needs; ``start`` and ``end`` are those of its validity."""

    id: int
    network: str
    role: str
    ends: tuple[int, int]
    """The keys of its two sites."""
    backs_up: int | None = None
    start: int = int(EVER)
    end: int = int(NEVER)


@dataclass(frozen=True)
class SiteFacts:
    """When a site was T1, or that it is the T0."""

    id: int
    t1_from: int = int(EVER)
    t1_until: int = int(EVER)
    is_t0: bool = False


@dataclass(frozen=True)
class Downs:
    """The periods in which one link was reported as down, each with its detected event."""

    starts: Times
    ends: Times
    events: Times


@dataclass(frozen=True)
class Losses:
    """Losses of service as columns: the T1, and the event that accounts for the loss."""

    sites: Times
    starts: Times
    ends: Times
    is_unsure: npt.NDArray[np.bool_]
    events: Times


def joined(starts: Times, ends: Times) -> Spans:
    """Join spans so that they neither overlap nor touch, in order; empty ones are dropped."""
    real = ends > starts
    starts, ends = starts[real], ends[real]
    if not len(starts):
        return starts, ends
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    reach = np.maximum.accumulate(ends)
    begins = np.concatenate(([True], starts[1:] > reach[:-1]))
    last = np.concatenate((np.flatnonzero(begins)[1:] - 1, [len(starts) - 1]))
    return starts[begins], reach[last]


def covered(spans: Sequence[Spans], times: int) -> Spans:
    """When at least ``times`` of several sets of joined spans overlap."""
    if times <= 0:
        return np.array([EVER]), np.array([NEVER])
    starts = np.concatenate([one[0] for one in spans]) if spans else np.array([], np.int64)
    ends = np.concatenate([one[1] for one in spans]) if spans else np.array([], np.int64)
    moments = np.concatenate((starts, ends))
    steps = np.concatenate((np.ones(len(starts), np.int64), -np.ones(len(ends), np.int64)))
    order = np.argsort(moments, kind="stable")
    moments, steps = moments[order], steps[order]
    last = np.concatenate((moments[1:] != moments[:-1], [True])) if len(moments) else steps > 0
    held = np.cumsum(steps)[last] >= times
    moments = moments[last]
    if not held.any():
        return np.array([], np.int64), np.array([], np.int64)
    until = np.concatenate((moments[1:], [NEVER]))
    return joined(moments[held], until[held])


def without(one: Spans, other: Spans) -> Spans:
    """The spans of ``one`` without those of ``other``."""
    return covered([one, complement(*other)], 2)


def complement(starts: Times, ends: Times) -> Spans:
    """All the time outside joined spans."""
    return joined(np.concatenate(([EVER], ends)), np.concatenate((starts, [NEVER])))


def losses_of(
    links: Iterable[LinkFacts],
    sites: Iterable[SiteFacts],
    downs_of: Callable[[int], Downs | None],
) -> Losses:
    """Compute the losses of service of these T1s; ``downs_of`` returns when a link was down.

    Uncertain: no backup of a primary link to the T0 was recorded at that time. A loss is then when
    all primary links to the T0 were down, whatever else was up. Among the events ongoing when the
    loss started, those on primary links to the T0 come first, and of these the one that started
    last accounts for the loss: it cut the T1 off. Of two that started together, the one with the
    lower number.

    Links are read one by one, and no further ones once some path was always up.
    """
    known, those = list(links), list(sites)
    t0s = {one.id for one in those if one.is_t0}
    found = [_of_site(known, one, t0s, downs_of) for one in those if one.t1_from < one.t1_until]
    if not found:
        return _NONE
    return Losses(
        np.concatenate([one.sites for one in found]),
        np.concatenate([one.starts for one in found]),
        np.concatenate([one.ends for one in found]),
        np.concatenate([one.is_unsure for one in found]),
        np.concatenate([one.events for one in found]),
    )


_NONE: Final = Losses(NO_TIMES, NO_TIMES, NO_TIMES, np.array([], np.bool_), NO_TIMES)


def _of_site(
    links: Sequence[LinkFacts],
    site: SiteFacts,
    t0s: set[int],
    downs_of: Callable[[int], Downs | None],
) -> Losses:
    own = [one for one in links if site.id in one.ends and one.network == "LHCOPN"]
    to_t0 = [one for one in own if one.role == "primary" and t0s & set(one.ends)]
    keys, first = {one.id for one in own}, {one.id for one in to_t0}
    rest = [one for one in own if one.id not in first]
    rest += [one for one in links if one.backs_up in keys and one.id not in keys]
    status = np.array([site.t1_from]), np.array([site.t1_until])
    cut = covered([_validity(to_t0), status], 2)
    downs: dict[int, Downs] = {}
    for one in to_t0:
        cut = covered([cut, _away(one, downs, downs_of)], 2)
        if not len(cut[0]):
            return _NONE
    recorded = _validity([one for one in links if one.backs_up in first])
    sure, unsure = covered([cut, recorded], 2), without(cut, recorded)
    for one in rest if len(sure[0]) else ():
        sure = covered([sure, _away(one, downs, downs_of)], 2)
    starts, ends = np.concatenate((sure[0], unsure[0])), np.concatenate((sure[1], unsure[1]))
    paths = [one.id for one in (*to_t0, *rest)]
    events = _answering(starts, first, paths, downs)
    is_unsure = np.arange(len(starts)) >= len(sure[0])
    sites = np.full(len(starts), site.id)
    real = events >= 0
    return Losses(sites[real], starts[real], ends[real], is_unsure[real], events[real])


def _validity(links: Sequence[LinkFacts]) -> Spans:
    """When at least one of these links was valid."""
    return joined(
        np.array([one.start for one in links], np.int64),
        np.array([one.end for one in links], np.int64),
    )


def _away(
    link: LinkFacts, downs: dict[int, Downs], downs_of: Callable[[int], Downs | None]
) -> Spans:
    """When a link was down, or did not exist; the periods down are added to ``downs``."""
    starts, ends = np.array([EVER, link.end]), np.array([link.start, NEVER])
    down = downs_of(link.id)
    if down is not None and len(down.starts):
        # an event reported without a length was down, if only for a moment
        down = Downs(down.starts, np.maximum(down.ends, down.starts + 1), down.events)
        # no ticket is required for what started while the link was not in use, so it accounts for
        # nothing
        in_use = (link.start <= down.starts) & (down.starts < link.end)
        downs[link.id] = Downs(down.starts[in_use], down.ends[in_use], down.events[in_use])
        starts, ends = np.concatenate((starts, down.starts)), np.concatenate((ends, down.ends))
    return joined(starts, ends)


def _answering(
    begins: Times, first: set[int], paths: Sequence[int], downs: Mapping[int, Downs]
) -> Times:
    """The event that accounts for the loss that starts then; -1 if none is ongoing: a link was
    retired."""
    answers = np.full(len(begins), -1, np.int64)
    for group in (sorted(first), [one for one in paths if one not in first]):
        still_open = answers < 0
        newest = np.full(len(begins), EVER, np.int64)
        for link in group:
            if link not in downs or not len(downs[link].starts):
                continue
            starts, events = _on_at(downs[link], begins)
            better = (starts > newest) | ((starts == newest) & (events < answers))
            takes = still_open & (events >= 0) & better
            answers, newest = np.where(takes, events, answers), np.where(takes, starts, newest)
    return answers


def _on_at(down: Downs, moments: Times) -> tuple[Times, Times]:
    """Start and event of a period that is ongoing at each moment, else -1 as the event."""
    order = np.argsort(down.starts, kind="stable")
    starts, ends, events = down.starts[order], down.ends[order], down.events[order]
    reach = np.maximum.accumulate(ends)
    grows = np.concatenate(([True], reach[1:] > reach[:-1]))
    # of overlapping periods, the one that ends last
    farthest = np.maximum.accumulate(np.where(grows, np.arange(len(ends)), 0))
    before = np.searchsorted(starts, moments, side="right") - 1
    at = farthest[np.maximum(before, 0)]
    is_on = (before >= 0) & (ends[at] > moments)
    return np.where(is_on, starts[at], EVER), np.where(is_on, events[at], -1)
