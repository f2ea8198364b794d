"""Reply addresses of the portal's mails: each belongs to one ticket and one recipient.

``tickets+t123.u45.<signature>@site.example``: mail systems deliver what follows the ``+`` to the
mailbox before it (RFC 5233). The signature proves that the portal gave the address to that
recipient; the sender of a mail proves nothing. Case is ignored, since mail systems may change it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

from app.core.rules.secret_keys import keys_to_read

PERSON, MAIL, CONNECTION = "u", "m", "c"
"""Prefix of the holder's key: a person; the recipient of that mail; the partner of that
connection."""
_SIGNATURE: Final = 16
"""Characters of base32: 80 bits."""
_TOKEN: Final = re.compile(
    rf"\+t(0|[1-9][0-9]{{0,9}})\.([{PERSON}{MAIL}{CONNECTION}][1-9][0-9]{{0,9}})"
    rf"\.([a-z2-7]{{{_SIGNATURE}}})@",
    re.IGNORECASE,
)


def reply_address(key: bytes, mailbox: str, number: int, holder: str) -> str:
    """The address to which ``holder`` (a kind and a key: ``u45``) replies about the ticket; number
    0 = for a partner's ticket system, about any ticket."""
    local, _at, host = mailbox.rpartition("@")
    return f"{local}+t{number}.{holder}.{_signature(key, number, holder)}@{host}"


def given_in(key: bytes, text: str) -> set[tuple[int, str]]:
    """Ticket and holder of each address in ``text`` that was issued with ``key``, or with the old
    secret key."""
    found = set()
    for number, holder, signature in _TOKEN.findall(text):
        given = signature.lower()
        if any(
            hmac.compare_digest(given, _signature(one, int(number), holder.lower()))
            for one in keys_to_read(key)
        ):
            found.add((int(number), holder.lower()))
    return found


def _signature(key: bytes, number: int, holder: str) -> str:
    text = f"reply {number} {holder}".encode()
    digest = hmac.new(key, text, hashlib.sha256).digest()[: _SIGNATURE * 5 // 8]
    return base64.b32encode(digest).decode().lower()
