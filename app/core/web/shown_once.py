"""A new secret on the page to which the form that made it leads: shown there once.

It travels in the session's cookie, encrypted with the portal's key for that one page, and is taken
out as it is shown. The database never holds it, no address does, and a reload shows nothing.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from flask import session

from app.core.rules.secret_keys import keys_to_read
from app.core.web.person import secret_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NAME: Final = "shown_once"
_NONCE: Final = 12


def show_once(page: str, secret: str) -> None:
    """Leave a secret to the page of this address."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + _cipher(secret_key()).encrypt(nonce, secret.encode(), page.encode())
    session[_NAME] = [page, base64.b64encode(sealed).decode()]


def take_shown_once(page: str) -> str:
    """The secret that was left to this page, now gone; "" if none exists."""
    from cryptography.exceptions import InvalidTag

    for_page, text = session.get(_NAME, ("", ""))
    if for_page != page:
        return ""
    del session[_NAME]
    for key in keys_to_read(secret_key()):
        with suppress(InvalidTag, binascii.Error):  # the portal may have another key by now
            sealed = base64.b64decode(text)
            return _cipher(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], page.encode()).decode()
    return ""


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 7 MiB, which few pages need
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), length=32, salt=None, info=b"portal: secrets shown once")
    return AESGCM(derived.derive(key))
