"""The facts of reported events that figures need, as arrays: a million of them are 25 MB.

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
"""No link; keys of links start at 1."""
STATES: Final = ("down", "degraded", "unmonitored")
"""An event refers to its state by position; a moment in several states counts for the first."""
EVENT: Final = np.dtype(
    [
        ("id", "<i4"),
        ("link", "<i4"),
        ("state", "u1"),
        ("start", "<i8"),
        ("end", "<i8"),
        ("source", "<i4"),
    ]
)
Events: TypeAlias = npt.NDArray[Any]
"""Rows of ``EVENT``, ordered by id."""


@dataclass(frozen=True)
class EventRow:
    """The columns of an event's row; times are UTC."""

    id: int
    link: int | None
    state: str
    start: datetime
    end: datetime | None
    source: int
    """The key of the source that reported it."""


def facts_of(rows: Iterable[EventRow]) -> Events:
    """The facts of events."""
    places = {word: at for at, word in enumerate(STATES)}
    found = [
        (
            row.id,
            row.link or NOWHERE,
            places[row.state],
            microseconds(row.start),
            FOREVER if row.end is None else microseconds(row.end),
            row.source,
        )
        for row in rows
    ]
    return _by_id(np.array(found, dtype=EVENT))


def joined(parts: Sequence[Events]) -> Events:
    """Join several into one; they are given in the order of their ids."""
    return np.concatenate(parts) if parts else np.zeros(0, EVENT)


def replaced(events: Events, newer: Events) -> Events:
    """Replace events by newer versions, and add new ones."""
    return _by_id(np.concatenate([events[~np.isin(events["id"], newer["id"])], newer]))


def _by_id(events: Events) -> Events:
    return events[np.argsort(events["id"], kind="stable")]
