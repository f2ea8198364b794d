"""When a source of events is silent, and when a link was unmonitored.

Dead monitoring and monitoring that finds nothing both report nothing. So a source is expected to
call at an interval, even with an empty list, and a link is monitored only while one of the sources
that ever reported it is heard (decision "When monitoring is silent" in ``docs/adr``). All times are
UTC; does not use rows or pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.core.rules.durations import length_in_words
from app.core.rules.language import _, joined

EXPECTED: Final = timedelta(minutes=60)
"""How often a source is expected to call unless an administrator sets another interval."""
MAX_EXPECTED: Final = timedelta(days=31)
WRITTEN_EVERY: Final = timedelta(seconds=10)
"""A call is recorded at most once in this time for each source."""
_NAMED: Final = 3
"""Silent sources named in a sentence."""
_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)

Span = tuple[datetime, datetime]
"""A period; its end is excluded."""


@dataclass(frozen=True)
class Hearing:
    """A source and when it was last heard."""

    name: str
    expected: timedelta
    last: datetime | None
    """None = never."""

    def is_silent(self, now: datetime) -> bool:
        """Whether it was not heard for longer than expected. A last call in the future, from a
        wrong clock, does not count as being heard either."""
        return self.last is None or abs(now - self.last) > self.expected

    def words(self, now: datetime) -> str:
        """``perfSONAR not heard for 3 h (expected every 15 min)``."""
        every = length_in_words(self.expected)
        if self.last is None:
            return _(
                "%(source)s never heard (expected every %(every)s)", source=self.name, every=every
            )
        if self.last > now:
            return _(
                "%(source)s last heard at %(at)s UTC, which is in the future",
                source=self.name,
                at=format(self.last, "%Y-%m-%d %H:%M"),
            )
        return _(
            "%(source)s not heard for %(length)s (expected every %(every)s)",
            source=self.name,
            length=length_in_words(now - self.last),
            every=every,
        )


def silence_in_words(sources: Iterable[Hearing], now: datetime) -> str:
    """The silent sources in words, the one heard last first."""
    by_time = sorted(sources, key=lambda one: one.name)
    by_time.sort(key=lambda one: one.last or _ALWAYS, reverse=True)
    said = [one.words(now) for one in by_time[:_NAMED]]
    more = len(by_time) - len(said)
    if more:
        said.append(_("and %(count)s more", count=more))
    return joined("; ", said)


def times_in_words(names: Sequence[str], silence: Span) -> str:
    """A silence of these sources that has ended, for a past day."""
    return _(
        "%(sources)s not heard from %(start)s to %(end)s UTC",
        sources=joined(", ", names[:_NAMED]),
        start=format(silence[0], "%Y-%m-%d %H:%M"),
        end=format(silence[1], "%Y-%m-%d %H:%M"),
    )


def silent_since(sources: Iterable[Hearing]) -> datetime | None:
    """Since when none of these silent sources was heard; None = none ever was."""
    return max((one.last for one in sources if one.last is not None), default=None)


def ongoing_silence(
    last: datetime | None, expected: timedelta, silence_from: datetime | None, now: datetime
) -> Span | None:
    """The current silence of a source, as far as it counts: it starts when the source was last
    heard, but not before calls were recorded."""
    begin = max(last or _ALWAYS, silence_from or _ALWAYS)
    if begin >= now or (last is not None and now - last <= expected):
        return None
    return begin, now


@dataclass(frozen=True)
class Watch:
    """A source that watches a link."""

    since: datetime
    """Start of the first event that it reported for the link."""
    silences: Sequence[Span]
    """When the source was silent: disjoint, ascending."""


def unwatched(watches: Sequence[Watch]) -> list[Span]:
    """When every source that watched a link was silent, from its first event on; ascending. A
    source watches a link from the first event on that it reported for it."""
    if not watches:
        return []
    ordered = sorted(watches, key=lambda one: one.since)
    found = _after(ordered[0].silences, ordered[0].since)
    for one in ordered[1:]:
        found = _common(found, [(_ALWAYS, one.since), *_after(one.silences, one.since)])
    return found


def _after(spans: Iterable[Span], moment: datetime) -> list[Span]:
    return [(max(start, moment), end) for start, end in spans if end > moment]


def _common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """The time in both."""
    found, place = [], 0
    for start, end in some:
        while place < len(others) and others[place][1] <= start:
            place += 1
        at = place
        while at < len(others) and others[at][0] < end:
            both = max(start, others[at][0]), min(end, others[at][1])
            if both[1] > both[0]:
                found.append(both)
            at += 1
    return _merged(found)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans, with touching ones joined."""
    found: list[Span] = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found
