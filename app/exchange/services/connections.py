"""Verbs on connections: how the portal speaks with a partner's system, and what it may say.

Only admins and the portal itself may. Secrets lie encrypted with a key made from the portal's
secret: a copy of the database alone opens nothing.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.models.changes import Change, PortalFact
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit
from app.exchange.models.connections import Connection, ConnectionProfile, ConnectionSecret
from app.exchange.rules.profiles import Direction, Kind, Profile, profile_of
from app.exchange.services.planning import CURSOR, WAKE
from app.jobs.services.queue import enqueue

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CONNECTION: Final = "connection"
"""The kind of a connection in the change log."""
LIVE_SECRETS: Final = 2
LOGIN, SIGN = "login", "hint"
_MANAGE: Final = "manage connections with partners"
_NONCE: Final = 12
_MOST_URL: Final = 500


def connect(
    session: Session,
    by: Writer,
    code: str,
    kind: str,
    *,
    url: str,
    direction: str,
    remote_login: str = "",
    internal: bool = False,
    profile: Profile | None = None,
) -> Connection:
    """Set up a connection with the partner ``code``; it is paused until it is resumed."""
    require_admin(by.actor, _MANAGE)
    partner = session.scalars(select(Partner).where(Partner.code == code)).first()
    if partner is None:
        raise Invalid("code", _("No partner has this code"))
    if kind not in tuple(Kind):
        raise Invalid(
            "kind",
            _(
                "%(kind)s is no kind of system; it is one of %(kinds)s",
                kind=kind,
                kinds=", ".join(Kind),
            ),
        )
    _check(url, direction, remote_login)
    if connection_of(session, code, kind) is not None:
        raise Invalid(
            "kind", _("%(code)s has a connection of kind %(kind)s already", code=code, kind=kind)
        )
    connection = Connection(
        partner_id=partner.id,
        kind=kind,
        direction=direction,
        url=url,
        remote_login=remote_login,
        internal=internal,
        created_at=by.now,
        paused_at=by.now,
    )
    session.add(connection)
    session.flush()
    content = (profile or Profile()).as_json()
    session.add(_version(by, connection, 1, content))
    stated = {"partner": code, "kind": kind, "url": url, "direction": direction}
    _record(session, by, connection, {name: (None, value) for name, value in stated.items()})
    _begin_to_follow(session)
    return connection


def change_connection(
    session: Session,
    by: Writer,
    connection: Connection,
    *,
    url: str,
    direction: str,
    remote_login: str,
    internal: bool,
) -> None:
    """Change how a connection speaks. A new address or direction has to be tested again."""
    require_admin(by.actor, _MANAGE)
    _check(url, direction, remote_login)
    wanted = {
        "url": url,
        "direction": direction,
        "remote_login": remote_login,
        "internal": internal,
    }
    changed = {
        name: (str(getattr(connection, name)), str(value))
        for name, value in wanted.items()
        if getattr(connection, name) != value
    }
    for name, value in wanted.items():
        setattr(connection, name, value)
    if {"url", "direction"} & set(changed):
        connection.tested_at = None
    _record(session, by, connection, changed)


def set_profile(session: Session, by: Writer, connection: Connection, content: str) -> int:
    """A new version of choice, maps and owners; its number. The same content makes none. An older
    version is brought back by giving its content."""
    require_admin(by.actor, _MANAGE)
    text = profile_of(content).as_json()
    before = session.scalars(
        select(ConnectionProfile).where(
            ConnectionProfile.connection_id == connection.id,
            ConnectionProfile.version == connection.profile_version,
        )
    ).one()
    if before.content == text:
        return before.version
    newest = session.scalar(
        select(func.max(ConnectionProfile.version)).where(
            ConnectionProfile.connection_id == connection.id
        )
    )
    version = (newest or 0) + 1
    session.add(_version(by, connection, version, text))
    changed = {"profile": (str(connection.profile_version), str(version))}
    connection.profile_version = version
    _record(session, by, connection, changed)
    return version


def pause(session: Session, by: Writer, connection: Connection) -> None:
    """Call nothing any more; entries are planned all the same."""
    require_admin(by.actor, _MANAGE)
    if connection.paused_at is None:
        connection.paused_at = by.now
        _record(session, by, connection, {"paused": ("no", "yes")})


def resume(session: Session, by: Writer, connection: Connection) -> None:
    """Call again; a stop of the portal's own is over, too."""
    require_admin(by.actor, _MANAGE)
    if connection.paused_at is None and connection.stopped_at is None:
        return
    connection.paused_at = connection.stopped_at = None
    connection.reason = ""
    _record(session, by, connection, {"paused": ("yes", "no")})
    wake(session, connection)


