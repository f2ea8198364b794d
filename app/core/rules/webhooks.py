"""What signs a webhook: the scheme of Standard Webhooks (www.standardwebhooks.com, version 1).

``webhook-id`` is the same at each try of a message, so that a receiver knows it again;
``webhook-timestamp`` is when it was sent, in seconds since 1970, UTC; ``webhook-signature`` is the
HMAC-SHA256 of both and the body, once for each live secret: a receiver takes whichever it knows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
"""What a secret begins with; base64 of its bytes follows."""
_BYTES: Final = 32


def new_secret() -> str:
    """A secret that nobody has to think of."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signed_headers(
    message: str, at: datetime, body: bytes, live: Sequence[str]
) -> Mapping[str, str]:
    """The headers of a message with its id; ``live`` secrets, each signs."""
    seconds = int(at.timestamp())
    signed = f"{message}.{seconds}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()
        for secret in live
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    """A secret of another make is taken as it is written."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        return secret.encode()
