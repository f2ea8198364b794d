"""When the LHC runs: named periods, and whether the detectors take data at a moment.

A period begins with its first moment and ends before ``end`` (UTC); without an end it is ongoing.
Sources state days and times of CERN's own clock, some only a month: how exact an end of a period is
and how firm it is are stored with it, because "runs" decides duties (decisions, section 9).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.language import _
from app.core.rules.texts import checked_text

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


_LONG_SHUTDOWN: Final = re.compile(r"LS(\d+)")
RUNNING: Final = frozenset({PeriodKind.PHYSICS, PeriodKind.IONS})
"""Kinds of seasons in which the detectors run."""
HALTING: Final = frozenset({PeriodKind.STOP, PeriodKind.SHUTDOWN})
"""Kinds that halt a season which they lie in."""


class Certainty(StrEnum):
    """How firm one end of a period is."""

    ATTESTED = "attested"
    PLANNED = "planned"
    """Planned according to a source; not confirmed."""
    SAMPLE = "sample"
    """No source says so."""


class Precision(StrEnum):
    """How exactly a source states a moment."""

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


FIELDS: Final[Mapping[str, str]] = {
    "name": _("Name"),
    "kind": _("Kind"),
    "begin": _("Start"),
    "begin_standing": _("The start is"),
    "end": _("End"),
    "end_standing": _("The end is"),
    "source": _("Source"),
    "note": _("Note"),
}
"""What people state of a period, and what it is called."""
NAME_LIMIT, TEXT_LIMIT = 100, 1000
TIME_LENGTH = len("2013-02-14 07:24")


@dataclass(frozen=True)
class StatedPeriod:
    """A period with the basis of its two ends. ``end`` None = ongoing."""

    name: str
    kind: str
    begin: datetime
    begin_precision: str
    begin_standing: str
    end: datetime | None
    end_precision: str
    end_standing: str
    source: str
    note: str

    def texts(self) -> Mapping[str, str]:
        """The fields as the change log keeps them; times are CERN's."""
        end = "" if self.end is None else cern_words(self.end, self.end_precision, is_end=True)
        return {
            "name": self.name,
            "kind": self.kind,
            "begin": cern_words(self.begin, self.begin_precision, is_end=False),
            "begin_standing": self.begin_standing,
            "end": end,
            "end_standing": self.end_standing,
            "source": self.source,
            "note": self.note,
        }


def checked_period(stated: Mapping[str, str]) -> StatedPeriod:
    """A period of what a person stated (see ``FIELDS``); raises ``InvalidMany`` by field."""
    values = {name: str(stated.get(name, "")).strip() for name in FIELDS}
    problems: dict[str, str] = {}
    for name, limit in (("name", NAME_LIMIT), ("source", TEXT_LIMIT), ("note", TEXT_LIMIT)):
        try:
            checked_text(name, values[name], limit, label=FIELDS[name])
        except Invalid as error:
            problems[name] = error.message
    if not values["name"]:
        problems["name"] = _("Name is required")
    choices = {"kind": PeriodKind, "begin_standing": Certainty, "end_standing": Certainty}
    for name, known in choices.items():
        if values[name] not in list(known):
            problems[name] = _(
                "%(fields)s: choose one of: %(listed)s",
                fields=FIELDS[name],
                listed=", ".join(known),
            )
    said = {values["begin_standing"], values["end_standing"]} & {
        Certainty.ATTESTED.value,
        Certainty.PLANNED.value,
    }
    if said and not values["source"]:
        problems["source"] = _("Source: enter one, or choose “sample”")
    times: dict[str, tuple[datetime, str]] = {}
    for name in ("begin", "end"):
        if name == "end" and not values["end"]:
            continue
        try:
            times[name] = read_cern_time(values[name], is_end=name == "end")
        except Invalid as error:
            problems[name] = error.message
    if not problems and "end" in times and times["end"][0] <= times["begin"][0]:
        problems["end"] = _("The end is before the start")
    if problems:
        raise InvalidMany(problems)
    begin, end = times["begin"], times.get("end", (None, Precision.DAY))
    return StatedPeriod(
        values["name"],
        values["kind"],
        begin[0],
        begin[1],
        values["begin_standing"],
        end[0],
        end[1],
        values["end_standing"],
        values["source"],
        values["note"],
    )


