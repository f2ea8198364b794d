"""Reads maintenance notices: a mail (``.eml``) or a calendar (``.ics``), as providers send them.

The input is untrusted: any shape, depth, charset and size. Whatever cannot be read reliably becomes
an ``Unread`` with the reason, never an error and never nothing. Time zones defined in a calendar
are not evaluated (their rules may be endless): zones are identified by their IANA names. Only the
texts of a mail are stored, and nothing is ever shown as HTML.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.message import Message
from typing import Any, Final

import icalendar

from app.calendar.rules.maintnote import IMPACTS, Status
from app.core.rules.errors import Invalid
from app.core.rules.mails.mail_lines import is_in_reach
from app.core.rules.mails.mail_reading import (
    FAILURES,
    MAX_PARTS,
    UnreadableMail,
    decoded,
    header_of,
    open_mail,
)
from app.core.rules.texts import TITLE_LIMIT
from app.notices.rules.notices import (
    MAX_ID_LENGTH,
    MAX_OBJECTS,
    MAX_SEQUENCE,
    NO_CIRCUIT,
    Circuit,
    Draft,
    Notice,
    Reading,
    Unread,
    clean,
    cut_line,
    guess,
    one_line,
)

MAX_BYTES: Final = 4 * 1024 * 1024
"""Limit of a file."""
MAX_CALENDAR: Final = 256 * 1024
"""Characters of a calendar that are read."""
MAX_TEXT: Final = 256 * 1024
"""Characters of a file's text that are stored for people."""
_MAX_EVENTS: Final = 100
_MAX_COMPONENTS: Final = 300
_SHOWN_HEADERS: Final = ("From", "Date", "Subject", "Message-ID")
_CUT: Final = "\n[The portal cut the text here: it is too long.]"


def read(content: bytes, name: str = "") -> Reading:
    """Read the notices in a file. Raises ``Invalid`` only if it is empty or too large."""
    if len(content) > MAX_BYTES:
        raise Invalid("file", f"A notice has at most {MAX_BYTES // 1024 // 1024} MiB")
    if not content.strip():
        raise Invalid("file", "The file is empty")
    digest = hashlib.sha256(content).hexdigest()
    name = cut_line(name, 255)
    start = content[:1024].lstrip(codecs.BOM_UTF8).lstrip().upper()
    if start.startswith(b"BEGIN:VCALENDAR"):
        text = decoded(content, "utf-8")
        return Reading(name, digest, _shortened(clean(text)), tuple(_calendar(text)))
    return _mail(content, name, digest)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + _CUT


# --- mails --------------------------------------------------------------------------------------


def _mail(content: bytes, name: str, digest: str) -> Reading:
    raw = _shortened(clean(decoded(content, "utf-8")))
    try:
        mail = open_mail(content)
        parts = list(_parts(mail))
        subject, sender = _header(mail, "Subject"), _header(mail, "From")
    except UnreadableMail as error:
        return Reading(name, digest, raw, (Unread(str(error)),))
    except FAILURES:
        return Reading(name, digest, raw, (Unread("The email cannot be parsed"),))
    calendars = list(
        dict.fromkeys(text for part, text in parts if _is_calendar(part, text) and text)
    )
    heads = "\n".join(
        f"{head}: {value}" for head in _SHOWN_HEADERS if (value := _header(mail, head))
    )
    texts = [clean(text).strip() for part, text in parts if text]
    whole = "\n\n".join(filter(None, (heads, *dict.fromkeys(texts))))
    text = _shortened(whole) if any(texts) else raw
    found: list[Notice | Unread] = [one for each in calendars for one in _calendar(each)]
    if not found:
        body = next((text for part, text in parts if part.get_content_subtype() == "plain"), whole)
        draft = guess(clean(body), one_line(subject))
        found.append(Unread("It contains no calendar (text/calendar or an .ics file)", draft))
    return Reading(
        name or cut_line(subject, 255),
        digest,
        text,
        tuple(found),
        sender=cut_line(sender, 255),
        subject=cut_line(subject, 255),
    )


def _parts(mail: Message) -> Iterator[tuple[Message, str]]:
    """The parts that contain text or a calendar, with their content; forwarded mails are searched
    too."""
    waiting, seen = [mail], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MAX_PARTS:
            return
        inner = part.get_payload()
        if part.is_multipart() and isinstance(inner, list):
            waiting[:0] = [one for one in inner if isinstance(one, Message)]
            continue
        name = str(part.get_filename("") or "").casefold()
        is_text = part.get_content_maintype() == "text"
        if is_text or name.endswith(".ics") or "calendar" in part.get_content_type() + name:
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield part, decoded(payload, str(part.get_content_charset("utf-8")))


def _is_calendar(part: Message, text: str) -> bool:
    return text.lstrip()[:15].upper() == "BEGIN:VCALENDAR" and (
        part.get_content_type() != "text/html"
    )


def _header(mail: Message, name: str) -> str:
    return one_line(header_of(mail, name))


# --- calendars ----------------------------------------------------------------------------------


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
        status = Status.CANCELLED
    if status and status not in set(Status):
        raise _Unreadable("X-MAINTNOTE-STATUS must be one of " + ", ".join(Status))
    return Notice(
        provider=provider,
        uid=uid,
        sequence=_sequence(event),
        start=start,
        end=end,
        maintenance_ids=ids,
        circuits=_circuits(event, may_lack=status == Status.CANCELLED),
        impact=_impact(_id(event, "X-MAINTNOTE-IMPACT")),
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
