"""What the state of a link was on each of many days: the worst of what touched the day.

A day says what the rule of ``link_states`` says of the events, incidents and windows that touch it.
Work that was planned then is left out: it says nothing of the day itself. Days are UTC.
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
"""Of several links one that nobody watches says less than one that is known to be ok."""


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
    """When what it is about was over; None = it is not."""
    window_start: datetime | None
    """None = it has no window, or none that has begun."""
    window_over: datetime | None
    """None = it has not ended, or no end was said."""


def states_of_days(
    events: Sequence[PastEvent],
    tickets: Sequence[PastTicket],
    first_heard: datetime | None,
    first: date,
    count: int,
    unwatched: Sequence[Span] = (),
) -> list[LinkState]:
    """The state of one link on each of ``count`` days from ``first`` on.

    ``first_heard``: when the first event of it began that any source reported; None = none did.
    ``unwatched``: when every source that watched it was silent; what touches a day counts.
    What begins after the last day, or after now, is not to be given.
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
    """The worst of several links: unmonitored only where none of them is watched."""
    return min(states, key=_WORST.index)


def _touched(begin: datetime, end: datetime | None, first: date, count: int) -> range:
    """The places of the days that a time touches; what ended at midnight touches that day."""
    last = count - 1 if end is None else min(count - 1, (_day(end) - first).days)
    return range(max(0, (_day(begin) - first).days), last + 1)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def days_from(first: date, count: int) -> list[date]:
    """The days themselves."""
    return [first + timedelta(days=place) for place in range(count)]
