"""Operations on connections: how the portal talks to a partner's system, and what it may send.

Only for admins and the portal itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.accounts.services.partners import partner_named
from app.core.adapters.outbound import check_url
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, newest_change, record_change
from app.core.services.cursors import begin_cursor
from app.core.services.security_log import log_on_commit
from app.exchange.adapters.kinds import KINDS, kind_named
from app.exchange.models.connections import Connection, ConnectionProfile
from app.exchange.rules.profiles import Direction, Profile, profile_of
from app.exchange.services.planning import BEGIN_OPEN, CURSOR, WAKE
from app.jobs.services.queue import enqueue

CONNECTION: Final = "connection"
"""The kind of a connection in the change log."""
MANAGE: Final = "manage connections with partners"
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
    paused: bool = False,
) -> Connection:
    """Set up a connection with the partner ``code``, who may be new. ``paused``: nothing is called
    until it is resumed. Raises ``Invalid``."""
    require_admin(by.actor, MANAGE)
    if kind not in KINDS:
        raise Invalid(
            "kind",
            _(
                "Unknown kind of system %(kind)s. Use one of: %(kinds)s",
                kind=kind,
                kinds=", ".join(KINDS),
            ),
        )
    url = checked_address(kind, url, direction, remote_login)
    earlier = connection_of(session, code, kind)
    if earlier is not None and earlier.ended_at is None:
        raise Invalid(
            "kind", _("%(code)s already has a connection of kind %(kind)s", code=code, kind=kind)
        )
    connection = Connection(
        partner_id=partner_named(session, by, code).id,
        kind=kind,
        direction=direction,
        url=url,
        remote_login=remote_login,
        internal=internal,
        created_at=by.now,
        paused_at=by.now if paused else None,
    )
    session.add(connection)
    session.flush()
    content = profile_of((profile or Profile()).as_json()).as_json()  # raises what is wrong
    session.add(_version(by, connection, 1, content))
    stated = {"partner": code, "kind": kind, "url": url, "direction": direction}
    record(session, by, connection, {name: (None, value) for name, value in stated.items()})
    log_on_commit(session, by, "connection created", CONNECTION, code, how=f"{kind}, {direction}")
    _begin_to_follow(session)
    _begin_open(session, connection)
    return connection


def set_profile(session: Session, by: Writer, connection: Connection, content: str) -> int:
    """Create a new version of choice, maps and owners; return its number. The same content creates
    none. To restore an older version, pass its content."""
    require_admin(by.actor, MANAGE)
    require_live(connection)
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
    record(session, by, connection, changed)
    _begin_open(session, connection)
    return version


def pause(session: Session, by: Writer, connection: Connection) -> None:
    """Pause the connection; entries are still planned."""
    require_admin(by.actor, MANAGE)
    require_live(connection)
    if connection.paused_at is None:
        connection.paused_at = by.now
        record(session, by, connection, {"paused": ("no", "yes")})


def resume(session: Session, by: Writer, connection: Connection) -> None:
    """Resume the connection; also ends a stop by the portal."""
    require_admin(by.actor, MANAGE)
    require_live(connection)
    if connection.paused_at is None and connection.stopped_at is None:
        return
    connection.paused_at = connection.stopped_at = None
    connection.reason = ""
    record(session, by, connection, {"paused": ("yes", "no")})
    wake(session, connection)


def wake(session: Session, connection: Connection) -> None:
    """Call at once for everything that waits on a connection."""
    connection.failures, connection.resting_until = 0, None
    enqueue(session, WAKE, {"connection": connection.id}, key=f"connection {connection.id}")


def is_called(connection: Connection) -> bool:
    """Whether calls are neither paused by a person nor stopped by the portal."""
    return connection.paused_at is None and connection.stopped_at is None


def require_live(connection: Connection) -> None:
    """Raise ``Invalid`` if a person ended the connection, which is permanent."""
    if connection.ended_at is not None:
        raise Invalid("connection", _("This connection has ended; set up a new one"))


def connection_of(session: Session, code: str, kind: str = "") -> Connection | None:
    """The connection of a partner; of several kinds the first, unless one is named. An ended one
    only if there is no other."""
    found = (
        select(Connection)
        .join(Partner)
        .where(Partner.code == code)
        .order_by(Connection.ended_at.is_not(None), Connection.id)
    )
    if kind:
        found = found.where(Connection.kind == kind)
    return session.scalars(found).first()


def all_connections(session: Session) -> Sequence[Connection]:
    """Every connection, by partner; ended ones last."""
    return session.scalars(
        select(Connection)
        .join(Partner)
        .order_by(Connection.ended_at.is_not(None), Partner.code, Connection.kind, Connection.id)
    ).all()


def is_notified_by_mail(connection: Connection) -> bool:
    """Whether a pull-only partner is notified by mails."""
    return kind_named(connection.kind).is_mailed(connection.url)


def checked_address(kind: str, url: str, direction: str, remote_login: str) -> str:
    """The address as stored; raises ``Invalid`` for an invalid one."""
    checked_text("url", url, _MOST_URL, label=_("Address"))
    checked_text("remote_login", remote_login, 255, label=_("Login"))
    if direction not in tuple(Direction):
        raise Invalid(
            "direction", _("Unknown direction. Use one of: %(words)s", words=", ".join(Direction))
        )
    if not kind_named(kind).is_mailed(url) and (problem := check_url(url)):
        raise Invalid("url", problem)
    return kind_named(kind).checked_address(url, direction)


def _version(by: Writer, connection: Connection, version: int, content: str) -> ConnectionProfile:
    return ConnectionProfile(
        connection_id=connection.id,
        version=version,
        content=content,
        at=by.now,
        author=by.shown_author,
    )


def record(
    session: Session,
    by: Writer,
    connection: Connection,
    changed: Mapping[str, tuple[str | None, str | None]],
) -> None:
    """Write the changes of a connection into the change log, each value from old to new."""
    if changed:
        session.flush()
        fields = [FieldChange(name, old, new) for name, (old, new) in changed.items()]
        record_change(session, by, kind=CONNECTION, thing_id=connection.id, fields=fields)


def _begin_open(session: Session, connection: Connection) -> None:
    """If all tickets are chosen, also send those that are already open."""
    key = f"open tickets of connection {connection.id}"
    enqueue(session, BEGIN_OPEN, {"connection": connection.id}, key=key)


def _begin_to_follow(session: Session) -> None:
    """Start following the log from now on, with the first connection."""
    begin_cursor(session, CURSOR, newest_change(session))
