"""What a new ticket of one or of several events begins with; the rooms of events fill it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from app.core.rules.texts import PORTAL_TEXT_LIMIT, TITLE_LIMIT
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import CLOSED_STATES, Layer


@dataclass(frozen=True)
class TicketOfEvent:
    """What a new ticket of an event begins with."""

    event_id: int
    where: str
    """Its link, else its site."""
    state: str
    """down, degraded or unmonitored."""
    title: str
    description: str
    links: Sequence[str]
    sites: Sequence[str]
    network: str
    layer: str
    start: datetime
    end: datetime | None
    tickets: Sequence[Ticket]
    """Those that document it by the current figures, by number: another one is hardly needed. While
    it is ongoing, none that names only its site."""


_MANY: Final = 10
"""Links that a title names at most."""


@dataclass(frozen=True)
class TicketOfEvents:
    """What one ticket of several events begins with, which a person chose together; of one it is
    what that begins with. At least one event."""

    events: Sequence[TicketOfEvent]

    @cached_property
    def title(self) -> str:
        """How many links are down, and which, as far as there is room."""
        if len(self.events) == 1:
            return self.events[0].title
        places = list(dict.fromkeys(one.where for one in self.events))
        states = sorted({one.state for one in self.events}, key=lambda one: (one != "down", one))
        said = " or ".join(states)
        if len(places) == 1:
            return f"{places[0]} {said}"[:TITLE_LIMIT]
        what = "links" if all(one.links for one in self.events) else "links or sites"
        head = f"{len(places)} {what} {said}"
        for count in range(min(len(places), _MANY), 0, -1):
            left = len(places) - count
            names = ", ".join(places[:count])
            more = f" and {left} more" if left else ""
            if len(title := f"{head}: {names}{more}") <= TITLE_LIMIT:
                return title
        return head

    @cached_property
    def description(self) -> str:
        """What is known of each."""
        if len(self.events) == 1:
            return self.events[0].description
        said = [f"{one.where}: {one.description}" for one in self.events]
        return "\n\n".join(said)[:PORTAL_TEXT_LIMIT]

    @cached_property
    def links(self) -> Sequence[str]:
        """All of them, each once."""
        return [*dict.fromkeys(name for one in self.events for name in one.links)]

    @cached_property
    def sites(self) -> Sequence[str]:
        """Likewise."""
        return [*dict.fromkeys(name for one in self.events for name in one.sites)]

    @cached_property
    def network(self) -> str:
        """Of all of them; "" where they are of several."""
        found = {one.network for one in self.events if one.network}
        return found.pop() if len(found) == 1 else ""

    @cached_property
    def layer(self) -> str:
        """Of all of them; unknown where they are of several."""
        found = {one.layer for one in self.events}
        return found.pop() if len(found) == 1 else str(Layer.UNKNOWN)

    @cached_property
    def start(self) -> datetime:
        """The earliest."""
        return min(one.start for one in self.events)

    @cached_property
    def end(self) -> datetime | None:
        """The last; None while one of them is ongoing."""
        ends = [one.end for one in self.events if one.end is not None]
        return max(ends) if len(ends) == len(self.events) else None

    @cached_property
    def tickets(self) -> Sequence[Ticket]:
        """Those that document one of them, each once, by number."""
        found = {ticket.number: ticket for one in self.events for ticket in one.tickets}
        return [found[number] for number in sorted(found)]

    @property
    def all_ended(self) -> bool:
        """Whether one of them is ongoing, and each of these tickets ended."""
        return self.end is None and all(one.state in CLOSED_STATES for one in self.tickets)
