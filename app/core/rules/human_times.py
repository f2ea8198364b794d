"""Reading a time as people say it: "40 min ago", "08:29", "tue 10:00", "1 Dec 10am", "now"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import read_time


class Tense(StrEnum):
    """What a typed time speaks of, where the text alone leaves it open. Each field has one."""

    PAST = "past"
    """What has happened: the latest such time that has been."""
    COMING = "coming"
    """What is planned: the next such time that is to come."""
    EITHER = "either"
    """A clock time is today's, a weekday the last one whose time has been."""


EXAMPLES: Final = _(
    "now, 40 min ago, 08:29, yesterday 14:00, tue 10:00 (your time zone) or"
    " 2026-01-31 09:05 (always UTC)"
)
"""What may be typed of the past, for helps and errors."""
EXAMPLES_TO_COME: Final = _(
    "22:00, in 2 h, tomorrow 14:00, tue 10:00 (your time zone) or 2026-01-31 09:05 (always UTC)"
)
"""What may be typed of planned work."""
EXAMPLES_OF_DAYS: Final = _(
    "Tuesday, tomorrow 9:00, in 3 days, next Monday 14:00, 2026-01-31 09:05 (UTC)"
)
"""The same where a day alone will do, too."""
MORNING: Final = "09:00"
"""The clock time that a day alone stands for, where it will do."""
MAX_LENGTH: Final = 100
"""Characters of the longest text that is looked at."""
_UNITS: Final = {
    "minutes": r"m|mins?|minutes?",
    "hours": r"h|hrs?|hours?",
    "days": r"d|days?",
    "weeks": r"w|weeks?",
}
_AMOUNTS: Final = {
    unit: re.compile(rf"([0-9]{{1,5}})\s*(?:{words})(?![a-z])") for unit, words in _UNITS.items()
}
_LENGTH = r"(?:[0-9]{1,5}\s*[a-z]+\s*)+"
_AGO = re.compile(rf"({_LENGTH})\s*ago|-\s*({_LENGTH})")
_IN = re.compile(rf"in\s+({_LENGTH})|\+\s*({_LENGTH})")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NEAR: Final = {"today": 0, "yesterday": -1, "tomorrow": 1}
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SLIP: Final = timedelta(days=31)
"""A day of a month, without its year, that lies this close on the other side of today than its
tense says is that day, and not the one of another year."""
_NAMED_CLOCKS: Final = {"noon": (12, 0), "midnight": (0, 0)}
_DAY: Final = (
    r"(?:(?P<next>next\s+)?(?P<name>[a-z]+)\.?"
    r"|(?P<of_month>[0-3]?[0-9])\.?\s*(?P<month>[a-z]{3,9})\.?(?:,?\s+(?P<year>[0-9]{4}))?"
    r"|(?P<dotted>[0-3]?[0-9]\.[01]?[0-9]\.[0-9]{4}))"
)
_TIME: Final = (
    r"(?:(?P<named>noon|midnight)"
    r"|(?P<half_hour>1[0-2]|0?[1-9])(?::(?P<half_minute>[0-5][0-9]))?\s*(?P<half>[ap])\.?m\.?"
    r"|(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9]))"
)
_ZONE: Final = r"(?P<zone>\s*(?:utc|z)|\s*[+-][0-9]{2}:?[0-9]{2})?"
_CLOCKS: Final = (
    re.compile(_TIME + _ZONE),
    re.compile(rf"{_DAY},?\s+(?:at\s+)?{_TIME}{_ZONE}"),
    re.compile(rf"{_TIME},?\s+(?:on\s+)?{_DAY}{_ZONE}"),
)
"""A clock time alone, behind its day, and before it."""
_UTC = re.compile(r"\s*utc\s*$", re.IGNORECASE)
_DAY_ALONE = re.compile(rf"{_DAY}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}")
_CLOCK_ALONE = re.compile(_TIME + _ZONE)


def read_human_time(
    field: str,
    text: str,
    *,
    now: datetime,
    zone: tzinfo,
    tense: Tense,
    days: bool = False,
    label: str | None = None,
) -> datetime:
    """A time that a person typed, aware UTC; ``now`` is aware.

    A clock time and a day are of ``zone`` unless a zone follows; a full date as ISO 8601 writes it,
    and as pages show it, is UTC without one, as ``read_time`` reads it. Of a clock time alone and
    of a weekday ``tense`` says which is meant, and of a day of a month which year; with "next" a
    weekday is one behind today. With ``days`` a day alone will do, and means
    ``MORNING``. Raises ``Invalid``.
    """
    words = " ".join(text.casefold().split())
    found: datetime | None = None
    if len(words) > MAX_LENGTH:
        words = ""
    is_clock = words == "now" or _CLOCK_ALONE.fullmatch(words) is not None
    if days and not is_clock and _DAY_ALONE.fullmatch(words):
        words, text = f"{words} {MORNING}", f"{text.strip()} {MORNING}"
    try:
        if words == "now":
            found = now.astimezone(UTC).replace(microsecond=0)
        elif match := _AGO.fullmatch(words):
            found = _moved(now, match[1] or match[2], -1)
        elif match := _IN.fullmatch(words):
            found = _moved(now, match[1] or match[2], 1)
        elif match := next(filter(None, (one.fullmatch(words) for one in _CLOCKS)), None):
            found = _clock(match, now, zone, tense)
        else:
            dated = _UTC.sub("Z", text[:MAX_LENGTH])
            found = read_time(field, dated, label=label) if words else None
    except (Invalid, OverflowError):
        found = None
    if found is None or not 1900 <= found.year < 9999:
        examples = EXAMPLES_TO_COME if tense is Tense.COMING else EXAMPLES
        if days:
            examples = EXAMPLES_OF_DAYS
        raise Invalid(
            field,
            _(
                "%(value)s is not a readable time. Use for example: %(examples)s",
                value=label or field,
                examples=examples,
            ),
        )
    return found


