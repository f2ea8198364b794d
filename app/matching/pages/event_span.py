"""The chart of an event's times: the event, its reports and its tickets, one below the other on a
common time scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.web.times import now
from app.events.models.events import Event
from app.matching.models.matching import DetectedEvent
from app.matching.services.event_pages import Beside

WIDTH = 1000
MAX_REPORTS = 12
_REACH = 3
"""Time shown before and after the event, in lengths of the event, at least ``_MIN_REACH``: a ticket
that was open for long does not shrink its event to a dot."""
_MIN_REACH = timedelta(hours=6)


@dataclass(frozen=True)
class Bar:
    """One row: its label, start and end, and its bar in units of the width."""

    kind: str
    """detected, report or ticket."""
    number: int
    start: datetime
    end: datetime | None
    x: float
    width: float
    documents: bool = True


@dataclass(frozen=True)
class EventSpan:
    """The rows, and the period that the chart shows."""

    begins: datetime
    ends: datetime
    bars: Sequence[Bar]
    left_out: int
    """Reports without a row of their own."""


def span_of_event(
    detected: DetectedEvent, reports: Sequence[Event], tickets: Sequence[Beside]
) -> EventSpan:
    """The chart of a detected event with its reports and matching tickets."""
    moment = now()
    first, last = detected.start, detected.end or moment
    margin = max((last - first) / 2, timedelta(minutes=30))
    reach = max((last - first) * _REACH, _MIN_REACH)
    begins = max(min([first, *(item.start for item in tickets)]), first - reach) - margin / 4
    ends = min(max([last, *(item.end or moment for item in tickets)]), last + reach) + margin / 4
    whole = max((ends - begins).total_seconds(), 1.0)

    def bar(
        kind: str, number: int, start: datetime, end: datetime | None, *, sure: bool = True
    ) -> Bar:
        left = min(max((start - begins).total_seconds(), 0.0) / whole * WIDTH, WIDTH - 4.0)
        right = min(((end or moment) - begins).total_seconds(), whole) / whole * WIDTH
        width = max(right - left, 4.0)
        return Bar(kind, number, start, end, round(left, 1), round(width, 1), sure)

    shown = reports[:MAX_REPORTS] if len(reports) > 1 else ()
    bars = [
        bar("detected", detected.id, detected.start, detected.end),
        *(bar("report", one.id, one.start, one.end) for one in shown),
        *(bar("ticket", one.number, one.start, one.end, sure=one.documents) for one in tickets),
    ]
    return EventSpan(begins, ends, bars, len(reports) - len(shown) if shown else 0)