def running_at(moment: datetime, periods: Iterable[Period]) -> Period | None:
    """The season in which the detectors run at that moment, or None; of two, the one that started
    later."""
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
    seasons_and_halts: dict[datetime, list[int]] = {}
    for one in periods:
        if one.kind in RUNNING or one.kind in HALTING:
            for moment, step in ((one.begin, 1), (one.end, -1)):
                if moment is not None:
                    seasons_and_halts.setdefault(moment, [0, 0])[one.kind in HALTING] += step
    found: list[tuple[datetime, datetime | None]] = []
    seasons = halts = 0
    is_running = False
    for moment in sorted(seasons_and_halts):
        more_seasons, more_halts = seasons_and_halts[moment]
        seasons, halts = seasons + more_seasons, halts + more_halts
        if is_running != (seasons > 0 and not halts):
            is_running = not is_running
            if is_running:
                found.append((moment, None))
            else:
                found[-1] = (found[-1][0], moment)
    return found


def _lies_within(moment: datetime, period: Period) -> bool:
    return period.begin <= moment and (period.end is None or moment < period.end)


def covering(moment: datetime, periods: Iterable[Period]) -> Period | None:
    """The shortest known period that a moment lies in: what to say of that moment."""
    found = [one for one in periods if _lies_within(moment, one)]
    return max(found, key=lambda one: one.begin, default=None)


def states_between(
    begin: datetime, end: datetime, periods: Iterable[Period]
) -> Sequence[tuple[datetime, Period | None, bool]]:
    """What the LHC does from ``begin`` until before ``end``: from when on which period says so
    (None = no entry), and whether the detectors run."""
    known = list(periods)
    edges = {moment for one in known for moment in (one.begin, one.end) if moment is not None}
    found: list[tuple[datetime, Period | None, bool]] = []
    for moment in (begin, *sorted(one for one in edges if begin < one < end)):
        season = running_at(moment, known)
        state = (season or covering(moment, known), season is not None)
        if not found or found[-1][1:] != state:
            found.append((moment, *state))
    return found


def read_cern_time(text: str, *, is_end: bool) -> tuple[datetime, Precision]:
    """``2013-02-14 07:24``, ``2013-02-14`` or ``2030-06`` of CERN's clock as UTC, and how exact.

    As an end, a day or a month is meant to its last moment: the first moment behind it is given.
    Raises ``Invalid`` for anything else.
    """
    try:
        if len(text) == TIME_LENGTH:
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
    raise Invalid("time", _("Use CERN local time such as 2013-02-14 07:24, 2013-02-14 or 2013-02"))


def cern_words(moment: datetime, precision: str, *, is_end: bool) -> str:
    """A moment (UTC) as its source stated it: the other way round."""
    if precision == Precision.MINUTE:
        return moment.astimezone(CERN).strftime("%Y-%m-%d %H:%M")
    last = (moment - timedelta(seconds=1)) if is_end else moment
    return last.astimezone(CERN).strftime("%Y-%m" if precision == Precision.MONTH else "%Y-%m-%d")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CERN).astimezone(UTC)


@dataclass(frozen=True)
class LhcNow:
    """What the LHC does at a moment or in a month, in words."""

    running: bool
    words: str


def lhc_at(moment: datetime, periods: Iterable[Period]) -> LhcNow:
    """Whether the detectors run at this moment (UTC), and in which period."""
    known = list(periods)
    season = running_at(moment, known)
    if season is not None:
        return LhcNow(running=True, words=_("LHC running: %(name)s", name=season.name))
    period = covering(moment, known)
    if period is None:
        return LhcNow(running=False, words=_("LHC not running, by its calendar"))
    if period.kind is PeriodKind.RUN:
        return LhcNow(
            running=False, words=_("LHC not running, between seasons of %(name)s", name=period.name)
        )
    name = _LONG_SHUTDOWN.sub(r"Long Shutdown \1", period.name)
    return LhcNow(running=False, words=_("LHC in %(name)s", name=name))
