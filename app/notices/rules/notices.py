"""A provider's maintenance notice: what it states, and what its ticket should contain.

Each format in which notices are sent is a file in ``app/notices/adapters/``. A notice that cannot
be read is left to a person, with a draft of the ticket.
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

from app.calendar.rules.work_status import WorkStatus
from app.core.rules.texts import SHORT_TEXT_LIMIT, TITLE_LIMIT
from app.tickets.rules.tickets import Impact


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
    """One maintenance. Times are aware UTC; texts are cleaned and not cut."""

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
    """A ``WorkStatus``; "" = not stated."""
    stamp: datetime | None = None
    account: str = ""
    summary: str = ""
    description: str = ""
    organizer: str = ""
    ticket_impact: Impact = Impact.OUTAGE
    """The impact in the words of tickets."""

    @property
    def provider_key(self) -> str:
        """The form in which providers are compared: a UID is unique only for one provider."""
        return self.provider.casefold()

    @property
    def is_cancelled(self) -> bool:
        """Whether the work will not take place."""
        return self.status == WorkStatus.CANCELLED

    def title(self) -> str:
        """One line for the ticket's title."""
        text = self.summary or f"Maintenance {self.maintenance_ids[0]} of {self.provider}"
        return cut_line(text, TITLE_LIMIT)

    def digest(self) -> str:
        """Identifies the same notice in whatever mail it arrives."""
        stated = asdict(self)
        del stated["ticket_impact"]  # it follows from the impact
        text = json.dumps(stated, default=str, ensure_ascii=False, sort_keys=True)
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
    unclear: str = ""
    """Why a stated time is not in the draft, in words; "" = none was left out."""


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
class NoticeReading:
    """The content of a mail or calendar file; ``text`` is all of its text, for people."""

    name: str
    digest: str
    """SHA-256 of the whole file."""
    text: str
    found: Sequence[Notice | Unread]
    sender: str = ""
    subject: str = ""
    mail: bytes = b""
    """The mail as it came, if a person has to read it; empty for all others."""

    @property
    def sender_domain(self) -> str:
        """The host of the sender's address in lower case, "" = no address. Unverified."""
        return parseaddr(self.sender)[1].rpartition("@")[2].casefold()


# XML 1.0 (fifth edition), production 2: the characters that every partner can receive.
_NOT_TEXT = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
