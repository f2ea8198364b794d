"""Secrets of connections: for the portal's login there, and for their signatures.

They are stored sealed (``app.core.services.sealing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.resealing import SealedColumn
from app.core.services.sealing import publish_key, seal, seal_with, unseal
from app.core.services.security_log import log_on_commit
from app.exchange.models.connections import Connection, ConnectionSecret
from app.exchange.services.connections.connections import CONNECTION, MANAGE, record, require_live

LIVE_SECRETS: Final = 2
LOGIN, HINT = "login", "hint"
"""Uses of secrets: ours to log in there, theirs to sign hints."""
_LONGEST: Final = 4000


def add_secret(
    session: Session,
    by: Writer,
    connection: Connection,
    use: str,
    secret: str,
    key: bytes | None = None,
) -> None:
    """Add a secret to a connection; the newest is used, an older one stays valid until it is
    revoked. ``key`` is the portal's secret, if the caller knows it."""
    if key is not None:
        publish_key(session, key)
    require_admin(by.actor, MANAGE)
    require_live(connection)
    checked_text("secret", secret, _LONGEST, label=_("Secret"))
    if not secret:
        raise Invalid("secret", _("A secret is required"))
    if len(live_secrets(session, connection, use)) >= LIVE_SECRETS:
        raise Invalid("secret", _("Two secrets are already active; revoke one first"))
    row = ConnectionSecret(connection_id=connection.id, use=use, sealed="", created_at=by.now)
    session.add(row)
    session.flush()
    row.sealed = seal(session, secret, _place(row))
    record(session, by, connection, {f"{use} secret": (None, "set")})
    log_on_commit(session, by, "partner secret set", CONNECTION, connection.partner.code)


def end_secret(session: Session, by: Writer, connection: Connection, secret_id: int) -> None:
    """Revoke a secret at once."""
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
    found = unseal(row.sealed, _place(row), key)
    if found is None:
        raise Invalid(
            "secret",
            _("The portal's secret key has changed; set the partner's secret again"),
        )
    return found


def _place(row: ConnectionSecret) -> str:
    return f"connection {row.connection_id} secret {row.id}"


def _name(session: Session, row: ConnectionSecret) -> str:
    connection = session.get_one(Connection, row.connection_id)
    return f"connection {connection.partner.code} {connection.kind}"


SEALED: Final = SealedColumn(
    "secrets of connections",
    ConnectionSecret.sealed,
    read=lambda row, key: unseal(row.sealed, _place(row), key),
    write=lambda secret, row, key: seal_with(key, secret, _place(row)),
    name=_name,
    is_used=lambda row: row.ended_at is None,
)
"""For ``flask reseal``."""
