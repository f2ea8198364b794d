"""The demo's maintenance notices: works that were announced and moved, works that were called off,
and a mail that only a person can read. All are samples; the carriers do not exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Door, Writer
from app.notices.adapters.files import read
from app.notices.services.notices import take_in
from app.tickets.rules.tickets import State
from app.tickets.services.lifecycle import change_ticket

_LINK = "CERN-BNL-LHCOPN-002"


MADE: Final = 1
"""Tickets that result from them."""


def notices_to_come(
    session: Session, operator: Actor, now: datetime
) -> Sequence[tuple[datetime, Callable[[datetime], None]]]:
    """When each notice is brought in by the operator on the last days, and what does so then.

    One ticket comes of them: its window is ahead, moved by a second notice, and one of its circuits
    is not known.
    """
    begin = (now + timedelta(days=9)).replace(hour=22, minute=0, second=0, microsecond=0)
    title = "Sample: amplifier exchange, sea cable"
    works = _calendar(begin, title)
    moved = _calendar(begin + timedelta(days=2), title, sequence=2)
    off = _calendar(
        begin + timedelta(days=4),
        "Sample: cancelled maintenance",
        uid="sample-2@carrier.example",
        status="CANCELLED",
    )
    plain = f"""\
From: Sample NREN <noc@nren.example>
Subject: Sample: software upgrade of a router
Content-Type: text/plain; charset=utf-8

Ticket Number      : SAMPLE-7
Ticket Type        : Scheduled
Problem Start      : {begin + timedelta(days=1):%Y%m%d %H:%M} UTC
Problem End        : {begin + timedelta(days=1, hours=2):%Y%m%d %H:%M} UTC
Site/line          : access line of the sample site
Problem Description: Software upgrade of the router
Problem Effects    : Loss of connectivity for up to 30 minutes
"""
    files = (
        (timedelta(days=3), "sample-works.ics", works),
        (timedelta(days=1), "sample-works-moved.ics", moved),
        (timedelta(hours=20), "sample-called-off.ics", off),
        (timedelta(hours=2), "sample-plain.eml", plain),
    )

    def bringing(name: str, content: str) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            by = Writer(actor=operator, door=Door.PORTAL, now=at)
            for result in take_in(session, by, read(content.encode(), name)):
                if result.is_new_ticket and result.ticket is not None:
                    change_ticket(session, by, result.ticket, {"state": State.ON_HOLD})

        return happen

    return [(now - ago, bringing(name, content)) for ago, name, content in files]


def _calendar(
    start: datetime,
    title: str,
    uid: str = "sample-1@carrier.example",
    sequence: int = 1,
    status: str = "CONFIRMED",
) -> str:
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//LHCOPN portal//Sample//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"SEQUENCE:{sequence}",
        f"DTSTAMP:{start - timedelta(days=20 - sequence):%Y%m%dT%H%M%SZ}",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{start + timedelta(hours=6):%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{title}",
        "ORGANIZER:mailto:noc@carrier.example",
        "X-MAINTNOTE-PROVIDER:carrier.example",
        "X-MAINTNOTE-ACCOUNT:SAMPLE",
        f"X-MAINTNOTE-MAINTENANCE-ID:{uid.partition('@')[0].upper()}",
        f"X-MAINTNOTE-OBJECT-ID:{_LINK}",
        "X-MAINTNOTE-OBJECT-ID:SAMPLE-77001",
        "X-MAINTNOTE-IMPACT:OUTAGE",
        f"X-MAINTNOTE-STATUS:{status}",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "\r\n".join((*lines, ""))
