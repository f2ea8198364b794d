"""A hint from a Zammad: its signature, its delivery id, and its ticket.

``X-Hub-Signature`` is the HMAC-SHA1 of the body with the shared secret, in hex after ``sha1=``;
``X-Zammad-Delivery`` is the same in each attempt (admin-docs.zammad.org, "Webhook Payload").
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Final

from app.exchange.rules.kinds import Header

_LONGEST_KEY: Final = 100
_HIGHEST: Final = 2**63 - 1


def signature_of(body: bytes, secret: str) -> str:
    """The signature that a Zammad sends."""
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


class ZammadHint:
    """See ``Hint``."""

    def __init__(self, header: Header, body: bytes) -> None:
        self._body = body
        self._signature = header("X-Hub-Signature")
        self._delivery = header("X-Zammad-Delivery")

    @property
    def has_signature(self) -> bool:
        """See ``Hint.has_signature``."""
        return bool(self._signature)

    def is_signed(self, secret: str) -> bool:
        """See ``Hint.is_signed``: with or without the prefix of the signature."""
        given = "sha1=" + self._signature.strip().removeprefix("sha1=").lower()
        return hmac.compare_digest(given.encode(), signature_of(self._body, secret).encode())

    @property
    def delivery(self) -> str:
        """See ``Hint.delivery``: the body's digest if it has no id."""
        key = self._delivery
        if 0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable():
            return key
        return hashlib.sha256(self._body).hexdigest()

    @property
    def their_id(self) -> str:
        """See ``Hint.their_id``."""
        try:
            data = json.loads(self._body)
        except (ValueError, RecursionError):
            return ""
        ticket = data.get("ticket") if isinstance(data, dict) else None
        key = ticket.get("id") if isinstance(ticket, dict) else None
        is_id = isinstance(key, int) and not isinstance(key, bool) and 0 < key <= _HIGHEST
        return str(key) if is_id else ""
