"""MAINTNOTE: a calendar whose events have fields of their own, alone or in a mail.

https://github.com/jda/maintnote-std describes it. Time zones defined in a calendar are not
evaluated (their rules may be endless): zones are identified by their IANA names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import icalendar

from app.calendar.adapters.maintnote import IMPACTS
from app.calendar.rules.work_status import WorkStatus
from app.core.rules.mails.mail_lines import is_in_reach
from app.core.rules.texts import TITLE_LIMIT
from app.notices.rules.notices import (
    MAX_ID_LENGTH,
    MAX_OBJECTS,
    MAX_SEQUENCE,
    NO_CIRCUIT,
    Circuit,
    Draft,
    Notice,
    SentText,
    Unread,
    clean,
    cut_line,
    one_line,
)
from app.tickets.rules.tickets import Impact

MAX_CALENDAR: Final = 256 * 1024
"""Characters of a calendar that are read."""
_MAX_EVENTS: Final = 100
_MAX_COMPONENTS: Final = 300


def find(sent: SentText) -> Iterator[Notice | Unread]:
    """The events of all calendars, each calendar once."""
    texts = (text for media, text in sent.parts if media != "text/html" and _is_calendar(text))
    for text in dict.fromkeys(texts):
        yield from _calendar(text)


def _is_calendar(text: str) -> bool:
    return text.lstrip("\ufeff").lstrip()[:15].upper() == "BEGIN:VCALENDAR"


def _calendar(text: str) -> Iterator[Notice | Unread]:
    """The events of a calendar; never empty."""
    if len(text) > MAX_CALENDAR:
        yield Unread(f"The calendar is larger than {MAX_CALENDAR // 1024} kB")
        return
    if text.upper().count("BEGIN:") > _MAX_COMPONENTS:
        yield Unread(f"The calendar has more than {_MAX_COMPONENTS} components")
        return
    try:
        calendars = icalendar.Calendar.from_ical(_without_zones(text), multiple=True)
        events = [
            (one, str(each.get("METHOD", "")).upper())
            for each in calendars
            for one in each.walk("VEVENT")
        ]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        # the library fails in all these ways on text that is not a calendar
        yield Unread(f"The calendar cannot be read: {cut_line(str(error), 150)}")
        return
    if not events:
        yield Unread("The calendar contains no event (VEVENT)")
    elif len(events) > _MAX_EVENTS:
        yield Unread(f"The calendar has more than {_MAX_EVENTS} events")
    else:
        for event, method in events:
            yield _event(event, method)


def _without_zones(text: str) -> str:
    """The calendar without its VTIMEZONEs, whose rules may never end."""
    result: list[str] = []
    inside = False
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        word = line.strip().upper()
        if word == "BEGIN:VTIMEZONE":
            inside = True
        elif word == "END:VTIMEZONE":
            inside = False
        elif not inside:
            result.append(line)
    return "\r\n".join(result)


class _Unreadable(Exception):
    """What is wrong with an event, in words."""


def _event(event: icalendar.Component, method: str) -> Notice | Unread:
    try:
        return _notice(event, method)
    except _Unreadable as error:
        return Unread(str(error), _draft_of(event))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:  # as above
        return Unread(f"The event cannot be read: {cut_line(str(error), 150)}", _draft_of(event))


def _draft_of(event: icalendar.Component) -> Draft:
    times: list[datetime | None] = []
    for name in ("DTSTART", "DTEND"):
        try:
            times.append(_time(event, name, floating=True))
        except (_Unreadable, ValueError, TypeError, AttributeError, OverflowError):
            times.append(None)
    try:
        start, end = times
        if start is not None and end is not None and end < start:
            end = None
        ids = _texts(event, "X-MAINTNOTE-MAINTENANCE-ID")
        return Draft(
            cut_line(_text(event, "SUMMARY"), TITLE_LIMIT), next(iter(ids), ""), start, end
        )
    except (_Unreadable, ValueError, TypeError, AttributeError):
        return Draft()


def _notice(event: icalendar.Component, method: str) -> Notice:
    provider = _id(event, "X-MAINTNOTE-PROVIDER", needed=True)
    uid = _id(event, "UID", needed=True)
    ids = _texts(event, "X-MAINTNOTE-MAINTENANCE-ID")
    if not ids:
        raise _Unreadable("X-MAINTNOTE-MAINTENANCE-ID is missing")
    for name in ("RRULE", "RDATE", "RECURRENCE-ID", "EXDATE"):
        if event.get(name) is not None:
            raise _Unreadable(f"The event is repeated ({name}); a notice has one window")
    start, end = _time(event, "DTSTART"), _time(event, "DTEND")
    if end < start:
        raise _Unreadable("The window ends (DTEND) before it starts (DTSTART)")
    status = _id(event, "X-MAINTNOTE-STATUS").upper()
    if method == "CANCEL" or _id(event, "STATUS").upper() == "CANCELLED":
        status = WorkStatus.CANCELLED
    if status and status not in set(WorkStatus):
        raise _Unreadable("X-MAINTNOTE-STATUS must be one of " + ", ".join(WorkStatus))
    impact = _impact(_id(event, "X-MAINTNOTE-IMPACT"))
    return Notice(
        provider=provider,
        uid=uid,
        sequence=_sequence(event),
        start=start,
        end=end,
        maintenance_ids=ids,
        circuits=_circuits(event, may_lack=status == WorkStatus.CANCELLED),
        impact=impact,
        ticket_impact=IMPACTS.get(impact, Impact.OUTAGE),
        status=str(status),
        stamp=_time(event, "DTSTAMP") if event.get("DTSTAMP") is not None else None,
        account=_id(event, "X-MAINTNOTE-ACCOUNT"),
        summary=one_line(_text(event, "SUMMARY")),
        description=clean(_text(event, "DESCRIPTION")).strip(),
        organizer=_id(event, "ORGANIZER").removeprefix("mailto:").removeprefix("MAILTO:"),
    )


def _impact(text: str) -> str:
    word = text.upper()
    return word if word in IMPACTS or not word else word[:50]


def _sequence(event: icalendar.Component) -> int:
    value = _id(event, "SEQUENCE") or "0"  # RFC 5545: the default is 0
    if not (value.isascii() and value.isdigit() and int(value[:20]) <= MAX_SEQUENCE):
        raise _Unreadable("SEQUENCE must be a whole number")
    return int(value)


def _circuits(event: icalendar.Component, *, may_lack: bool) -> tuple[Circuit, ...]:
    """The circuits; ``may_lack``: a cancellation needs none if its UID identifies the
    maintenance."""
    found: dict[str, Circuit] = {}
    for value in _values(event, "X-MAINTNOTE-OBJECT-ID"):
        params = getattr(value, "params", {})
        impact = _impact(one_line(str(params.get("X-MAINTNOTE-OBJECT-IMPACT", ""))))
        found.setdefault(_short("X-MAINTNOTE-OBJECT-ID", str(value)), Circuit(str(value), impact))
    circuits = tuple(Circuit(key, one.impact) for key, one in found.items() if key)
    if not circuits and not may_lack:
        raise _Unreadable(NO_CIRCUIT)
    if len(circuits) > MAX_OBJECTS:
        raise _Unreadable(f"The event names more than {MAX_OBJECTS} circuits")
    return circuits


def _values(event: icalendar.Component, name: str) -> Sequence[Any]:
    value = event.get(name)
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _texts(event: icalendar.Component, name: str) -> tuple[str, ...]:
    values = (_short(name, str(value)) for value in _values(event, name)[:MAX_OBJECTS])
    return tuple(dict.fromkeys(value for value in values if value))


def _text(event: icalendar.Component, name: str) -> str:
    values = _values(event, name)
    return str(values[0]) if values else ""


def _id(event: icalendar.Component, name: str, *, needed: bool = False) -> str:
    values = _values(event, name)
    if len(values) > 1:
        raise _Unreadable(f"{name} is repeated")
    text = _short(name, str(values[0])) if values else ""
    if needed and not text:
        raise _Unreadable(f"{name} is missing")
    return text


def _short(name: str, text: str) -> str:
    line = one_line(text)
    if len(line) > MAX_ID_LENGTH:
        raise _Unreadable(f"{name} is longer than {MAX_ID_LENGTH} characters")
    return line


def _time(event: icalendar.Component, name: str, *, floating: bool = False) -> datetime:
    values = _values(event, name)
    if len(values) != 1:
        raise _Unreadable(f"{name} {'is repeated' if values else 'is missing'}")
    moment = getattr(values[0], "dt", None)
    if not isinstance(moment, datetime):
        raise _Unreadable(f"{name} is not a date and time")
    if moment.tzinfo is None:
        zone = one_line(str(getattr(values[0], "params", {}).get("TZID", "")))[:50]
        if not floating or zone:
            raise _Unreadable(
                f"{name} has the unknown time zone {zone}" if zone else f"{name} has no time zone"
            )
        moment = moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    if not is_in_reach(moment):
        raise _Unreadable(f"{name} is out of range: the year {moment.year}")
    return moment
