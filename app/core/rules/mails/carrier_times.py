"""Times as carriers write them, "12-May-2021 00:00 EET-DST (UTC +3h)", and what they are in UTC.

A time counts only if its text leaves one meaning. Everything else has none, with the reason: a day
that may be a month, an abbreviation that means several zones or is not in force on that day, an
hour that a zone has twice or never.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.rules.mails.mail_lines import is_in_reach


class UnclearTime(Exception):
    """Why a text that states a time does not say which one, in words."""


def time_in(text: str) -> datetime | None:
    """The first time in a text, in UTC; None = the text has no date with a time.

    Raises ``UnclearTime`` if it may be several times.
    """
    return next((_in_utc(one, text) for one in _written(text)), None)


def window_in(text: str) -> tuple[datetime, datetime] | None:
    """The start and the end that a text states, in UTC; None = it has no two times.

    A zone after the end is that of both: "06-Jan-2022 05:01 to 06-Jan-2022 11:00 (GMT)". Raises
    ``UnclearTime`` if it may be several windows, or more than two times are written.
    """
    found = list(_written(text))
    if len(found) < 2:
        return None
    if len(found) > 2:
        raise UnclearTime("more than one window")
    start, end = found
    if start.half_of_day is None and end.half_of_day is not None:
        raise UnclearTime("only the end says am or pm")
    first, last = _in_utc(start, text, end.zone), _in_utc(end, text)
    if last < first:
        raise UnclearTime("the end is before the start")
    return first, last


_LOOKED_AT: Final = 400
"""Characters of a text in which times are looked for."""
_MONTHS: Final = {
    name[:length]: at
    for at, name in enumerate(
        (
            *("january", "february", "march", "april", "may", "june", "july", "august"),
            *("september", "october", "november", "december"),
        ),
        1,
    )
    for length in (3, len(name))
} | {"sept": 9}
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GAP: Final = r"[\s,]{0,5}"
_MONTH: Final = r"(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_WEEKDAY: Final = r"""(?:(?P<weekday>
    (?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?)\b\.?[\s,]{0,5})?"""
_DATE: Final = rf"""{_WEEKDAY}(?:
    (?P<year>\d{{4}})(?P<mark>[-/.]?)(?P<month>\d{{2}})(?P=mark)(?P<day>\d{{2}})(?!\d)
  | (?P<day_first>\d{{1,2}})(?:st|nd|rd|th)?[-\s./]{{1,3}}
    (?P<name_second>{_MONTH})[-\s./,]{{1,3}}(?P<year_last>\d{{4}})(?!\d)
  | (?P<name_first>{_MONTH})[-\s./]{{1,3}}
    (?P<day_second>\d{{1,2}})(?:st|nd|rd|th)?[-\s./,]{{1,3}}(?P<year_after>\d{{4}})(?!\d)
  | (?P<one>\d{{1,2}})(?P<sign>[-/.])(?P<two>\d{{1,2}})(?P=sign)(?P<year_end>\d{{4}})(?!\d)
  )"""
_CLOCK: Final = r"""(?P<hour>\d{1,2})
    (?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.0{1,6})?)?
      |(?P<together>\d{2})(?=\s{0,3}(?:h|hrs|hours|utc|gmt|z)\b)
    )(?![\d:])
    \s{0,3}(?:h(?:rs|ours)?\b)?
    \s{0,3}(?P<half>[ap]\.?m\b\.?)?"""
_NO_MORE: Final = r"(?![\d:/.])"
_OFFSET: Final = rf"[+-]\d{{1,2}}(?::?\d{{2}})?(?:\s?(?:h|hrs|hours)\b)?{_NO_MORE}"
_BARE_OFFSET: Final = rf"(?:(?<=\d)[+-]\d{{2}}:\d{{2}}|[+-]\d{{4}}){_NO_MORE}"
_OF_BASE: Final = (
    rf"(?:utc|gmt)(?:{_OFFSET}|\s{{1,2}}[+-]\d{{1,2}}(?:\s?(?:h|hrs|hours)\b)?{_NO_MORE})"
)
_ZONE: Final = rf"""(?:\s{{0,5}}
    (?P<bracket>[(\[]\s{{0,3}})?
    (?P<zone>
        {_OF_BASE}
      | {_BARE_OFFSET}
      | [a-z]{{2,20}}/[a-z_]{{2,20}}(?:/[a-z_]{{2,20}})?
      | [a-z]{{1,5}}(?:-dst)?(?![\w-]|/[a-z])
    )
    (?:\s{{0,3}}[(\[]?\s{{0,2}}(?P<also>{_OF_BASE}|utc|gmt)(?![\w-]|/[a-z]))?
)?"""
_FLAGS: Final = re.I | re.X | re.A
_DATE_FIRST: Final = re.compile(
    rf"(?<![\w-]){_DATE}(?:t|{_GAP}(?:at\s|@|-\s)?\s{{0,3}}){_CLOCK}{_ZONE}", _FLAGS
)
_CLOCK_FIRST: Final = re.compile(
    rf"(?<![\w:+]){_CLOCK}{_ZONE}\s{{0,3}}[)\]]?\s{{0,3}}(?:[/,]|on\s)\s{{0,3}}{_DATE}", _FLAGS
)
_AFTER: Final = re.compile(
    rf"\s{{0,3}}[-+]\s{{0,3}}\d{{1,2}}(?::?\d{{2}})?(?:\s?h)?(?![\w:/.-]|\s{{1,2}}{_MONTH})",
    re.I | re.A,
)
"""What may be an offset or a second time after a zone: "10:00 UTC - 14:00"."""
_ORDERS: Final = {
    re.compile(r"\bdd[-/.]mm[-/.]yyyy\b", re.I): "day",
    re.compile(r"\bmm[-/.]dd[-/.]yyyy\b", re.I): "month",
}
_NO_ZONES: Final = frozenset(
    {"to", "till", "until", "and", "at", "on", "for", "from", "in", "hrs", "h"}
)
"""Words that may follow a time and are not meant as zones."""
_OF_PLACES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
    **dict.fromkeys(("CET", "CEST"), "Europe/Paris"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Helsinki"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
    **dict.fromkeys(("NZST", "NZDT"), "Pacific/Auckland"),
    "MSK": "Europe/Moscow",
    "JST": "Asia/Tokyo",
    "HKT": "Asia/Hong_Kong",
}
"""Abbreviations that mean one zone, and a place that has it: on a day when that place has another
time (CET in July), the writer may mean the local time or the abbreviation."""
_FIXED: Final = {"SGT": 8}
"""Those without a summer time whose places have no abbreviation in the database of zones."""
_SUMMER: Final = {"WET-DST": "WEST", "CET-DST": "CEST", "EET-DST": "EEST"}
_SEVERAL: Final = {
    "AST": "Atlantic or Arabia",
    "BST": "Britain or Bangladesh",
    "CDT": "North America or Cuba",
    "CST": "North America, China or Cuba",
    "ECT": "Ecuador or the Eastern Caribbean",
    "EDT": "North America or Australia",
    "EST": "North America or Australia",
    "IST": "India, Ireland or Israel",
    "MST": "North America or Malaysia",
    "PST": "North America or the Philippines",
}
"""Abbreviations that carriers of several continents use, each for its own zone."""


@dataclass(frozen=True)
class _Written:
    """A time as it is written."""

    parts: Mapping[str, str]
    is_followed: bool
    """Whether what follows may be an offset or a second time."""

    @property
    def zone(self) -> str:
        zone = self.parts.get("zone", "")
        if zone.casefold() in _NO_ZONES:
            return ""
        also = self.parts.get("also", "")
        return f"{zone} {also}".strip()

    @property
    def half_of_day(self) -> str | None:
        return self.parts.get("half", "")[:1].casefold() or None


def _written(text: str) -> Iterator[_Written]:
    text = " ".join(text[:_LOOKED_AT].split())
    at = 0
    while True:
        found = [match for one in (_DATE_FIRST, _CLOCK_FIRST) if (match := one.search(text, at))]
        if not found:
            return
        match = min(found, key=lambda one: (one.start(), one.re is _CLOCK_FIRST))
        parts = {name: value for name, value in match.groupdict().items() if value}
        yield _Written(parts, _AFTER.match(text, match.end()) is not None)
        at = match.end()


def _in_utc(written: _Written, text: str, zone_of_end: str = "") -> datetime:
    if written.is_followed:
        raise UnclearTime("an offset or a second time follows it")
    day = _day(written.parts, text)
    local = datetime.combine(day, _clock(written.parts))
    moment = _zoned(local, written.zone or zone_of_end)
    if not is_in_reach(moment):
        raise UnclearTime(f"the year {moment.year} is out of range")
    return moment


def _day(parts: Mapping[str, str], text: str) -> date:
    year = int(
        next(parts[k] for k in ("year", "year_last", "year_after", "year_end") if k in parts)
    )
    if "one" in parts:
        day, month = _in_order(int(parts["one"]), int(parts["two"]), year, text)
    elif "month" in parts:
        day, month = int(parts["day"]), int(parts["month"])
    else:
        name = parts.get("name_second") or parts["name_first"]
        day = int(parts.get("day_first") or parts["day_second"])
        month = _MONTHS[name.rstrip(".").casefold()]
    try:
        found = date(year, month, day)
    except ValueError:
        raise UnclearTime("not a date") from None
    weekday = parts.get("weekday", "")[:3].casefold()
    if weekday and _DAYS[found.weekday()] != weekday:
        raise UnclearTime(f"{found} is not a {parts['weekday']}")
    return found


def _in_order(one: int, two: int, year: int, text: str) -> tuple[int, int]:
    """Day and month of a date in digits."""
    orders = {order for pattern, order in _ORDERS.items() if pattern.search(text)}
    if len(orders) == 1:
        return (one, two) if orders == {"day"} else (two, one)
    if one == two or (one > 12) != (two > 12):
        return (two, one) if two > 12 else (one, two)
    if one > 12:
        raise UnclearTime("not a date")
    either = f"{year}-{two:02}-{one:02} or {year}-{one:02}-{two:02}"
    raise UnclearTime(f"the date may be {either}")


def _clock(parts: Mapping[str, str]) -> time:
    hour, half = int(parts["hour"]), parts.get("half", "")[:1].casefold()
    if half:
        if not 1 <= hour <= 12:
            raise UnclearTime(f"{hour} is not an hour of a clock of 12 hours")
        hour = hour % 12 + (12 if half == "p" else 0)
    minute = int(parts.get("minute") or parts["together"])
    try:
        return time(hour, minute, int(parts.get("second", 0)))
    except ValueError:
        raise UnclearTime("not a time of a day") from None


def _zoned(local: datetime, zone: str) -> datetime:
    if not zone:
        raise UnclearTime("no time zone")
    said = [_zone(one, local) for one in _zones_of(zone)]
    known = [one for one in said if isinstance(one, tzinfo)]
    if not known:
        raise UnclearTime(next(one for one in said if isinstance(one, str)))
    moments = {_at(local, one) for one in known}
    if len(moments) > 1:
        raise UnclearTime(f"{zone} names two times")
    return moments.pop()


def _at(local: datetime, zone: tzinfo) -> datetime:
    early, late = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    if early.utcoffset() != late.utcoffset():
        raise UnclearTime("the clocks change at that hour")
    return early.astimezone(UTC)


_NAMES: Final = re.compile(
    r"(?P<base>utc|gmt)?\s{0,3}(?P<offset>[+-]\d[\d:]*)|(?P<name>[a-z_]+(?:/[a-z_]+)*(?:-dst)?)",
    re.I | re.A,
)


def _zones_of(zone: str) -> Iterator[str]:
    """A zone's name and its offset, each if stated: "EET-DST UTC +3h" has both."""
    found = list(_NAMES.finditer(zone))
    has_offset = any(one["offset"] for one in found)
    for one in found:
        if one["offset"]:
            yield re.sub(r"[^\d:+-]", "", one["offset"])
        elif not (has_offset and one["name"].upper() in ("UTC", "GMT")) or _is_plain(found):
            yield one["name"]


def _is_plain(found: list[re.Match[str]]) -> bool:
    """Whether UTC follows an offset as a word of its own: "+0000 UTC" has to be the same."""
    return bool(found[0]["offset"]) and not found[0]["base"]


def _zone(name: str, local: datetime) -> tzinfo | str:
    """The zone, or why the name does not say which one."""
    if name[0] in "+-":
        digits = name[1:].replace(":", "")
        hours, minutes = (
            (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
        )
        if hours > (12 if name[0] == "-" else 14) or minutes > 59:
            raise UnclearTime(f"{name} is not an offset from UTC")
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if name[0] == "-" else offset)
    key = _SUMMER.get(name.upper(), name.upper())
    if key in ("UTC", "GMT", "Z"):
        return UTC
    if key in _SEVERAL:
        return f"{name} may be the time of {_SEVERAL[key]}"
    if key in _FIXED:
        return timezone(timedelta(hours=_FIXED[key]))
    place = _OF_PLACES.get(key) or (name if "/" in name else "")
    try:
        zone = ZoneInfo(place) if place else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if zone is None:
        return f"{name} is not a known time zone"
    if key in _OF_PLACES and local.replace(tzinfo=zone).tzname() != key:
        raise UnclearTime(f"{name} is not in force on {local:%Y-%m-%d}")
    return zone
