"""The state of a link on each of many days: the worst of everything that touches the day.

A day has the state that the rule of ``link_states`` gives for the events, incidents and windows
that touch it. Work that was only planned on that day is ignored: it does not affect the day itself.
Days are UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from app.events.rules.hearing import Span
from app.topology.rules.link_states import (
    HEARD,
    NEVER,
    LinkState,
    Monitoring,
    OngoingEvent,
    OpenTickets,
    WindowPhase,
    state_of_link,
)

_WORST: Final = (
    *(LinkState.DOWN, LinkState.MAINTENANCE_DOWN),
    *(LinkState.DEGRADED, LinkState.MAINTENANCE_DEGRADED),
    *(LinkState.MAINTENANCE, LinkState.OK, LinkState.UNMONITORED),
)
"""For several links: an unmonitored one says less than one known to be ok."""


_SILENT: Final = Monitoring(is_reported=True, silence="silent")
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class PastEvent:
    """An event of a link; times are UTC, ``end`` None = ongoing."""

    id: int
    state: str
    """down, degraded or unmonitored."""
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class PastTicket:
    """An incident, or a ticket with a window that took place. Times are UTC."""

    number: int
    category: str
    layer: str
    impact: str
    begun: datetime
    over: datetime | None
    """When the trouble was over; None = not yet."""
    window_start: datetime | None
    """None = no window, or one that has not started."""
    window_over: datetime | None
    """None = not ended, or no end was stated."""


def states_of_days(
    events: Sequence[PastEvent],
    tickets: Sequence[PastTicket],
    first_heard: datetime | None,
    first: date,
    count: int,
    unwatched: Sequence[Span] = (),
) -> list[LinkState]:
    """The state of one link on each of ``count`` days from ``first`` on.

    ``first_heard``: start of the first event that any source reported for it; None = none did.
    ``unwatched``: when every source that watched it was silent; days that these spans touch count.
    Must not contain anything that starts after the last day, or after now.
    """
    happened: dict[int, list[OngoingEvent]] = defaultdict(list)
    said: dict[int, list[OpenTickets]] = defaultdict(list)
    for event in events:
        for day in _touched(event.start, event.end, first, count):
            happened[day].append(OngoingEvent(event.id, event.state, event.start, None))
    for ticket in tickets:
        about = _touched(ticket.begun, ticket.over, first, count)
        running: Collection[int] = ()
        if ticket.window_start is not None:
            running = _touched(ticket.window_start, ticket.window_over, first, count)
        for day in {*about, *running}:
            phase = WindowPhase.RUNNING if day in running else WindowPhase.NONE
            said[day].append(
                OpenTickets(
                    *(ticket.category, ticket.layer, ticket.impact, phase),
                    *(1, ticket.number, ticket.number, ticket.begun),
                )
            )
    heard = count if first_heard is None else (_day(first_heard) - first).days
    silent = {
        day for start, end in unwatched for day in _touched(start, end - _MOMENT, first, count)
    }

    def state(day: int) -> LinkState:
        monitoring = NEVER if day < heard else _SILENT if day in silent else HEARD
        if day in happened or day in said:
            return state_of_link(happened[day], said[day], monitoring).state
        return LinkState.OK if monitoring is HEARD else LinkState.UNMONITORED

    return [state(day) for day in range(count)]


def worst_of(states: Collection[LinkState]) -> LinkState:
    """The worst of several links: unmonitored only if all of them are unmonitored."""
    return min(states, key=_WORST.index)


def _touched(begin: datetime, end: datetime | None, first: date, count: int) -> range:
    """The indexes of the days that a span touches; a span that ends at midnight touches that
    day."""
    last = count - 1 if end is None else min(count - 1, (_day(end) - first).days)
    return range(max(0, (_day(begin) - first).days), last + 1)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def days_from(first: date, count: int) -> list[date]:
    """The days themselves."""
    return [first + timedelta(days=place) for place in range(count)]
