"""Planned work as calendar programs and circuit databases take it: iCalendar with MAINTNOTE.

iCalendar is RFC 5545; the fields X-MAINTNOTE-... are those of the draft NANOG BCOP 0.1
(github.com/jda/maintnote-std/blob/master/standard.md), by which NetBox and Nautobot
(circuit-maintenance-parser) know which circuits are worked on. A window without an end, or that
names neither link nor site, has no such fields: they are all required. Texts of people are escaped
and folded by the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import icalendar

from app.calendar.adapters.maintnote import IMPACT_WORDS
from app.calendar.rules.calendar import Planned
from app.calendar.rules.work_status import WorkStatus, status_of

PRODUCT: Final = "-//LHCOPN//portal//EN"
_STATUSES: Final = {WorkStatus.CANCELLED: "CANCELLED", WorkStatus.TENTATIVE: "TENTATIVE"}
"""STATUS of iCalendar; for the others it is CONFIRMED."""


@dataclass(frozen=True)
class Publisher:
    """The publisher of the work: the portal's address (no slash at its end), and its mail
    address."""

    public_url: str
    address: str

    @property
    def host(self) -> str:
        """By which others know the portal: its work, and its UIDs, are this host's."""
        return urlsplit(self.public_url).hostname or "localhost"


def new_calendar() -> icalendar.Calendar:
    """A calendar object without anything in it."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    return calendar


def notice_of(window: Planned, publisher: Publisher) -> str:
    """One window as a maintenance notice, or "" where it cannot be one.

    Without a METHOD, as the standard requires (3.4.1): else mail programs add it to the calendar of
    the recipient.
    """
    if not window.is_notice:
        return ""
    calendar = new_calendar()
    calendar.add_component(event_of(window, publisher))
    content: bytes = calendar.to_ical()
    return content.decode()


def event_of(window: Planned, publisher: Publisher) -> icalendar.Event:
    """A window; its UID and SEQUENCE stay those of the ticket and its version. Times are UTC."""
    url = f"{publisher.public_url}/tickets/{window.ticket}"
    status = status_of(
        window.state,
        is_cancelled=window.cancelled,
        is_agreed=window.accepted >= window.asked,
        has_begun=window.start <= window.changed_at,
    )
    values: list[tuple[str, Any]] = [
        ("uid", f"ticket-{window.ticket}@{publisher.host}"),
        ("sequence", window.version),
        ("dtstamp", window.changed_at),
        ("last-modified", window.changed_at),
        ("dtstart", window.start),
        ("dtend", window.end if window.has_length else ""),
        ("summary", f"{window.category.capitalize()}: {window.title}"),
        ("location", ", ".join(window.worked_on)),
        ("description", _description(window, url)),
        ("url", url),
        ("status", _STATUSES.get(status, "CONFIRMED")),
        ("categories", [window.category, window.network]),
        ("transp", "TRANSPARENT"),
        ("organizer", f"mailto:{publisher.address}"),
    ]
    event = icalendar.Event()
    for name, value in values:
        if value != "":
            event.add(name, value)
    if window.is_notice:
        _add_maintnote(event, window, publisher.host, status)
    return event


def _add_maintnote(
    event: icalendar.Event, window: Planned, provider: str, status: WorkStatus
) -> None:
    """The fields of the standard (3.6). One maintenance id only: the parser of NetBox and Nautobot
    takes several for one text."""
    first, *others = window.worked_on
    # of several, the first link is the one whose site answers for the ticket (3.3.1.1)
    primary = {"X-MAINTNOTE-PRECEDENCE": "PRIMARY"} if others else {}
    fields: list[tuple[str, str, dict[str, str]]] = [
        ("provider", provider, {}),
        ("account", window.network, {}),
        ("maintenance-id", f"LHCOPN#{window.ticket}", {}),
        ("object-id", first, primary),
        *(("object-id", name, {}) for name in others),
        ("impact", IMPACT_WORDS[window.impact], {}),
        ("status", status, {}),
    ]
    for name, text, parameters in fields:
        # the library escapes in fields that it does not know only what it is told to be text
        event.add(f"x-maintnote-{name}", icalendar.vText(text), parameters=parameters)


def _description(window: Planned, url: str) -> str:
    lines = [f"Ticket #{window.ticket}, {window.state}. Impact: {window.impact}."]
    if window.sites:
        lines.append(f"Sites: {', '.join(window.sites)}.")
    if window.asked:
        refused = f", {window.refused} refused" if window.refused else ""
        lines.append(f"{window.accepted} of {window.asked} sites accepted{refused}.")
    if window.open_end:
        lines.append("Its end is not known.")
    for one in window.conflicts:
        numbers = " and ".join(f"#{number}" for number in sorted(set(one.tickets)))
        lines.append(f"Conflict: {one.words} ({numbers}).")
    if window.season:
        lines.append(f"The LHC runs then: {window.season}.")
    return "\n".join([*lines, url])
