"""Secrets that the portal has to know itself, as the database keeps them: sealed.

They are sealed for a key pair that is made from the portal's secret. Its public half lies in the
database, so that a command seals a secret without the portal's own; a copy of the database alone
opens none. Each is bound to its place, a text: copied into another row it can no longer be opened.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from app.core.models.changes import PortalFact
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.secret_keys import keys_to_read

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PUBLIC_KEY: Final = "exchange_public_key"
"""The row of ``portal_facts`` for which secrets are sealed."""
_NONCE: Final = 12
_POINT: Final = 32
"""Bytes of a public key."""


def publish_key(session: Session, key: bytes, *, replace: bool = False) -> None:
    """Let others seal secrets that the owner of ``key``, the portal's secret, can open.

    Raises ``Invalid`` where they are sealed for a key that the owner cannot read, neither as the
    new nor as the old one, unless it is to be replaced: what was sealed for that one can no longer
    be read.
    """
    fact = session.get(PortalFact, PUBLIC_KEY)
    if fact is None:
        session.add(PortalFact(name=PUBLIC_KEY, value=_published(key)))
    elif fact.value != _published(key):
        if not replace and not key_fits(session, key):
            raise Invalid(
                "secret",
                _("SECRET_KEY is not the one for which the portal's secrets are encrypted"),
            )
        fact.value = _published(key)


def key_fits(session: Session, key: bytes) -> bool | None:
    """Whether ``key``, the portal's secret, or the old one opens what is sealed now; None = nobody
    published a key yet."""
    fact = session.get(PortalFact, PUBLIC_KEY)
    return None if fact is None else fact.value in {_published(one) for one in keys_to_read(key)}


def _published(key: bytes) -> str:
    return base64.b64encode(_public(_pair(key))).decode()


def seal(session: Session, secret: str, place: str) -> str:
    """A secret as it is stored. Raises ``Invalid`` where nobody published a key yet."""
    fact = session.get(PortalFact, PUBLIC_KEY)
    if fact is None:
        raise Invalid("secret", _("Start the portal once: its key is not known yet"))
    return _sealed_for(base64.b64decode(fact.value), secret, place)


def seal_with(key: bytes, secret: str, place: str) -> str:
    """A secret as it is stored, for the owner of ``key``, whatever key is published."""
    return _sealed_for(_public(_pair(key)), secret, place)


def _sealed_for(public: bytes, secret: str, place: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    once, nonce = X25519PrivateKey.generate(), secrets.token_bytes(_NONCE)
    shared = once.exchange(X25519PublicKey.from_public_bytes(public))
    text = _cipher(shared).encrypt(nonce, secret.encode(), place.encode())
    return base64.b64encode(_public(once) + nonce + text).decode()


def unseal(stored: str, place: str, key: bytes) -> str | None:
    """A secret as text, None where neither ``key``, the portal's secret, nor the old one opens
    it."""
    opened = (_unsealed(stored, place, one) for one in keys_to_read(key))
    return next((secret for secret in opened if secret is not None), None)


def _unsealed(stored: str, place: str, key: bytes) -> str | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    try:
        sealed = base64.b64decode(stored)
        point, nonce, text = sealed[:_POINT], sealed[_POINT:][:_NONCE], sealed[_POINT + _NONCE :]
        shared = _pair(key).exchange(X25519PublicKey.from_public_bytes(point))
        return _cipher(shared).decrypt(nonce, text, place.encode()).decode()
    except (InvalidTag, ValueError):
        return None


def _pair(key: bytes) -> X25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(_derived(key))


def _public(pair: X25519PrivateKey) -> bytes:
    return pair.public_key().public_bytes_raw()


def _cipher(shared: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(_derived(shared))


def _derived(secret: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=32, salt=None, info=b"portal: secrets of partners").derive(secret)
