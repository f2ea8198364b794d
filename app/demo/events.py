"""The demo's network events: what monitoring would have reported in addition to its tickets. All
samples.

The numbers of the slides' tables per T1 are not known; here the totals are chosen, and their spread
over the T1s is made up. Reported are whole events and flapping ones, short ones that do not count,
times without monitoring, events of the LHCONE and some of a site alone; of one site nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from random import Random
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.composition import compose_figures
from app.core.figures.frames import FOREVER, moment_of
from app.core.rules.access import Actor, Door, Writer
from app.core.rules.quarters import Quarter
from app.demo.tonight import TROUBLES, UNWATCHED, Trouble
from app.events.models.events import EventSource
from app.events.rules.events import EventMessage
from app.events.services.events import Heard, report_events
from app.events.services.hearing import hear, heard_in_file
from app.matching.rules.matching import FIRST_RULE
from app.matching.services.evidence import evidence_of, target_of
from app.matching.services.recompute import bring_up_to_date
from app.registry.models.registry import Link, Site
from app.registry.rules.networks import Network

SLIDES: Final[Mapping[Quarter, tuple[int, int]]] = {
    Quarter(2012, 1): (19, 15),
    Quarter(2012, 2): (21, 14),
    Quarter(2013, 1): (34, 6),
    Quarter(2013, 2): (28, 4),
}
"""Detected events of at least an hour and those with a ticket, in all: samples."""
_BETWEEN: Final[Mapping[Quarter, tuple[int, int]]] = {
    Quarter(2012, 3): (24, 17),
    Quarter(2012, 4): (22, 16),
}
_RECENT: Final = (18, 13)
"""The same in each of the last four quarters, as far as they have been."""
NO_DATA: Final = "TW-ASGC"
"""The site of whose links no source says anything."""
_SOURCES: Final = ("sample perfSONAR", "sample E2EMon")
_APART: Final = timedelta(hours=8)
"""Between two events of one link: they stay two."""
_CLEAR: Final = timedelta(hours=4)
"""Between a ticket and an event that it does not document."""
_ROOM: Final = timedelta(days=10)
"""In which events are placed if a quarter has only just started."""
_TRIES: Final = 400
_SEED: Final = 1975
_DAY: Final = 86_400_000_000
_Span = tuple[datetime, datetime]


@dataclass
class _Line:
    """A link with what tickets say of it and what was placed on it so far."""

    name: str
    valid: _Span
    said: Sequence[_Span]
    placed: list[_Span] = field(default_factory=list)

    def is_free(self, start: datetime, end: datetime) -> bool:
        """Whether an event may be placed there."""
        inside = self.valid[0] <= start and end < self.valid[1]
        return inside and not _meets(self.placed, start - _APART, end + _APART)

    def is_new(self, at: datetime) -> bool:
        """Whether it was in use then and nothing was placed on it so far."""
        return self.valid[0] <= at < self.valid[1] and not self.placed

    def is_silent(self, start: datetime, end: datetime) -> bool:
        """Whether no ticket says anything near."""
        return not _meets(self.said, start - _CLEAR, end + _CLEAR)


def _meets(spans: Sequence[_Span], start: datetime, end: datetime) -> bool:
    return any(one[0] <= end and start <= one[1] for one in spans)


def seed_events(session: Session, operator: Actor, now: datetime) -> int:
    """Report the demo's events as of ``now`` and match them; how many were reported."""
    compose_figures()  # programs that measure or draw seed the demo without a server
    rng = Random(_SEED)  # noqa: S311  # repeatable on purpose, nothing secret
    messages = sorted(_Seeder(session, rng, now).messages(), key=_order)
    named = [
        replace(message, source_id=f"sample-{number + 1:04}", source=rng.choice(_SOURCES))
        for number, message in enumerate(messages)
    ]
    for _, month in groupby(named, key=_month):  # one by one they would take three times as long
        together = list(month)
        at = max(message.end or message.start or now for message in together)
        by = Writer(actor=operator, door=Door.API, now=min(now, at))
        report_events(session, by, together, heard=Heard.THEN)
    for source in session.scalars(select(EventSource).where(EventSource.name.in_(_SOURCES))):
        source.sample = True
        heard_in_file(source, now)  # its record reaches until now; from here on the worker calls
        hear(session, source, now)
    while not bring_up_to_date(session, now).is_fresh:
        pass
    return len(messages)


def _order(message: EventMessage) -> tuple[datetime, str]:
    assert message.start is not None
    return message.start, message.link or ""


def _month(message: EventMessage) -> tuple[int, int]:
    assert message.start is not None
    return message.start.year, message.start.month


