"""A provider's maintenance notice: what it states, and what its ticket should contain.

The format is MAINTNOTE, an iCalendar event with fields of its own; its words for impact and status
are those of ``app.calendar.rules.maintnote``. A notice that cannot be read is left to a person:
only a draft of the ticket is guessed from its text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from email.utils import parseaddr
from enum import StrEnum
from typing import Final

from app.calendar.rules.maintnote import IMPACTS, Status
from app.core.rules.mails.mail_lines import columns_of, utc_time
from app.core.rules.texts import SHORT_TEXT_LIMIT, TITLE_LIMIT
from app.tickets.rules.tickets import Impact, State


class Outcome(StrEnum):
    """What happened to a notice, or would happen to it."""

    MADE = "made"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    SAME = "same"
    """Already known; not stored again."""
    IGNORED = "ignored"
    """Older than a known notice; stored, without effect."""
    TO_READ = "to read"
    DISMISSED = "dismissed"


MAX_OBJECTS: Final = 2000
"""Circuits of one notice; with more, it is left to a person."""
NO_CIRCUIT: Final = "X-MAINTNOTE-OBJECT-ID is missing: no circuit is named"
MAX_ID_LENGTH: Final = SHORT_TEXT_LIMIT
WHY_LIMIT: Final = 500
"""Longest explanation of what happened to a notice, in characters."""
MAX_SEQUENCE: Final = 2**31 - 1


@dataclass(frozen=True)
class Circuit:
    """X-MAINTNOTE-OBJECT-ID: the provider's id of a circuit, and its own impact if stated."""

    object_id: str
    impact: str = ""


@dataclass(frozen=True)
class Notice:
    """One event of a MAINTNOTE calendar. Times are aware UTC; texts are cleaned and not cut."""

    provider: str
    uid: str
    sequence: int
    start: datetime
    end: datetime
    maintenance_ids: tuple[str, ...]
    circuits: tuple[Circuit, ...]
    """The affected circuits; a cancellation may name none and then means those of its UID."""
    impact: str
    """As sent, in upper case; "" = not stated."""
    status: str = ""
    """As sent, in upper case; "" = not stated."""
    stamp: datetime | None = None
    account: str = ""
    summary: str = ""
    description: str = ""
    organizer: str = ""

    @property
    def provider_key(self) -> str:
        """The form in which providers are compared: a UID is unique only for one provider."""
        return self.provider.casefold()

    @property
    def is_cancelled(self) -> bool:
        """Whether the work will not take place."""
        return self.status == Status.CANCELLED

    def ticket_impact(self) -> Impact:
        """The impact in the words of tickets."""
        return IMPACTS.get(self.impact, Impact.OUTAGE)

    def title(self) -> str:
        """One line for the ticket's title."""
        text = self.summary or f"Maintenance {self.maintenance_ids[0]} of {self.provider}"
        return cut_line(text, TITLE_LIMIT)

    def digest(self) -> str:
        """Identifies the same notice in whatever mail it arrives."""
        text = json.dumps(asdict(self), default=str, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Draft:
    """A starting point for a person if a notice cannot be read; times are UTC."""

    title: str = ""
    reference: str = ""
    start: datetime | None = None
    end: datetime | None = None
    status: str = ""
    """In the sender's words, in upper case; "" = not stated."""


@dataclass(frozen=True)
class Unread:
    """Something that only a person can read: the reason, and a draft."""

    why: str
    draft: Draft = field(default_factory=Draft)


@dataclass(frozen=True)
class SentText:
    """The texts of a mail or calendar file, in which a format finds notices."""

    parts: Sequence[tuple[str, str]]
    """Media type, in lower case, and text of each part."""
    sender: str = ""
    """As in the header; unverified. "" = a calendar alone."""
    subject: str = ""


@dataclass(frozen=True)
class Reading:
    """The content of a mail or calendar file; ``text`` is all of its text, for people."""

    name: str
    digest: str
    """SHA-256 of the whole file."""
    text: str
    found: Sequence[Notice | Unread]
    sender: str = ""
    subject: str = ""

    @property
    def sender_domain(self) -> str:
        """The host of the sender's address in lower case, "" = no address. Unverified."""
        return parseaddr(self.sender)[1].rpartition("@")[2].casefold()


def clean(text: str) -> str:
    """Text without characters that partners cannot receive, with plain line ends."""
    return _NOT_TEXT.sub(
        "\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n")
    )


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(clean(text).split())


def cut_line(text: str, limit: int) -> str:
    """One line of at most so many characters, with a mark if it was cut."""
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def guess(text: str, subject: str = "") -> Draft:
    """Guess a draft from a plain mail with "Name: value" lines, as NRENs write them.

    Source of the format: HEAnet's announcements of 2008 (Ticket Number, Problem Start and End in
    UTC, Site/line, Problem Description), in one column or in two. Only times marked UTC, GMT or Z
    are used.
    """
    said: dict[str, str] = {}
    for columns in columns_of(text[:_LOOKED_AT].splitlines(), _NAMES):
        for column in columns:
            match = _FIELD.match(column)
            if match is not None and match[2].strip():
                said.setdefault(match[1].strip().casefold(), match[2].strip())
    title = subject or next((said[name] for name in _TITLES if name in said), "")
    start = next(filter(None, (utc_time(said.get(name, "")) for name in _STARTS)), None)
    end = next(filter(None, (utc_time(said.get(name, "")) for name in _ENDS)), None)
    if start is not None and end is not None and end < start:
        end = None
    reference = next((said[name] for name in _REFERENCES if name in said), "")
    status = next((said[name] for name in _STATUSES if name in said), "")
    return Draft(
        cut_line(title, TITLE_LIMIT),
        cut_line(reference, MAX_ID_LENGTH),
        start,
        end,
        cut_line(status, _STATUS_LENGTH).upper(),
    )


def ended_as(status: str) -> str:
    """The state of a ticket whose work has this status in a plain mail, "" = not ended."""
    return _ENDED_AS.get(status.casefold(), "")


# XML 1.0 (fifth edition), production 2: the characters that every partner can receive.
_NOT_TEXT = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOOKED_AT: Final = 64 * 1024
"""Characters of a mail that are searched for fields."""
_FIELD = re.compile(r"[ \t>*]{0,20}([A-Za-z][A-Za-z /_-]{1,40}?)[ \t]{0,40}:[ \t]{0,40}(.{0,500})")
_TITLES: Final = ("subject", "summary", "title", "problem description", "site/line")
_STARTS: Final = (
    "problem start",
    "start",
    "start time",
    "start date",
    "maintenance start",
    "window start",
    "begin",
    "scheduled start",
)
_ENDS: Final = (
    "problem end",
    "end",
    "end time",
    "end date",
    "maintenance end",
    "window end",
    "scheduled end",
)
_REFERENCES: Final = (
    "ticket number",
    "ticket",
    "reference",
    "maintenance id",
    "change id",
    "ticket id",
)
_STATUSES: Final = ("ticket status", "status")
_NAMES: Final = frozenset((*_TITLES, *_STARTS, *_ENDS, *_REFERENCES, *_STATUSES))
_STATUS_LENGTH: Final = 50
_ENDED_AS: Final = {
    **dict.fromkeys(("close", "closed", "completed", "resolved"), State.SOLVED),
    **dict.fromkeys(("cancel", "cancelled", "canceled"), State.UNSOLVED),
}
