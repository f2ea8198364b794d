"""Parses a reply to one of our mails, as a mail server delivers it.

The input is untrusted: any shape, depth, charset and size. It is read as text; if that fails, the
reason is stored, and its beginning is the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from email.message import Message
from email.utils import parseaddr
from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.mails.mail_reading import (
    FAILURES,
    MAX_PARTS,
    UnreadableMail,
    decoded,
    header_of,
    open_mail,
)
from app.core.rules.texts import SHORT_TEXT_LIMIT, storable_text
from app.exchange.adapters.html_text import LONGEST, TooComplex, plain_of
from app.exchange.rules.replies import AttachedFile, Reply, why_automatic

MAX_BYTES: Final = 16 * 1024 * 1024
"""Largest mail that is parsed."""
MAX_TEXT: Final = 256 * 1024
"""Characters of a mail's text that are stored as such."""
_RECIPIENTS: Final = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "Resent-To")
_FORWARDED: Final = "message/rfc822"
_MAX_ADDRESSES: Final = 64 * 1024


def read_reply(content: bytes, own_domain: str, recipient: str = "") -> Reply:
    """The content of a mail. ``own_domain``: that of the portal's Message-IDs; ``recipient``:
    the address to which the mail server delivers it. Raises ``Invalid`` if it is empty."""
    check_is_mail(content)
    if len(content) > MAX_BYTES:
        return unread(content, f"The mail is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        return _read(content, own_domain, recipient)
    except UnreadableMail as error:
        return unread(content, str(error))
    except FAILURES:
        return unread(content, "The email cannot be parsed")


def check_is_mail(content: bytes) -> None:
    """Raise ``Invalid`` if it is empty."""
    if not content.strip():
        raise Invalid("mail", "Standard input contains no mail")


def unread(content: bytes, problem: str) -> Reply:
    """A mail that was not parsed, with its beginning as the text."""
    return Reply(
        key=hashlib.sha256(content).hexdigest(),
        text=storable_text(decoded(content[: MAX_TEXT * 4], "utf-8"), MAX_TEXT),
        problem=problem,
    )


def _read(content: bytes, own_domain: str, recipient: str) -> Reply:
    mail = open_mail(content)
    message_id = " ".join(str(mail.get("Message-ID", "")).split())
    key = hashlib.sha256(message_id.encode(errors="replace")).hexdigest()
    headers = {name.casefold(): str(value)[:SHORT_TEXT_LIMIT] for name, value in mail.items()}
    plain: list[str] = []
    html: list[str] = []
    files: list[AttachedFile] = []
    for part in _leaves(mail):
        _sort(part, plain, html, files)
    text, problem = "\n\n".join(filter(None, plain)), ""
    if not text:
        text, problem = _text_of_parts(html)
    addresses = [str(one) for name in _RECIPIENTS for one in mail.get_all(name, [])]
    if not headers:
        return unread(content, "Not a mail: it has no header")
    return Reply(
        key=key if message_id else hashlib.sha256(content).hexdigest(),
        sender=storable_text(" ".join(parseaddr(header_of(mail, "From"))[1].split()), 254),
        subject=storable_text(" ".join(header_of(mail, "Subject").split()), SHORT_TEXT_LIMIT),
        addresses=" ".join((recipient, *addresses))[:_MAX_ADDRESSES],
        text=storable_text(text.replace("\r\n", "\n").replace("\r", "\n"), MAX_TEXT).strip(),
        files=files,
        automatic=storable_text(
            why_automatic(headers, mail.get_content_type(), own_domain), SHORT_TEXT_LIMIT
        ),
        problem=problem,
    )


def _text_of_parts(html: Sequence[str]) -> tuple[str, str]:
    """The text of HTML parts, with a note for each that was not read; and the resulting problem of
    the mail."""
    texts, problem, left = [], "", LONGEST
    for one in html:
        left -= len(one)
        try:
            if left < 0:
                raise TooComplex
            texts.append(plain_of(one))
        except TooComplex:
            size = f"{len(one.encode(errors='replace')):,} bytes"
            texts.append(f"[The HTML part was too large or too complex to read; {size}]")
            problem = _("The HTML part was too large or too complex to read; see the full email")
    return "\n\n".join(texts), problem


def _leaves(mail: Message) -> Iterator[Message]:
    """The parts with content; a forwarded mail is one part. Raises ``UnreadableMail``."""
    waiting, seen = [mail], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MAX_PARTS:
            raise UnreadableMail("The email has too many parts to be read")
        inner = part.get_payload()
        if part.get_content_type() != _FORWARDED and isinstance(inner, list):
            waiting[:0] = [one for one in inner if isinstance(one, Message)]
        else:
            yield part


def _sort(part: Message, plain: list[str], html: list[str], files: list[AttachedFile]) -> None:
    name = str(part.get_filename("") or "")
    kind = part.get_content_type()
    if kind == _FORWARDED:
        inner = part.get_payload()
        mail = inner[0] if isinstance(inner, list) and inner else None
        content = mail.as_bytes() if isinstance(mail, Message) else b""
        files.append(AttachedFile(name or "forwarded.eml", content))
        return
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    is_attached = part.get_content_disposition() == "attachment" or bool(name)
    if not is_attached and kind in ("text/plain", "text/html"):
        text = decoded(content, str(part.get_content_charset("utf-8")))
        (plain if kind == "text/plain" else html).append(text)
    elif is_attached:
        files.append(AttachedFile(name, content))
