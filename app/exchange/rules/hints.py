"""A hint from a Zammad: its signature, its delivery id, and its ticket.

``X-Hub-Signature`` is the HMAC-SHA1 of the body with the shared secret, in hex after ``sha1=``;
``X-Zammad-Delivery`` is the same in each attempt (admin-docs.zammad.org, "Webhook Payload").
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Final

_LONGEST_KEY: Final = 100
_HIGHEST: Final = 2**63 - 1


def signature_of(body: bytes, secret: str) -> str:
    """The signature that a Zammad sends."""
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether the signature matches this body and secret, with or without its prefix."""
    given = "sha1=" + signature.strip().removeprefix("sha1=").lower()
    return hmac.compare_digest(given.encode(), signature_of(body, secret).encode())


def delivery_of(header: str, body: bytes) -> str:
    """The key under which a delivery is remembered; the body's digest if it has no id."""
    if 0 < len(header) <= _LONGEST_KEY and header.isascii() and header.isprintable():
        return header
    return hashlib.sha256(body).hexdigest()


def ticket_of(body: bytes) -> str:
    """The id of the ticket in a hint, "" if there is no id."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    ticket = data.get("ticket") if isinstance(data, dict) else None
    key = ticket.get("id") if isinstance(ticket, dict) else None
    is_id = isinstance(key, int) and not isinstance(key, bool) and 0 < key <= _HIGHEST
    return str(key) if is_id else ""
