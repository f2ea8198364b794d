"""The picture of a ticket's times: event, window and the ticket's own life as bars on one line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.core.rules.language import _, joined
from app.core.web.times import now
from app.tickets.models.tickets import Ticket


@dataclass(frozen=True)
class Bar:
    """A bar of the picture of times, in units of a width of 340."""

    x: float
    width: float


@dataclass(frozen=True)
class Span:
    """Event, window and ticket on one line."""

    life: Bar
    event: Bar | None
    window: Bar | None
    words: str


def span_of(ticket: Ticket) -> Span | None:
    """The picture of times; None when there is nothing to compare."""
    life = (ticket.created_at, ticket.ended_at or now())
    event = (
        (ticket.event_start, ticket.event_end or ticket.ended_at or now())
        if ticket.event_start
        else None
    )
    window = (
        (ticket.window_start, ticket.window_end)
        if ticket.window_start and ticket.window_end
        else None
    )
    if event is None and window is None:
        return None
    periods = [life, *(period for period in (event, window) if period)]
    first = min(period[0] for period in periods)
    last = max(period[1] for period in periods)
    whole = max((last - first).total_seconds(), 1.0)

    def bar(period: tuple[datetime | None, datetime | None] | None) -> Bar | None:
        if period is None or period[0] is None or period[1] is None:
            return None
        x = (period[0] - first).total_seconds() / whole * 332 + 2
        width = max((period[1] - period[0]).total_seconds() / whole * 332, 4)
        return Bar(round(x, 1), round(width, 1))

    shown = bar(life)
    assert shown is not None
    named = ((_("event"), event), (_("window"), window), (_("ticket"), life))
    words = joined(", ", (word for word, there in named if there))
    return Span(shown, bar(event), bar(window), _("Times of %(words)s", words=words))
