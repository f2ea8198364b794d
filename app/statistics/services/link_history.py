"""The past of some links in a few figures: their state day by day, and how available they were.

Of few links and a few months the events are read as they are requested, and not taken from the
cached facts of all; the arithmetic is that of the page of availability, and so are the figures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Final

import numpy as np
from sqlalchemy.orm import Session

from app.core.rules.language import _
from app.core.rules.quarters import Month, Quarter
from app.events.figures.facts import FOREVER, EventRow, facts_of
from app.registry.models.registry import Link
from app.registry.rules.registry import covers
from app.statistics.figures.availability import (
    Availability,
    Lengths,
    LinkLife,
    LinkSpans,
    by_link_and_period,
    spans_of,
    summed,
)
from app.tickets.figures.facts import microseconds
from app.topology.rules.link_days import days_from, worst_of
from app.topology.rules.link_states import LinkState
from app.topology.services.link_days import LinkPast, past_of_links

DAYS: Final = 90
"""Days of the strip, the day that is requested included."""
_SHORT: Final = 30
_QUIET: Final = frozenset({LinkState.OK, LinkState.UNMONITORED})


@dataclass(frozen=True)
class Day:
    """A day (UTC) of the strip. ``state`` None = none of the links was in use."""

    day: date
    state: LinkState | None
    links: Sequence[str] = ()
    """The links that were so; of a single link, and of days with nothing to show, none."""
    availability: Availability = field(default_factory=Availability)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happened on it, as far as is known."""
        return self.state is None or self.state in _QUIET


@dataclass(frozen=True)
class PeriodFigure:
    """The availability of a period; days are UTC, both included."""

    name: str
    first: date
    last: date
    availability: Availability


@dataclass(frozen=True)
class LinkHistory:
    """One link's part of the history."""

    days: Sequence[LinkState | None]
    """None = it was not in use."""
    whole: Availability
    """Of these days."""

    @property
    def counts(self) -> Sequence[tuple[LinkState, int]]:
        """Of how many days each state was the worst, the most urgent first."""
        return _counted(self.days)

    @property
    def runs(self) -> Mapping[LinkState | None, Sequence[tuple[int, int]]]:
        """By state the days in a row that were so: the place of the first, and how many."""
        found: dict[LinkState | None, list[tuple[int, int]]] = defaultdict(list)
        place = 0
        for state, days in groupby(self.days):
            count = len(list(days))
            found[state].append((place, count))
            place += count
        return found


@dataclass(frozen=True)
class History:
    """Of one link, or of several together."""

    days: Sequence[Day]
    figures: Sequence[PeriodFigure]
    links: Mapping[int, LinkHistory]
    """By the key of the link."""
    whole: Availability
    """Of the days that are shown."""

    @property
    def has_data(self) -> bool:
        """Whether any source reported any of the links until the last of the days."""
        return self.whole.has_data

    @property
    def is_known(self) -> bool:
        """Whether each of the links was monitored all the time: only then are they known not to
        have been down."""
        states = {state for link in self.links.values() for state in link.days}
        return not self.whole.unmonitored and LinkState.UNMONITORED not in states

    @property
    def trouble(self) -> Sequence[Day]:
        """The days on which something happened, the newest first."""
        return [one for one in reversed(self.days) if not one.is_quiet]

    @property
    def counts(self) -> Sequence[tuple[LinkState, int]]:
        """Of how many days each state was the worst, the most urgent first."""
        return _counted([one.state for one in self.days])

    @property
    def down_days(self) -> int:
        """Days on which a link was down, in maintenance or not."""
        return self._days_with("down")

    @property
    def degraded_days(self) -> int:
        """Days on which a link was degraded, and none was down."""
        return self._days_with("degraded")

    @property
    def maintenance_days(self) -> int:
        """Days with nothing worse than a window."""
        return sum(one.state is LinkState.MAINTENANCE for one in self.days)

    def _days_with(self, word: str) -> int:
        return sum(one.state is not None and one.state.endswith(word) for one in self.days)