def wake(session: Session, connection: Connection) -> None:
    """Call again whatever waits for a connection, at once."""
    connection.failures, connection.resting_until = 0, None
    enqueue(session, WAKE, {"connection": connection.id}, key=f"connection {connection.id}")


def add_secret(
    session: Session, by: Writer, connection: Connection, use: str, secret: str, key: bytes
) -> None:
    """Give a connection a secret; the newest is used, an older one stays live beside it until it
    is ended. ``key`` is the portal's secret."""
    require_admin(by.actor, _MANAGE)
    checked_text("secret", secret, 4000, label=_("Secret"))
    if not secret:
        raise Invalid("secret", _("A secret is required"))
    live = live_secrets(session, connection, use)
    if len(live) >= LIVE_SECRETS:
        raise Invalid("secret", _("There are two live secrets already; end one first"))
    row = ConnectionSecret(connection_id=connection.id, use=use, sealed="", created_at=by.now)
    session.add(row)
    session.flush()
    row.sealed = _sealed(secret, row, key)
    _record(session, by, connection, {f"{use} secret": (None, "set")})
    log_on_commit(session, by, "partner secret set", CONNECTION, connection.partner.code)


def end_secret(session: Session, by: Writer, connection: Connection, secret_id: int) -> None:
    """End a secret at once."""
    require_admin(by.actor, _MANAGE)
    row = session.get(ConnectionSecret, secret_id)
    if row is None or row.connection_id != connection.id or row.ended_at is not None:
        raise NotFound
    row.ended_at = by.now
    _record(session, by, connection, {f"{row.use} secret": ("set", None)})
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
    """A secret as text; raises ``Invalid`` if it cannot be opened."""
    from cryptography.exceptions import InvalidTag

    try:
        sealed = base64.b64decode(row.sealed)
        return _cipher(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(row)).decode()
    except (InvalidTag, ValueError):
        raise Invalid(
            "secret",
            _("The portal's secret key was changed since; set the partner's secret again"),
        ) from None


def connection_of(session: Session, code: str, kind: str = "") -> Connection | None:
    """The connection of a partner; of several kinds the first, unless one is named."""
    found = select(Connection).join(Partner).where(Partner.code == code).order_by(Connection.id)
    if kind:
        found = found.where(Connection.kind == kind)
    return session.scalars(found).first()


def all_connections(session: Session) -> Sequence[Connection]:
    """Every connection, by partner."""
    return session.scalars(
        select(Connection).join(Partner).order_by(Partner.code, Connection.kind)
    ).all()


def _check(url: str, direction: str, remote_login: str) -> None:
    checked_text("url", url, _MOST_URL, label=_("Address"))
    checked_text("remote_login", remote_login, 255, label=_("Login"))
    if direction not in tuple(Direction):
        raise Invalid("direction", _("A direction is one of %(words)s", words=", ".join(Direction)))


def _version(by: Writer, connection: Connection, version: int, content: str) -> ConnectionProfile:
    return ConnectionProfile(
        connection_id=connection.id,
        version=version,
        content=content,
        at=by.now,
        author=by.shown_author,
    )


def _record(
    session: Session,
    by: Writer,
    connection: Connection,
    changed: Mapping[str, tuple[str | None, str | None]],
) -> None:
    if changed:
        session.flush()
        fields = [FieldChange(name, old, new) for name, (old, new) in changed.items()]
        record_change(session, by, kind=CONNECTION, thing_id=connection.id, fields=fields)


def _begin_to_follow(session: Session) -> None:
    """With the first connection the exchange begins to follow the log: from now on."""
    if session.get(PortalFact, CURSOR) is None:
        newest = session.scalar(select(func.max(Change.id))) or 0
        session.add(PortalFact(name=CURSOR, value=str(newest)))


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), length=32, salt=None, info=b"portal: secrets of partners")
    return AESGCM(derived.derive(key))


def _place(row: ConnectionSecret) -> bytes:
    return f"connection {row.connection_id} secret {row.id}".encode()


def _sealed(secret: str, row: ConnectionSecret, key: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + _cipher(key).encrypt(nonce, secret.encode(), _place(row))
    return base64.b64encode(sealed).decode()
