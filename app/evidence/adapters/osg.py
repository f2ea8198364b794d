"""Reads the downtimes of a resource group as OSG publishes them.

https://github.com/opensciencegrid/topology has one file ``..._downtime.yaml`` for each resource
group: a list of mappings with ``ID``, ``Class`` (SCHEDULED or UNSCHEDULED), ``Severity``,
``StartTime``, ``EndTime``, perhaps ``CreatedTime``, ``ResourceName``, ``Services`` and
``Description``. Times are written as ``Mar 28, 2017 11:30 +0000``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Final

import yaml

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import storable_text
from app.evidence.rules.downtimes import LENGTHS, Downtime

MAX_BYTES: Final = 2 * 1024 * 1024
_CLASSES: Final = {"SCHEDULED": True, "UNSCHEDULED": False}
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_TIME: Final = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2}), (?P<year>\d{4})"
    r" (?P<hour>\d{1,2}):(?P<minute>\d{2}) (?P<sign>[+-])(?P<hours>\d{2})(?P<minutes>[0-5]\d)",
    re.ASCII,
)
"""Their form; ``strptime`` would read months in the language of the process."""


def read_list(content: bytes) -> Sequence[Downtime]:
    """Every entry, in the order of the file. Raises ``Invalid`` on ``file`` for the whole file if
    one entry is wrong or the list is empty."""
    if len(content) > MAX_BYTES:
        raise Invalid("file", _("The file is larger than 2 MiB"))
    try:
        loaded = yaml.load(content, Loader=_Loader)  # noqa: S506  # a subclass of the safe one
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise Invalid("file", _("Not a YAML file: %(why)s", why=_one_line(error))) from None
    except RecursionError:
        raise Invalid("file", _("Not a list of downtimes: it is nested too deeply")) from None
    if not isinstance(loaded, list) or not loaded:
        raise Invalid("file", _("Not a list of downtimes: it has no entries"))
    found = [_downtime(place, entry) for place, entry in enumerate(loaded, 1)]
    seen: set[str] = set()
    for one in found:
        if one.their_id in seen:
            raise Invalid("file", _("Downtime %(id)s is there twice", id=one.their_id))
        seen.add(one.their_id)
    return found


class _Loader(yaml.SafeLoader):
    """Only texts, lists and mappings: a value such as ``No`` stays the text that it is."""


_Loader.yaml_implicit_resolvers = {}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _downtime(place: int, entry: Any) -> Downtime:
    if not isinstance(entry, dict):
        raise Invalid("file", _("Entry %(place)s is not a downtime", place=place))
    reader = _Entry(place, entry)
    start, end = reader.time("StartTime"), reader.time("EndTime")
    if end < start:
        raise reader.wrong("EndTime", _("the end is before the start"))
    kind = reader.text("Class", 50)
    if kind not in _CLASSES:
        raise reader.wrong("Class", _("must be SCHEDULED or UNSCHEDULED"))
    return Downtime(
        their_id=reader.text("ID", LENGTHS["their_id"]),
        resource=reader.text("ResourceName", LENGTHS["resource"]),
        services=reader.texts("Services", LENGTHS["services"]),
        severity=reader.text("Severity", LENGTHS["severity"]),
        is_scheduled=_CLASSES[kind],
        start=start,
        end=end,
        announced_at=reader.time("CreatedTime") if "CreatedTime" in entry else None,
        text=reader.text("Description", LENGTHS["text"]),
    )


class _Entry:
    """One mapping of the file; what is wrong with it names the entry and the field."""

    def __init__(self, place: int, values: Mapping[Any, Any]) -> None:
        self._values = values
        self._name = _("Entry %(place)s (ID %(id)s)", place=place, id=str(values.get("ID"))[:50])

    def wrong(self, field: str, why: str) -> Invalid:
        return Invalid("file", f"{self._name}: {field}: {why}")

    def text(self, field: str, most: int) -> str:
        value = self._values.get(field)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(field, _("is missing, or not a text"))
        text = storable_text(value.strip())
        if len(text) > most:
            raise self.wrong(field, _("is longer than %(most)s characters", most=f"{most:,}"))
        return text

    def texts(self, field: str, most: int) -> str:
        values = self._values.get(field, [])
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise self.wrong(field, _("must be a list of texts"))
        text = storable_text(", ".join(one.strip() for one in values))
        if len(text) > most:
            raise self.wrong(field, _("is longer than %(most)s characters", most=f"{most:,}"))
        return text

    def time(self, field: str) -> datetime:
        match = _TIME.fullmatch(self.text(field, 50))
        if match is None or match["month"] not in _MONTHS:
            raise self.wrong(field, _("must be a time such as Mar 28, 2017 11:30 +0000"))
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
        try:
            zone = timezone(-offset if match["sign"] == "-" else offset)
            day = date(int(match["year"]), _MONTHS.index(match["month"]) + 1, int(match["day"]))
            clock = time(int(match["hour"]), int(match["minute"]), tzinfo=zone)
            return datetime.combine(day, clock).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.wrong(field, _("does not exist")) from None
