"""What figures need to know of each reported event, as arrays: a million of them are 37 MB.

Times are int64 microseconds since 1970, UTC. An ongoing event ends ``FOREVER``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from app.tickets.figures.facts import microseconds

FOREVER: Final = 2**63 - 1
NOWHERE: Final = 0
"""No link; keys of links begin at 1."""
STATES: Final = ("down", "degraded", "unmonitored")
"""An event's place among them is kept; a moment that is in several states is in the first."""
EVENT: Final = np.dtype(
    [
        ("id", "<i4"),
        ("link", "<i4"),
        ("source", "<i4"),
        ("state", "u1"),
        ("start", "<i8"),
        ("end", "<i8"),
    ]
)
_PART: Final = 8_192 * EVENT.itemsize
Events: TypeAlias = npt.NDArray[Any]
"""Rows of ``EVENT``, ordered by id."""


@dataclass(frozen=True)
class EventRow:
    """What an event's row tells; times are UTC."""

    id: int
    link: int | None
    source: int
    state: str
    start: datetime
    end: datetime | None


def facts_of(rows: Iterable[EventRow]) -> Events:
    """The facts of events."""
    places = {word: at for at, word in enumerate(STATES)}
    found = [
        (
            row.id,
            row.link or NOWHERE,
            row.source,
            places[row.state],
            microseconds(row.start),
            FOREVER if row.end is None else microseconds(row.end),
        )
        for row in rows
    ]
    return _by_id(np.array(found, dtype=EVENT))


def joined(parts: Sequence[Events]) -> Events:
    """Several blocks as one; they are given in the order of their ids."""
    return np.concatenate(parts) if parts else np.zeros(0, EVENT)


def replaced(events: Events, newer: Events) -> Events:
    """The events, with what is newer of some; those that were not there are added."""
    if not len(newer):
        return events
    # what lies before the first and behind the last of them stays as it is
    begin, end = np.searchsorted(events["id"], newer["id"][[0, -1]])
    end += end < len(events) and events["id"][end] == newer["id"][-1]
    stays = events[begin:end][~np.isin(events["id"][begin:end], newer["id"])]
    between = _by_id(np.concatenate([stays, newer]))
    return np.concatenate([events[:begin], between, events[end:]])


def differing(before: Events, now: Events) -> npt.NDArray[np.intp]:
    """The places at which two equally long ones differ, ascending."""
    one, other = (np.ascontiguousarray(events).view(np.uint8) for events in (before, now))
    found = [np.zeros(0, np.intp)]
    # by parts that a processor's cache holds
    for begin in range(0, len(one), _PART):
        differs = one[begin : begin + _PART] != other[begin : begin + _PART]
        if differs.any():
            found.append(np.unique((np.flatnonzero(differs) + begin) // EVENT.itemsize))
    return np.concatenate(found)


def unpack(rows: bytes) -> Events:
    """The events whose bytes these are; they cannot be written to."""
    return np.frombuffer(rows, EVENT)


def _by_id(events: Events) -> Events:
    return events[np.argsort(events["id"], kind="stable")]
