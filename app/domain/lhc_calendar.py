"""When the LHC runs: named periods, and whether the detectors take data at a moment.

A period begins with its first moment and ends before ``end`` (UTC); without an end it goes on.
Sources tell days and times of CERN's own clock, some only a month: how exact an end of a period is
and how well it stands is kept beside it, because "runs" decides duties (decisions, section 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.errors import Invalid

CERN: Final = ZoneInfo("Europe/Zurich")
"""The clock of the sources."""


class PeriodKind(StrEnum):
    """What a period is."""

    RUN = "run"
    """A run of some years, its winters included."""
    PHYSICS = "physics"
    """A season in which the detectors take data."""
    IONS = "ions"
    """A season of heavy ions: the detectors take data as well."""
    STOP = "stop"
    """A technical stop within a season."""
    SHUTDOWN = "shutdown"
    """A long shutdown (LS1 to LS3)."""


RUNNING: Final = frozenset({PeriodKind.PHYSICS, PeriodKind.IONS})
"""Kinds of seasons in which the detectors run."""
HALTING: Final = frozenset({PeriodKind.STOP, PeriodKind.SHUTDOWN})
"""Kinds that halt a season which they lie in."""


class Standing(StrEnum):
    """How well one end of a period stands."""

    ATTESTED = "attested"
    PLANNED = "planned"
    """A source says when it was to be; whether it was so is not known."""
    SAMPLE = "sample"
    """No source says so."""


class Precision(StrEnum):
    """How exactly a source tells a moment."""

    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True)
class Period:
    """A named period, UTC."""

    name: str
    kind: PeriodKind
    begin: datetime
    end: datetime | None


def running_at(moment: datetime, periods: Iterable[Period]) -> Period | None:
    """The season in which the detectors run at that moment, or None; of two the later begun."""
    return running_between(moment, moment, periods)


def running_between(start: datetime, end: datetime, periods: Iterable[Period]) -> Period | None:
    """A season in which the detectors run at some moment from ``start`` until before ``end``.

    With ``end`` at or before ``start`` the moment ``start`` is meant. What halts a season is taken
    off it. Of several seasons the one that began last.
    """
    known = list(periods)
    halts = [one for one in known if one.kind in HALTING]
    seasons = [one for one in known if one.kind in RUNNING and _runs_within(one, start, end, halts)]
    return max(seasons, key=lambda one: one.begin, default=None)


def _runs_within(season: Period, start: datetime, end: datetime, halts: Sequence[Period]) -> bool:
    """Whether something of the span is in the season and in no halt."""
    moment = max(start, season.begin)
    for halt in sorted(halts, key=lambda one: one.begin):
        if halt.begin <= moment:
            if halt.end is None:
                return False
            moment = max(moment, halt.end)
    return _lies_within(moment, season) and (moment < end or moment == start)


def running_spans(periods: Iterable[Period]) -> list[tuple[datetime, datetime | None]]:
    """When the detectors run: spans that neither overlap nor touch, in order, without halts.

    The same as ``running_between`` says of each moment, for those who ask of many.
    """
    known = list(periods)
    edges = sorted({one.begin for one in known} | {one.end for one in known if one.end is not None})
    found: list[tuple[datetime, datetime | None]] = []
    for begin, end in zip(edges, [*edges[1:], None], strict=False):
        if running_at(begin, known) is None:
            continue
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _lies_within(moment: datetime, period: Period) -> bool:
    return period.begin <= moment and (period.end is None or moment < period.end)


def covering(moment: datetime, periods: Iterable[Period]) -> Period | None:
    """The shortest known period that a moment lies in: what to say of that moment."""
    found = [one for one in periods if _lies_within(moment, one)]
    return max(found, key=lambda one: one.begin, default=None)


def read_cern_time(text: str, *, is_end: bool) -> tuple[datetime, Precision]:
    """``2013-02-14 07:24``, ``2013-02-14`` or ``2030-06`` of CERN's clock as UTC, and how exact.

    As an end, a day or a month is meant to its last moment: the first moment behind it is given.
    Raises ``Invalid`` for anything else.
    """
    try:
        if len(text) == 16:
            moment = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=CERN)
            return moment.astimezone(UTC), Precision.MINUTE
        if len(text) == 10:
            day = date.fromisoformat(text) + (timedelta(days=1) if is_end else timedelta())
            return _midnight(day), Precision.DAY
        if len(text) == 7:
            month = date.fromisoformat(f"{text}-01")
            if is_end:
                month = (month + timedelta(days=31)).replace(day=1)
            return _midnight(month), Precision.MONTH
    except ValueError:
        pass
    raise Invalid("time", "Write a time of CERN as 2013-02-14 07:24, 2013-02-14 or 2013-02")


def cern_words(moment: datetime, precision: str, *, is_end: bool) -> str:
    """A moment (UTC) as its source told it: the other way round."""
    if precision == Precision.MINUTE:
        return moment.astimezone(CERN).strftime("%Y-%m-%d %H:%M")
    last = (moment - timedelta(seconds=1)) if is_end else moment
    return last.astimezone(CERN).strftime("%Y-%m" if precision == Precision.MONTH else "%Y-%m-%d")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CERN).astimezone(UTC)
