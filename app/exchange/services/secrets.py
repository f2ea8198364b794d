"""Secrets of connections: those by which the portal logs in there, and those with which they sign.

They are sealed for a key pair that is made from the portal's secret. Its public half lies in the
database, so that a command seals a secret without the portal's own; whoever has but the database
opens none.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import PortalFact
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.security_log import log_on_commit
from app.exchange.models.connections import Connection, ConnectionSecret
from app.exchange.services.connections import CONNECTION, MANAGE, record, require_live

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LIVE_SECRETS: Final = 2
LOGIN, HINT = "login", "hint"
"""Uses of secrets: ours to log in there, theirs to sign what they announce."""
PUBLIC_KEY: Final = "exchange_public_key"
"""The row of ``portal_facts`` for which secrets are sealed."""
_LONGEST: Final = 4000
_NONCE: Final = 12
_POINT: Final = 32
"""Bytes of a public key."""


def publish_key(session: Session, key: bytes) -> None:
    """Let others seal secrets that the owner of ``key``, the portal's secret, can open."""
    public = base64.b64encode(_public(_pair(key))).decode()
    fact = session.get(PortalFact, PUBLIC_KEY)
    if fact is None:
        session.add(PortalFact(name=PUBLIC_KEY, value=public))
    elif fact.value != public:
        fact.value = public


def add_secret(
    session: Session,
    by: Writer,
    connection: Connection,
    use: str,
    secret: str,
    key: bytes | None = None,
) -> None:
    """Give a connection a secret; the newest is used, an older one stays live beside it until it
    is ended. ``key`` is the portal's secret, as far as the caller knows it."""
    if key is not None:
        publish_key(session, key)
    require_admin(by.actor, MANAGE)
    require_live(connection)
    checked_text("secret", secret, _LONGEST, label=_("Secret"))
    if not secret:
        raise Invalid("secret", _("A secret is required"))
    if len(live_secrets(session, connection, use)) >= LIVE_SECRETS:
        raise Invalid("secret", _("There are two live secrets already; end one first"))
    row = ConnectionSecret(connection_id=connection.id, use=use, sealed="", created_at=by.now)
    session.add(row)
    session.flush()
    row.sealed = _sealed(session, secret, row)
    record(session, by, connection, {f"{use} secret": (None, "set")})
    log_on_commit(session, by, "partner secret set", CONNECTION, connection.partner.code)


def end_secret(session: Session, by: Writer, connection: Connection, secret_id: int) -> None:
    """End a secret at once."""
    require_admin(by.actor, MANAGE)
    row = session.get(ConnectionSecret, secret_id)
    if row is None or row.connection_id != connection.id or row.ended_at is not None:
        raise NotFound
    row.ended_at = by.now
    record(session, by, connection, {f"{row.use} secret": ("set", None)})
    log_on_commit(session, by, "partner secret ended", CONNECTION, connection.partner.code)


def live_secrets(session: Session, connection: Connection, use: str) -> Sequence[ConnectionSecret]:
    """Live secrets of one use, newest first."""
    return session.scalars(
        select(ConnectionSecret)
        .where(
            ConnectionSecret.connection_id == connection.id,
            ConnectionSecret.use == use,
            ConnectionSecret.ended_at.is_(None),
        )
        .order_by(ConnectionSecret.id.desc())
    ).all()


def opened(row: ConnectionSecret, key: bytes) -> str:
    """A secret as text; ``key`` is the portal's secret. Raises ``Invalid`` if it cannot open it."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    try:
        sealed = base64.b64decode(row.sealed)
        point, nonce, text = sealed[:_POINT], sealed[_POINT:][:_NONCE], sealed[_POINT + _NONCE :]
        shared = _pair(key).exchange(X25519PublicKey.from_public_bytes(point))
        return _cipher(shared).decrypt(nonce, text, _place(row)).decode()
    except (InvalidTag, ValueError):
        raise Invalid(
            "secret",
            _("The portal's secret key was changed since; set the partner's secret again"),
        ) from None


def _sealed(session: Session, secret: str, row: ConnectionSecret) -> str:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    fact = session.get(PortalFact, PUBLIC_KEY)
    if fact is None:
        raise Invalid("secret", _("Start the portal once: its key is not known yet"))
    once, nonce = X25519PrivateKey.generate(), secrets.token_bytes(_NONCE)
    shared = once.exchange(X25519PublicKey.from_public_bytes(base64.b64decode(fact.value)))
    text = _cipher(shared).encrypt(nonce, secret.encode(), _place(row))
    return base64.b64encode(_public(once) + nonce + text).decode()


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


def _place(row: ConnectionSecret) -> bytes:
    """What a sealed secret is bound to: copied into another row it opens no more."""
    return f"connection {row.connection_id} secret {row.id}".encode()
