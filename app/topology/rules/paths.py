"""Which T1s have a path to the T0, and which troubled link is the worst.

Paths use links of the LHCOPN and their recorded backups, also through other sites. An unmonitored
link is not a working path: its state is unknown. This rule uses neither rows nor pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from app.topology.rules.link_states import DOWN_NOW, LinkState, LinkStatus


class Path(IntEnum):
    """What is known of a path for the traffic, worst first."""

    NONE = 0
    UNKNOWN = 1
    WORKS = 2


@dataclass(frozen=True)
class Joint:
    """Two sites that a link connects, or a backup in its place."""

    end_a: str
    end_b: str
    path: Path


def path_over(status: LinkStatus) -> Path:
    """Whether a link carries traffic (a degraded one does). Unknown during a window, if nobody
    watches the link, and if a source that is silent now reported it as down."""
    if status.state in DOWN_NOW:
        return Path.UNKNOWN if status.is_last_report else Path.NONE
    if not status.is_watched or status.state in (LinkState.UNMONITORED, LinkState.MAINTENANCE):
        return Path.UNKNOWN
    return Path.WORKS


def paths_to(centres: Collection[str], joints: Iterable[Joint]) -> Mapping[str, Path]:
    """The best path of each site to one of ``centres``; a path is as good as its worst part. A site
    that is missing from the result has no path."""
    beside: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for one in joints:
        beside[one.end_a].append((one.end_b, one.path))
        beside[one.end_b].append((one.end_a, one.path))
    found: dict[str, Path] = {}
    for least in (Path.WORKS, Path.UNKNOWN):
        seen, to_do = {*centres}, [*centres]
        while to_do:
            for other, path in beside[to_do.pop()]:
                if path >= least and other not in seen:
                    seen.add(other)
                    to_do.append(other)
        for site in seen:
            found.setdefault(site, least)
    return found
