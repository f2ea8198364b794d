"""Mails as they come in, opened with care: any shape, depth, charset and size.

The library takes the square of some lengths and fails in several ways on what is no mail; what it
would choke on is reported before it is called.
"""

from __future__ import annotations

import codecs
import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from itertools import islice
from typing import Final

MAX_PARTS: Final = 100
"""Parts of a mail; one with more is not taken apart."""
_MAX_HEADER_LENGTH: Final = 2000
_CONTENT_HEADER: Final = re.compile(rb"^content-[a-z-]+:[^\n]*(?:\n[ \t][^\n]*)*", re.I | re.M)
"""Headers of parts: the library takes the square of their length to read them."""
_HEADER: Final = re.compile(rb"^[!-9;-~]+:", re.M)
"""How a header begins (RFC 5322); lines of texts may, too."""
_MAX_HEADERS: Final = 10_000
"""Lines of a mail that may be headers: the library takes its time for each of them."""
_MAX_HEAD: Final = 256 * 1024
"""Bytes before the first empty line."""
_MAX_LINES: Final = 10_000_000
"""Lines of a mail, times the boundaries against which the library looks at each."""
_REPORT: Final = b"delivery-status"
_MAX_BLOCKS: Final = 10_000
"""Empty lines of a mail that holds a report of a mail server: the library makes a part of what is
between two."""
_NO_CHARSETS: Final = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape"})
"""What Python decodes as well, but no mail is written in; punycode takes the square of the
length."""
FAILURES: Final = (
    MessageError,
    ValueError,
    LookupError,
    RecursionError,
    AttributeError,
    TypeError,
)
"""How the library fails on what is no mail, while it is opened and when its parts are requested."""


class UnreadableMail(Exception):
    """A mail that is not taken apart; its text says why."""


def open_mail(content: bytes) -> Message:
    """The mail in ``content``. Raises ``UnreadableMail``."""
    folded = content.lower()
    boundaries = folded.count(b"boundary")
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if boundaries > MAX_PARTS or (_REPORT in folded and lines.count(b"\n\n") > _MAX_BLOCKS):
        raise UnreadableMail("The email has too many parts to be read")
    if lines.count(b"\n") * max(boundaries, 1) > _MAX_LINES:
        raise UnreadableMail("The email has too many lines to be read")
    if (
        next(islice(_HEADER.finditer(lines), _MAX_HEADERS, None), None) is not None
        or len(lines.partition(b"\n\n")[0]) > _MAX_HEAD
    ):
        raise UnreadableMail(
            f"The headers of the email are too many or too long to be read; at most"
            f" {_MAX_HEADERS} header lines and {_MAX_HEAD // 1024} kB of headers are allowed"
        )
    if any(len(found[0]) > _MAX_HEADER_LENGTH for found in _CONTENT_HEADER.finditer(lines)):
        raise UnreadableMail("A header of the email is too long to be read")
    try:
        return BytesParser(policy=compat32).parsebytes(content)
    except FAILURES:
        raise UnreadableMail("The email cannot be parsed") from None


def header_of(mail: Message, name: str) -> str:
    """A header, decoded, its white space as it came; "" = none exists."""
    value = str(mail.get(name, ""))[:_MAX_HEADER_LENGTH]
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value


def decoded(content: bytes, charset: str) -> str:
    """The text, in its own charset if it is that, else as it was probably meant."""
    for one in (charset, "utf-8-sig"):
        try:
            if codecs.lookup(one).name.replace("-", "_") in _NO_CHARSETS:
                continue
            return content.decode(one).lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")
        except (LookupError, UnicodeError, ValueError, TypeError):
            continue  # a charset that is unknown, no charset of texts, or not the true one
    return content.decode("latin-1")  # takes any byte
