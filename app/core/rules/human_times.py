"""Reading a time as people say it: "40 min ago", "08:29", "tue 10:00", "next Monday", "now"."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import read_time


class Tense(StrEnum):
    """What a typed time speaks of, where the text alone leaves it open. Each field has one."""

    PAST = "past"
    """What has happened: a weekday is the last one whose time has been."""
    COMING = "coming"
    """What is planned: a weekday is the next one whose time is to come."""


EXAMPLES: Final = _("now, 40 min ago, 08:29, yesterday 14:00, tue 10:00, 2026-01-31 09:05 (UTC)")
"""What may be typed, for helps and errors."""
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
_AGO = re.compile(rf"({_LENGTH})\s*ago")
_IN = re.compile(rf"in\s+({_LENGTH})")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NEAR: Final = {"": 0, "today": 0, "yesterday": -1, "tomorrow": 1}
_CLOCK = re.compile(
    r"(?:(?P<next>next\s+)?(?P<day>[a-z]+)\.?,?\s+(?:at\s+)?)?"
    r"(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])(?P<zone>\s*(?:utc|z)|\s*[+-][0-9]{2}:?[0-9]{2})?"
)
_UTC = re.compile(r"\s*utc\s*$", re.IGNORECASE)
_DAY_ALONE = re.compile(r"(?:next\s+)?[a-z]+\.?|[0-9]{4}-[0-9]{2}-[0-9]{2}")


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

    A clock time and a day are of ``zone`` unless a zone follows; a full date (ISO 8601) without one
    is UTC, as ``read_time`` reads it. A weekday is the last one, today included, whose time is not
    after ``now``; of what is ``COMING`` the next one whose time is not before it; with "next" one
    behind today. With ``days`` a day alone will do, and means ``MORNING``. Raises ``Invalid``.
    """
    words = " ".join(text.casefold().split())
    found: datetime | None = None
    if len(words) > MAX_LENGTH:
        words = ""
    if days and words != "now" and _DAY_ALONE.fullmatch(words):
        words, text = f"{words} {MORNING}", f"{text.strip()} {MORNING}"
    try:
        if words == "now":
            found = now.astimezone(UTC).replace(microsecond=0)
        elif match := _AGO.fullmatch(words):
            found = _moved(now, match[1], -1)
        elif match := _IN.fullmatch(words):
            found = _moved(now, match[1], 1)
        elif match := _CLOCK.fullmatch(words):
            found = _clock(match, now, zone, tense)
        else:
            dated = _UTC.sub("Z", text[:MAX_LENGTH])
            found = read_time(field, dated, label=label) if words else None
    except (Invalid, OverflowError):
        found = None
    if found is None or not 1900 <= found.year < 9999:
        examples = EXAMPLES_OF_DAYS if days else EXAMPLES
        raise Invalid(
            field,
            _(
                "%(value)s is not a readable time; write %(examples)s",
                value=label or field,
                examples=examples,
            ),
        )
    return found


def _moved(now: datetime, length: str, sign: int) -> datetime | None:
    """``now`` moved by a length such as ``1 h 30 min``, to the minute; None if it is none."""
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
    """A clock time on a named day; None where there is no such day or clock time."""
    stated = (match["zone"] or "").strip()
    if stated in ("utc", "z"):
        zone = UTC
    elif stated:
        hours, minutes = int(stated[:3]), int(stated[0] + stated[-2:])
        if abs(hours) > 14 or abs(minutes) > 59:
            return None
        zone = timezone(timedelta(hours=hours, minutes=minutes))
    day, here = match["day"] or "", now.astimezone(zone)
    clock = (int(match["hour"]), int(match["minute"]))
    if day in _NEAR and not match["next"]:
        return _at(here.date() + timedelta(days=_NEAR[day]), clock, zone)
    names = _NAMES if day in _NAMES else _DAYS
    if day not in names:
        return None
    passed = (here.weekday() - names.index(day)) % 7
    moment = _at(here.date() - timedelta(days=passed), clock, zone)
    later = _at(here.date() + timedelta(days=7 - passed), clock, zone)
    if match["next"]:
        return later
    if tense is Tense.COMING:
        return moment if moment is not None and moment >= now else later
    if moment is not None and moment > now:
        return _at(here.date() - timedelta(days=passed + 7), clock, zone)
    return moment


def _at(day: date, clock: tuple[int, int], zone: tzinfo) -> datetime | None:
    """The moment; None where clocks were put forward over it. Of a doubled hour the first."""
    there = datetime(day.year, day.month, day.day, *clock, tzinfo=zone)
    moment = there.astimezone(UTC)
    same = moment.astimezone(zone).replace(tzinfo=None) == there.replace(tzinfo=None)
    return moment if same else None
