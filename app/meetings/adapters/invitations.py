"""Invitations to teleconferences as calendar programs take them: iCalendar (RFC 5545, RFC 5546).

The one place that knows how a TC looks in a calendar: mails, the file of a TC and the feed of the
calendar use it. Texts of people are escaped and folded by the library.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

import icalendar

from app.calendar.adapters.planned_work import new_calendar
from app.meetings.rules.teleconferences import Invitation, Method


def write_invitation(invitation: Invitation) -> str:
    """One invitation, update or cancellation as a calendar object with its METHOD."""
    calendar = new_calendar()
    calendar.add("method", invitation.method)
    calendar.add_component(event_of_meeting(invitation))
    content: bytes = calendar.to_ical()
    return content.decode()


def event_of_meeting(invitation: Invitation) -> icalendar.Event:
    """The TC alone, for a calendar that holds more. Times are UTC."""
    event = icalendar.Event()
    cancelled = invitation.is_cancelled or invitation.method is Method.CANCEL
    values: list[tuple[str, Any]] = [
        ("uid", invitation.uid),
        ("sequence", invitation.sequence),
        ("dtstamp", invitation.stamp.astimezone(UTC)),
        ("dtstart", invitation.start.astimezone(UTC)),
        ("dtend", invitation.end.astimezone(UTC)),
        ("summary", invitation.summary),
        ("description", invitation.description),
        ("location", invitation.place),
        ("url", invitation.url),
        ("status", "CANCELLED" if cancelled else "CONFIRMED"),
        ("organizer", _address(invitation.organizer, invitation.organizer_name)),
    ]
    for name, value in values:
        if value != "":
            event.add(name, value)
    if invitation.attendee:
        attendee = _address(invitation.attendee, invitation.attendee_name)
        # nobody reads what comes back to the portal's address: answers are given on the page
        attendee.params |= {
            "CUTYPE": "INDIVIDUAL",
            "ROLE": "REQ-PARTICIPANT",
            "PARTSTAT": "NEEDS-ACTION",
            "RSVP": "FALSE",
        }
        event.add("attendee", attendee)
    return event


def _address(address: str, name: str) -> icalendar.vCalAddress:
    found = icalendar.vCalAddress(f"mailto:{address}")
    if name:
        found.params["CN"] = name
    return found
