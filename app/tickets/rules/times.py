"""A ticket's own times as GGUS's reports count them, read from its change log.

Response: from creation to the first state other than new or assigned, or to the first change of
unit (decisions, section 9). Waiting: the sum of the times in "waiting for reply". Paused: the
working time in "waiting for reply" and "on hold" together, which nobody spends on solving. How long
a solution took is not calculated here: the ticket itself knows when it ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.tickets.rules.tickets import CREATION_STATES, State
from app.tickets.rules.working_time import working_time_between

_PAUSES: Final = (State.WAITING, State.ON_HOLD)
WATCHED: Final = ("state", "unit", "priority")
"""The fields of the change log that decide these times."""


@dataclass(frozen=True)
class LoggedValue:
    """One field of one change: the ticket's version then, when (UTC), and its new value."""

    version: int
    at: datetime
    field: str
    new: str | None


@dataclass(frozen=True)
class TicketTimes:
    """The times from a ticket's log. None if it does not have them, or not yet."""

    responded: datetime | None = None
    """The moment of the response."""
    waited: timedelta = timedelta()
    """How long it waited for replies, without the ongoing wait."""
    waiting_since: datetime | None = None
    """The beginning of the ongoing wait."""
    has_waited: bool = False
    """Whether it ever waited for a reply, however shortly."""
    paused: timedelta | None = timedelta()
    """The working time in which it waited for a reply or was on hold, without an ongoing pause;
    None = not known: it came from an old system in the middle of its life."""
    priority: str = ""
    """The priority at submission."""


def times_of(log: Iterable[LoggedValue]) -> TicketTimes:
    """The times of one ticket; its log is given oldest first.

    A ticket that was imported as something else than new or assigned was answered before this
    portal knew it: its response is not known. A wait that it brought is not known either, nor how
    long it paused.
    """
    responded: datetime | None = None
    since: datetime | None = None
    paused, pause_began = timedelta(), None
    waited, has_waited, priority, came_answered = timedelta(), False, "", False
    for item in log:
        if item.version == 1:
            if item.field == "priority":
                priority = item.new or ""
            elif item.field == "state":
                came_answered = item.new not in CREATION_STATES
            continue
        if item.field == "priority":
            continue
        answers = item.field == "unit" or item.new not in CREATION_STATES
        if answers and responded is None and not came_answered:
            responded = item.at
        if item.field != "state":
            continue
        if pause_began is not None:
            paused += working_time_between(pause_began, item.at)
        pause_began = item.at if item.new in _PAUSES else None
        if since is not None and item.new != State.WAITING:
            waited += item.at - since
            since = None
        elif since is None and item.new == State.WAITING:
            since, has_waited = item.at, True
    known = None if came_answered else paused
    return TicketTimes(responded, waited, since, has_waited, known, priority)