class _Seeder:
    """Finds places for events beside the tickets that there are."""

    def __init__(self, session: Session, rng: Random, now: datetime) -> None:
        self._rng, self._now = rng, now
        silent = session.scalars(select(Site.id).where(Site.key == NO_DATA)).one()
        self._lines: dict[str, list[_Line]] = {network: [] for network in Network}
        for link in session.scalars(select(Link).order_by(Link.name)):
            if silent not in (link.end_a_id, link.end_b_id) and link.name != UNWATCHED:
                line = _line(session, link)
                spans = (_span(one, now) for one in TROUBLES if one.link == link.name)
                line.placed += ((start, end or now) for start, end in spans)
                self._lines[link.network].append(line)

    def messages(self) -> Iterator[EventMessage]:
        """Everything that is to be reported."""
        this = Quarter.of(self._now)
        wanted = {**SLIDES, **_BETWEEN, **{this.after(-back): _RECENT for back in range(4)}}
        for quarter in sorted(wanted):
            whole, documented = wanted[quarter]
            if quarter == this:
                share = (self._now - quarter.begin) / (quarter.end - quarter.begin)
                whole, documented = int(whole * share), int(documented * share)
            yield from self._quarter(quarter, whole, documented)
        for one in TROUBLES:
            yield _message(one.link, *_span(one, self._now), one.state, "Sample")

    def _quarter(self, quarter: Quarter, whole: int, documented: int) -> Iterator[EventMessage]:
        last = min(quarter.end, self._now)
        first = min(quarter.begin, last - _ROOM)
        lines = self._lines[Network.LHCOPN]
        for place in range(whole):
            if place < documented:
                line, start, end = self._beside_a_ticket(lines, quarter.begin, last)
            else:
                line, start, end = self._anywhere(lines, first, last, (60, 1200))
            yield from self._flapping(line, start, end)
        for network, count, minutes in (
            (Network.LHCOPN, 6, (1, 50)),
            (Network.LHCONE, 4, (60, 600)),
        ):
            for _ in range(count):
                new = [line for line in self._lines[network] if line.is_new(first)]
                found = self._anywhere(new or self._lines[network], first, last, minutes)
                yield from self._flapping(*found)
        for _ in range(2):
            line, start, end = self._anywhere(lines, first, last, (600, 6000))
            yield _message(line.name, start, end, "unmonitored", "Sample: the probe was away")
        _, start, end = self._anywhere(lines, first, last, (60, 300))
        site = self._rng.choice(("DE-KIT", "ES-PIC", "NDGF", "US-T1-BNL"))
        yield replace(
            _message("", start, end, "down", "Sample: the whole site could not be reached"),
            site=site,
        )

    def _anywhere(
        self, lines: Sequence[_Line], first: datetime, last: datetime, minutes: tuple[int, int]
    ) -> tuple[_Line, datetime, datetime]:
        """A free place that no ticket is near to."""
        span = max(1, int((last - first).total_seconds() // 60) - minutes[1] - 1)
        for _ in range(_TRIES):
            line = self._rng.choice(lines)
            start = first + timedelta(minutes=self._rng.randrange(span))
            end = start + timedelta(minutes=self._rng.randint(*minutes))
            if end < last and line.is_free(start, end) and line.is_silent(start, end):
                line.placed.append((start, end))
                return line, start, end
        raise AssertionError("the demo has no room for its events")

    def _beside_a_ticket(
        self, lines: Sequence[_Line], first: datetime, last: datetime
    ) -> tuple[_Line, datetime, datetime]:
        """A free place that overlaps what some ticket says."""
        said = [
            (line, span)
            for line in lines
            for span in line.said
            if span[0] < last and span[1] > first + timedelta(hours=2)
        ]
        for _ in range(_TRIES):
            line, (begin, until) = self._rng.choice(said)
            room = max(1, int((min(until, last) - max(begin, first)).total_seconds() // 60) - 60)
            start = max(begin, first) + timedelta(minutes=self._rng.randrange(min(room, 4000)))
            length = timedelta(minutes=self._rng.randint(60, 480))
            start, end = start.replace(second=0, microsecond=0), start + length
            end = end.replace(second=0, microsecond=0)
            fits = first <= start and end - start >= FIRST_RULE.minimal and end < last
            if fits and line.is_free(start, end):
                line.placed.append((start, end))
                return line, start, end
        raise AssertionError("the demo has no ticket for its events")

    def _flapping(self, line: _Line, start: datetime, end: datetime) -> Iterator[EventMessage]:
        """One period, or some with short gaps between them, that make one event together."""
        state = "down" if self._rng.random() < 0.75 else "degraded"
        pieces = self._rng.choice((1, 1, 1, 2, 4)) if end - start > timedelta(hours=1) else 1
        step = (end - start) / pieces
        for place in range(pieces):
            begin = (start + place * step).replace(second=0, microsecond=0)
            until = end if place == pieces - 1 else start + (place + 1) * step
            if place < pieces - 1:
                until = until.replace(second=0, microsecond=0) - timedelta(
                    minutes=self._rng.randint(1, 8)
                )
            yield _message(line.name, begin, until, state, "Sample")


def _line(session: Session, link: Link) -> _Line:
    thing = target_of(session, "link", link.id)
    said = [
        (moment_of(row[2]), moment_of(min(row[3], FOREVER - _DAY)))
        for row in evidence_of(session, thing)
    ]
    valid = (moment_of(thing.valid_from), moment_of(min(thing.valid_until, FOREVER - _DAY)))
    return _Line(link.name, valid, said)


def _span(trouble: Trouble, now: datetime) -> tuple[datetime, datetime | None]:
    """From when to when it lasts; it has no end as long as it continues."""
    now = now.replace(second=0, microsecond=0)
    return now - trouble.begun, None if trouble.over is None else now - trouble.over


def _message(
    link: str, start: datetime, end: datetime | None, state: str, detail: str
) -> EventMessage:
    return EventMessage(
        place=0,
        where="the demo",
        source="",
        source_id="",
        link=link,
        state=state,
        start=start,
        end=end,
        is_open=end is None,
        layer="L1/L2",
        detail=detail,
    )
