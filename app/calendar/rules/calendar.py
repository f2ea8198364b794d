"""Windows of planned work: which of them collide, and which days they touch.

A window lasts from its start until before its end (UTC); two that only touch do not collide. One
without length, or whose end is not known, is the moment of its start and collides with nothing.
It knows neither rows nor pages.
"""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from app.calendar.rules.lhc_calendar import Period, running_between
from app.core.rules.language import _


@dataclass(frozen=True)
class PlannedLink:
    """A link in a window: the T1s among its ends then, and what it backs up ("" = nothing)."""

    name: str
    t1s: frozenset[str] = field(default_factory=frozenset)
    backs_up: str = ""


@dataclass(frozen=True)
class Window:
    """A window of one ticket, that takes place as far as is known."""

    ticket: int
    start: datetime
    end: datetime
    links: tuple[PlannedLink, ...]


@dataclass(frozen=True)
class Appointment:
    """What else is in the calendar: when, what, and where it leads. Times are UTC."""

    start: datetime
    end: datetime
    words: str
    url: str
    is_cancelled: bool = False


class ConflictKind(StrEnum):
    """Why two windows should not be at the same time."""

    BACKUP = "backup"
    """A link and one that backs it up."""
    SAME_T1 = "same T1"
    """Two links of one T1, neither of which backs up the other."""


@dataclass(frozen=True)
class Conflict:
    """Work on two links at the same time, of two tickets or (both the same) of one."""

    kind: ConflictKind
    tickets: tuple[int, int]
    links: tuple[str, ...]
    """For BACKUP the link and its backup; for SAME_T1 all that are worked on, by name."""
    site: str
    """The T1 for SAME_T1, else ""."""
    start: datetime
    end: datetime

    @property
    def words(self) -> str:
        """The reason in words, without times and tickets."""
        if self.kind is ConflictKind.BACKUP:
            return _(
                "%(links)s and its backup %(links2)s at the same time",
                links=self.links[0],
                links2=self.links[1],
            )
        listed = _(
            "%(listed)s and %(links)s", listed=", ".join(self.links[:-1]), links=self.links[-1]
        )
        return _("%(listed)s, links of %(site)s, at the same time", listed=listed, site=self.site)


@dataclass(frozen=True)
class Planned:
    """A window with its ticket. ``end`` is ``start`` where the end is not said."""

    ticket: int
    version: int
    title: str
    state: str
    category: str
    network: str
    impact: str
    changed_at: datetime
    start: datetime
    end: datetime
    open_end: bool
    cancelled: bool
    """The ticket ended unsolved: the work did not take place, or is not to."""
    links: tuple[PlannedLink, ...] = ()
    sites: tuple[str, ...] = ()
    asked: int = 0
    """Sites that have to accept the change ..."""
    accepted: int = 0
    refused: int = 0
    season: str = ""
    """The season of the LHC in which it falls, if its detectors run then."""
    conflicts: tuple[Conflict, ...] = ()

    @property
    def has_length(self) -> bool:
        """Whether it lasts for a known time."""
        return not self.open_end and self.end > self.start

    @property
    def worked_on(self) -> tuple[str, ...]:
        """The links that are worked on, by name; where none is named, the sites."""
        return tuple(link.name for link in self.links) or self.sites

    @property
    def is_notice(self) -> bool:
        """Whether it says all that a maintenance notice (MAINTNOTE) has to."""
        return self.has_length and bool(self.worked_on)

    @property
    def missing(self) -> int:
        """Sites that have to accept and did not answer."""
        return self.asked - self.accepted - self.refused


def conflicts(windows: Iterable[Window]) -> list[Conflict]:
    """Every collision, by its beginning, then by tickets. One ticket may collide with itself."""
    found: list[Conflict] = []
    going_on: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.start, one.ticket)):
        if window.end <= window.start:
            continue
        going_on = [one for one in going_on if one.end > window.start]
        found += _between(window, window)
        for other in going_on:
            found += _between(other, window)
        going_on.append(window)
    return sorted(found, key=lambda one: (one.start, one.tickets, one.kind, one.links))


def conflicts_of(window: Window, others: Iterable[Window]) -> list[Conflict]:
    """What of ``conflicts`` one window has part in, among ``others``."""
    beside = [one for one in others if one.start < window.end and one.end > window.start]
    return [one for one in conflicts([window, *beside]) if window.ticket in one.tickets]


def free_spans(
    window: Window, others: Iterable[Window], first: datetime, last: datetime
) -> list[tuple[datetime, datetime]]:
    """The times between two moments in which the work of this window fits in one piece without a
    conflict with ``others``. A conflict within itself is at any time, and left out of account."""
    length = window.end - window.start
    found: list[tuple[datetime, datetime]] = []
    begin = first
    for other in sorted(others, key=lambda one: one.start):
        if other.end <= other.start or not any(_between(window, other)):
            continue
        if (end := min(other.start, last)) - begin >= length:
            found.append((begin, end))
        begin = max(begin, other.end)
    if last - begin >= length:
        found.append((begin, last))
    return found


def _between(one: Window, other: Window) -> Iterable[Conflict]:
    """What collides of two windows that overlap, or within one (the same twice)."""
    tickets = (min(one.ticket, other.ticket), max(one.ticket, other.ticket))
    start, end = max(one.start, other.start), min(one.end, other.end)
    backed: set[tuple[str, str]] = set()
    of_t1: dict[str, set[str]] = {}
    for first in one.links:
        for second in other.links:
            if first.name == second.name:
                continue
            if second.backs_up == first.name:
                backed.add((first.name, second.name))
            elif first.backs_up == second.name:
                backed.add((second.name, first.name))
            else:
                for site in first.t1s & second.t1s:
                    of_t1.setdefault(site, set()).update((first.name, second.name))
    for pair in sorted(backed):
        yield Conflict(ConflictKind.BACKUP, tickets, pair, "", start, end)
    for site in sorted(of_t1):
        links = tuple(sorted(of_t1[site]))
        yield Conflict(ConflictKind.SAME_T1, tickets, links, site, start, end)


def season_during(start: datetime, end: datetime, periods: Iterable[Period]) -> Period | None:
    """The season in which the LHC's detectors run during a window, or None."""
    return running_between(start, end, periods)


def days_of(start: datetime, end: datetime) -> Sequence[date]:
    """The days (UTC) that a window touches; an end at midnight does not touch the day it begins."""
    first = start.astimezone(UTC).date()
    last = first
    if end > start:
        last = (end - timedelta(microseconds=1)).astimezone(UTC).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def weeks_of(month: date) -> Sequence[Sequence[date]]:
    """The weeks, Monday to Sunday, that show the month of this day."""
    return Calendar().monthdatescalendar(month.year, month.month)


def month_after(month: date, months: int = 1) -> date:
    """The first day of the month so many months later (or earlier)."""
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def midnight(day: date) -> datetime:
    """The beginning of a day, UTC."""
    return datetime.combine(day, time(), UTC)