def _moved(now: datetime, length: str, sign: int) -> datetime | None:
    """``now`` moved by a length such as ``1 h 30 min``, to the minute; None if it is not one."""
    parts = {}
    for unit, amount in _AMOUNTS.items():
        hits = amount.findall(length)
        length = amount.sub("", length)
        if hits:
            parts[unit] = sum(map(int, hits))
    if length.strip() or not parts:
        return None
    moved = now.astimezone(UTC) + sign * timedelta(**parts)
    return moved.replace(second=0, microsecond=0)


def _clock(match: re.Match[str], now: datetime, zone: tzinfo, tense: Tense) -> datetime | None:
    """A clock time, alone or of a day; None where there is no such day or clock time."""
    stated = (match["zone"] or "").strip()
    if stated in ("utc", "z"):
        zone = UTC
    elif stated:
        hours, minutes = int(stated[:3]), int(stated[0] + stated[-2:])
        if abs(hours) > 14 or abs(minutes) > 59:
            return None
        zone = timezone(timedelta(hours=hours, minutes=minutes))
    given, today = match.groupdict(), now.astimezone(zone).date()
    at = _At(_clock_of(match), zone, now, tense)
    if given.get("dotted"):
        day, month, year = map(int, match["dotted"].split("."))
        return at.on(date(year, month, day)) if _is_day(year, month, day) else None
    if given.get("of_month"):
        return _of_month(at, int(match["of_month"]), match["month"], match["year"], today)
    name = given.get("name") or ""
    if name in _NEAR and not given["next"]:
        return at.on(today + timedelta(days=_NEAR[name]))
    if not name:
        return _alone(at, today)
    return _of_week(at, name, today, is_next=bool(given["next"]))


@dataclass(frozen=True)
class _At:
    """A clock time in a zone, of any day."""

    clock: tuple[int, int]
    zone: tzinfo
    now: datetime
    tense: Tense

    def on(self, day: date) -> datetime | None:
        """The moment; None where clocks were put forward over it. Of a doubled hour it is the
        first, or of what has happened the second as soon as that has been."""
        found = None
        for fold in (0, 1):
            there = datetime(day.year, day.month, day.day, *self.clock, tzinfo=self.zone, fold=fold)
            moment = there.astimezone(UTC)
            is_one = moment.astimezone(self.zone).replace(tzinfo=None) == there.replace(tzinfo=None)
            if is_one and (fold == 0 or (self.tense is Tense.PAST and moment <= self.now)):
                found = moment
        return found

    def has_been(self, day: date) -> bool:
        """Whether it was that clock time on that day, or clocks were put forward over it."""
        moment = self.on(day)
        if moment is not None:
            return moment <= self.now
        here = self.now.astimezone(self.zone)
        return (here.date(), (here.hour, here.minute)) >= (day, self.clock)


def _clock_of(match: re.Match[str]) -> tuple[int, int]:
    if match["named"]:
        return _NAMED_CLOCKS[match["named"]]
    if match["half"]:
        hour = int(match["half_hour"]) % 12 + (12 if match["half"] == "p" else 0)
        return hour, int(match["half_minute"] or 0)
    return int(match["hour"]), int(match["minute"])


def _alone(at: _At, today: date) -> datetime | None:
    """A clock time without a day."""
    day = timedelta(days=1)
    if at.tense is Tense.PAST and not at.has_been(today):
        return at.on(today - day)
    moment = at.on(today)
    if at.tense is Tense.COMING and moment is not None and moment < at.now:
        return at.on(today + day)
    return moment


def _of_week(at: _At, name: str, today: date, *, is_next: bool) -> datetime | None:
    names = _NAMES if name in _NAMES else _DAYS
    if name not in names:
        return None
    passed = (today.weekday() - names.index(name)) % 7
    moment = at.on(today - timedelta(days=passed))
    later = at.on(today + timedelta(days=7 - passed))
    if is_next:
        return later
    if at.tense is Tense.COMING:
        return moment if moment is not None and moment >= at.now else later
    if moment is not None and moment > at.now:
        return at.on(today - timedelta(days=passed + 7))
    return moment


def _of_month(at: _At, day: int, word: str, year: str | None, today: date) -> datetime | None:
    """A day of a month; without its year the one that the tense means."""
    month = next(
        (place for place, name in enumerate(_MONTHS, 1) if word in (name, name[:3], name[:4])), 0
    )
    years = [int(year)] if year else [today.year - 1, today.year, today.year + 1]
    found = [date(one, month, day) for one in years if _is_day(one, month, day)]
    if not year and at.tense is Tense.PAST:
        one = max((one for one in found if one <= today + _SLIP), default=None)
    elif not year and at.tense is Tense.COMING:
        one = min((one for one in found if one >= today - _SLIP), default=None)
    else:
        one = min(found, key=lambda one: abs(one - today), default=None)
    return at.on(one) if one is not None else None


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
