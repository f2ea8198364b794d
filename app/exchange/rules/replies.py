"""Replies to the portal's mails: their new text, and which were sent automatically.

Doubtful mails are left to a person, with the whole text: only mails that a program sent
automatically are dropped, and these are stored for some time, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.rules.texts import PORTAL_TEXT_LIMIT, cut_with_pointer
from app.tickets.rules.marks import references_in

MOST_IN_AN_HOUR: Final = 20
"""Mails of one sender about one ticket that become comments; two programs that answer each other
send more."""
_TICKET_ID: Final = re.compile(r"GGUS-Ticket-ID:\s*#?(\d{1,18})(?!\d)", re.IGNORECASE)
_ORIGINAL: Final = re.compile(r"-{3,} ?[^\W\d_][^-]{3,60}-{3,}|_{20,}")
"""The separator above mails quoted by Outlook: "-----Original Message-----" in any language, or a
line."""
_WROTE: Final = re.compile(r"On .{6,300} wrote:")
_FROM: Final = re.compile(r"\*?(From|Von|De|Da|Van|Fra|Från|Od)\*? ?:\*? ?\S.*")
_FIELD: Final = re.compile(r"\*?[^\W\d_][^:]{0,20}:\*?( .*)?")
_SIGNATURE: Final = "-- "
_MOST_LINES_OF_ATTRIBUTION: Final = 3
_BULK: Final = frozenset({"bulk", "junk", "list"})
_REFUSED: Final = (
    "X-Auto-Response-Suppress",
    "X-Autoreply",
    "X-Autorespond",
    "X-RT-Loop-Prevention",
)


class MailState(StrEnum):
    """What happened to an incoming mail."""

    RECEIVED = "received"
    """It waits for the worker."""
    ADDED = "added"
    """It became a comment."""
    REVIEW = "needs review"
    DISMISSED = "dismissed"
    """A person decided that no action is needed."""
    DROPPED = "dropped"
    """A program sent it automatically."""


@dataclass(frozen=True)
class AttachedFile:
    """A file in a mail, under the name in the mail."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Reply:
    """A parsed mail. ``addresses``: all headers that name a recipient, joined; ``problem``: why it
    could not be read; ``automatic``: why it counts as sent by a program."""

    key: str
    """The same for the same mail, however often it arrives: a digest of its Message-ID."""
    sender: str = ""
    subject: str = ""
    addresses: str = ""
    text: str = ""
    """Its whole text, plain."""
    files: Sequence[AttachedFile] = ()
    gone: Sequence[str] = ()
    """The names of files that were deleted here before anybody added them."""
    automatic: str = ""
    problem: str = ""


def numbers_in(subject: str) -> list[int]:
    """The tickets in a subject, each once: ``GGUS-Ticket-ID: #N`` and ``LHCOPN#N``."""
    found = [int(number) for number in _TICKET_ID.findall(subject)] + references_in(subject)
    return list(dict.fromkeys(found))


def why_automatic(headers: Mapping[str, str], content_type: str, own_domain: str) -> str:
    """Why a mail was not written by a person, "" = it may have been. ``headers`` by their names in
    lower case."""
    submitted = headers.get("auto-submitted", "no").partition(";")[0].strip().casefold()
    if submitted != "no":
        return f"Auto-Submitted: {submitted}"
    precedence = headers.get("precedence", "").strip().casefold()
    if precedence in _BULK:
        return f"Precedence: {precedence}"
    for name in _REFUSED:
        if name.casefold() in headers:
            return name
    if headers.get("return-path", "x").strip() in ("<>", ""):
        return "Return-Path: <>"
    if content_type == "multipart/report":
        return "multipart/report"
    own = headers.get("message-id", "").strip().strip("<>").casefold().rpartition("@")[2]
    if own == own_domain.casefold():
        return "Message-ID of the portal itself"
    return ""


def new_text(text: str, ours: Collection[str]) -> str:
    """A mail's text without its signature and the quotes at its end.

    ``ours``: texts that identify the line above a quote of our mails (the portal's addresses).
    Quotes with answers between them stay: otherwise it would be unclear what is answered.
    """
    rows = text.replace("\r\n", "\n").split("\n")
    lines = [row.rstrip() for row in rows]
    last = _last_answer(lines)
    first = next((place for place, line in enumerate(lines) if _is_quoted(line)), len(lines))
    for place in range(len(lines)):
        if first < place:
            later = range(place, len(lines))
            first = next((one for one in later if _is_quoted(lines[one])), len(lines))
        if first > last and _begins_quote(lines, place, ours):
            lines = lines[:place]
            break
    end = len(lines)
    while end and (not lines[end - 1] or _is_quoted(lines[end - 1])):
        end -= 1
    if any(_is_quoted(line) for line in lines[end:]):
        end = _without_attribution(lines, end)
    if _SIGNATURE in rows[:end]:
        end = rows.index(_SIGNATURE)
    return "\n".join(lines[:end]).strip()


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _last_answer(lines: Sequence[str]) -> int:
    """The last line that somebody wrote, without a signature; -1 = no such line."""
    last = -1
    quotes_end = max((place for place, line in enumerate(lines) if _is_quoted(line)), default=-1)
    for place, line in enumerate(lines):
        if line == _SIGNATURE.rstrip() and place > quotes_end:
            return last
        if line.strip() and not _is_quoted(line):
            last = place
    return last


def _begins_quote(lines: Sequence[str], place: int, ours: Collection[str]) -> bool:
    line = lines[place].strip()
    if not line or _is_quoted(line):
        return False
    if _ORIGINAL.fullmatch(line):
        return not line.startswith("_") or _is_head(lines, place + 1)
    if _is_head(lines, place):
        return True
    is_ours = any(one in line.casefold() for one in ours)
    for count in range(1, _MOST_LINES_OF_ATTRIBUTION + 1):
        window = [one.strip() for one in lines[place : place + count]]
        if count > 1 and window[-1].startswith("On "):
            return False
        joined = " ".join(window)
        if _WROTE.fullmatch(joined) or (is_ours and joined.endswith(":")):
            return True
    return False


def _is_head(lines: Sequence[str], place: int) -> bool:
    """Whether the lines are the header that Outlook writes above a quoted mail: From, and at least
    two more fields."""
    block = [one.strip() for one in lines[place : place + 5]]
    while block and not block[0]:
        block.pop(0)
    return (
        len(block) > 2
        and _FROM.fullmatch(block[0]) is not None
        and all(_FIELD.fullmatch(one) for one in block[1:3])
    )


def _without_attribution(lines: Sequence[str], end: int) -> int:
    """The end of a text without the line that introduces the quotes after it, in any language."""
    if not end or not lines[end - 1].endswith(":"):
        return end
    begin = end
    while begin and lines[begin - 1] and end - begin < _MOST_LINES_OF_ATTRIBUTION:
        begin -= 1
    is_alone = begin == 0 or not lines[begin - 1]
    return begin if is_alone else end - 1


def comment_of(text: str, left_out: Sequence[str], sent_from: str) -> str:
    """The comment created from a mail, with the files that could not be stored, and the address it
    came from if the answered mail was sent to another one."""
    notes = [f"[Not stored: {one}]" for one in left_out]
    notes += [f"[Sent from {sent_from}]"] if sent_from else []
    note = "\n".join(notes)
    limit = PORTAL_TEXT_LIMIT - len(note) - 2
    body = cut_with_pointer(text, limit, "\n[... the rest is in the mail]")
    return "\n\n".join(part for part in (body, note) if part)