def history_of_links(
    session: Session, links: Sequence[Link], day: date, now: datetime, month: Month | None = None
) -> History:
    """The 90 days until ``day`` (UTC), or the days of a month until then, with their figures. The
    month has started by that day.

    Figures of several links are of all of them together: down time and period are summed.
    """
    until = min(now.astimezone(UTC), _begin(day + timedelta(days=1)))
    if month is None:
        quarter = Quarter.of(_begin(day))
        spans = [
            (_("%(count)s days", count=count), day - timedelta(days=count - 1), day)
            for count in (_SHORT, DAYS)
        ]
        spans.append((_named(quarter, until), quarter.begin.date(), day))
        first = day - timedelta(days=DAYS - 1)
    else:
        first, last = month.begin.date(), min(day, month.end.date() - timedelta(days=1))
        until = min(until, month.end)
        spans = [(_named(month, until), first, last)]
        day = last
    count = (day - first).days + 1
    past = past_of_links(
        session, [one.id for one in links], min(one[1] for one in spans), until, now
    )
    known = {one.id: _spans(one.id, past[one.id]) for one in links}
    lives = [
        LinkLife(one.id, _edge(one.valid_from, 0), _edge(one.valid_until, FOREVER)) for one in links
    ]

    def lengths(*edges: date) -> Lengths:
        moments = [microseconds(_begin(edge)) for edge in edges]
        return by_link_and_period(known, lives, moments, microseconds(until))

    days = days_from(first, count)
    table = lengths(*days, day + timedelta(days=1))
    states = {one.id: _states(one, past[one.id], days) for one in links}
    figures = [
        PeriodFigure(name, begin, end, summed(lengths(begin, end + timedelta(days=1))))
        for name, begin, end in spans
    ]
    return History(
        [_day(one, place, links, states, table) for place, one in enumerate(days)],
        figures,
        {
            one.id: LinkHistory(states[one.id], summed(table[place][None]))
            for place, one in enumerate(links)
        },
        summed(table),
    )


def _counted(states: Sequence[LinkState | None]) -> Sequence[tuple[LinkState, int]]:
    counted = Counter(states)
    return [(state, counted[state]) for state in LinkState if counted[state]]


def _states(link: Link, past: LinkPast, days: Sequence[date]) -> Sequence[LinkState | None]:
    found = past.states(days[0], len(days))
    life = link.valid_from, link.valid_until
    return [state if covers(life, day) else None for day, state in zip(days, found, strict=True)]


def _day(
    day: date,
    place: int,
    links: Sequence[Link],
    states: Mapping[int, Sequence[LinkState | None]],
    table: Lengths,
) -> Day:
    of_links = [(one.name, state) for one in links if (state := states[one.id][place]) is not None]
    worst = worst_of([state for _, state in of_links]) if of_links else None
    one = Day(day, worst, (), summed(table[:, place : place + 1]))
    if len(links) == 1 or one.is_quiet:
        return one
    return replace(one, links=[name for name, state in of_links if state is worst])


def _spans(link: int, past: LinkPast) -> LinkSpans:
    rows = [EventRow(one.id, link, one.state, one.start, one.end, 0) for one in past.events]
    first = FOREVER if past.first_heard is None else microseconds(past.first_heard)
    starts, ends = (
        np.array([microseconds(span[side]) for span in past.unwatched], np.int64) for side in (0, 1)
    )
    return replace(spans_of(facts_of(rows)), first=first, unwatched=(starts, ends))


def _named(period: Month | Quarter, until: datetime) -> str:
    if period.is_partial(until):
        return _("%(period)s so far", period=period.words)
    return period.words


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _edge(day: date | None, otherwise: int) -> int:
    return otherwise if day is None else microseconds(_begin(day))
