"""Reads a file with maintenance notices: a mail (``.eml``) or a calendar (``.ics``).

The input is untrusted: any shape, depth, charset and size. Whatever cannot be read reliably becomes
an ``Unread`` with the reason, never an error and never nothing. Only the texts of a mail are
stored, and nothing is ever shown as HTML. What a notice looks like is known by the formats.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Sequence
from email.message import Message
from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.mails.mail_reading import (
    FAILURES,
    MAX_PARTS,
    UnreadableMail,
    decoded,
    header_of,
    open_mail,
)
from app.notices.adapters.formats import FORMATS
from app.notices.adapters.plain_mail import guess
from app.notices.rules.notices import (
    Notice,
    NoticeReading,
    SentText,
    Unread,
    clean,
    cut_line,
    one_line,
)

MAX_BYTES: Final = 4 * 1024 * 1024
"""Limit of a file."""
MAX_TEXT: Final = 256 * 1024
"""Characters of a file's text that are stored for people."""
_SHOWN_HEADERS: Final = ("From", "Date", "Subject", "Message-ID")
_CUT: Final = "\n[The portal cut the text here: it is too long.]"


def read(content: bytes, name: str = "") -> NoticeReading:
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
        found = _found(SentText((("text/calendar", text),)))
        return NoticeReading(name, digest, _shortened(clean(text)), found)
    return _mail(content, name, digest)


def _found(sent: SentText) -> Sequence[Notice | Unread]:
    """What the first format says that reads a notice, else the first that recognises its own."""
    said = [tuple(find(sent)) for find in FORMATS]
    read_ones = (each for each in said if any(isinstance(one, Notice) for one in each))
    return next(read_ones, ()) or next(filter(None, said), ())


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + _CUT


def _mail(content: bytes, name: str, digest: str) -> NoticeReading:
    raw = _shortened(clean(decoded(content, "utf-8")))
    try:
        mail = open_mail(content)
        parts = tuple(_parts(mail))
        subject, sender = _header(mail, "Subject"), _header(mail, "From")
    except UnreadableMail as error:
        return NoticeReading(name, digest, raw, (Unread(str(error)),))
    except FAILURES:
        return NoticeReading(name, digest, raw, (Unread("The email cannot be parsed"),))
    heads = "\n".join(
        f"{head}: {value}" for head in _SHOWN_HEADERS if (value := _header(mail, head))
    )
    texts = [clean(text).strip() for _media, text in parts if text]
    whole = "\n\n".join(filter(None, (heads, *dict.fromkeys(texts))))
    text = _shortened(whole) if any(texts) else raw
    found = _found(SentText(parts, sender, subject))
    is_plain = not found
    if is_plain:
        body = next((text for media, text in parts if media.endswith("/plain")), whole)
        draft = guess(clean(body), one_line(subject))
        why = "It contains no calendar (text/calendar or an .ics file)"
        if draft.unclear:
            why += f"; not read: {draft.unclear}"
        found = (Unread(why, draft),)
    return NoticeReading(
        name or cut_line(subject, 255),
        digest,
        text,
        found,
        sender=cut_line(sender, 255),
        subject=cut_line(subject, 255),
        mail=content if is_plain else b"",
    )


def _parts(mail: Message) -> Iterator[tuple[str, str]]:
    """Media type and content of the parts that contain text or a calendar; forwarded mails are
    searched too."""
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
                text = decoded(payload, str(part.get_content_charset("utf-8")))
                yield part.get_content_type(), text


def _header(mail: Message, name: str) -> str:
    return one_line(header_of(mail, name))
