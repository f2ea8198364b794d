"""A connection's system, ready to be called: its kind, its secret, and where calls are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.exchange.adapters.ggus import Ggus
from app.exchange.adapters.http import JsonCaller, Told
from app.exchange.adapters.zammad import Zammad
from app.exchange.models.connections import Connection, ExchangeCall
from app.exchange.rules.partner import Check, PartnerSystem
from app.exchange.rules.profiles import Direction, Kind, Profile
from app.exchange.services.planning import profile_in_use
from app.exchange.services.secrets import LOGIN, live_secrets, opened
from app.jobs.tasks.context import Context

_Maker: TypeAlias = Callable[[Context, JsonCaller, Profile], PartnerSystem]


def _zammad(context: Context, caller: JsonCaller, profile: Profile) -> PartnerSystem:
    return Zammad(caller, profile, context.now())


_MAKERS: Final[Mapping[str, _Maker]] = {Kind.ZAMMAD: _zammad}
_HEADERS: Final[Mapping[str, str]] = {Kind.ZAMMAD: "Token token={secret}"}


def open_system(context: Context, session: Session, connection: Connection) -> PartnerSystem:
    """What speaks with a connection's system. Raises ``Invalid`` where its secret is missing."""
    secrets = live_secrets(session, connection, LOGIN)
    if not secrets:
        raise Invalid("secret", _("The connection has no secret to log in with"))
    key = (context.settings.secret_key or "").encode()
    secret = opened(secrets[0], key)
    header = _HEADERS.get(connection.kind, "")
    caller = JsonCaller(
        connection.url,
        context.settings.outbound_private_hosts,
        {"Authorization": header.format(secret=secret)} if header else {},
        tell=_Recorder(context, connection.id, secret).record,
    )
    if connection.kind == Kind.GGUS:
        profile = profile_in_use(session, connection)
        return Ggus(caller, profile, connection.remote_login, secret, context.now())
    return _MAKERS[connection.kind](context, caller, profile_in_use(session, connection))


def try_connection(context: Context, connection_id: int) -> Iterator[Check]:
    """Test a connection step by step; that all was well that its direction needs is noted."""
    with context.reading() as session:
        connection = session.get_one(Connection, connection_id)
        reads = Direction(connection.direction).pulls
        try:
            system = open_system(context, session, connection)
        except Invalid as error:
            yield Check(_("Set up"), error.message)
            return
    is_fine = True
    for check in system.test():
        if check.problem and check.for_reading and not reads:
            what, why = check.what, check.problem
            yield Check(_("%(what)s: no, and only to read (%(why)s)", what=what, why=why))
            continue
        is_fine = is_fine and not check.problem
        yield check
    with context.transaction() as session:
        connection = session.get_one(Connection, connection_id)
        connection.tested_at = context.now() if is_fine else None


class _Recorder:
    """Writes calls down, without the secret, in a transaction of their own."""

    def __init__(self, context: Context, connection_id: int, secret: str) -> None:
        self._context, self._connection, self._secret = context, connection_id, secret

    def record(self, told: Told) -> None:
        """Write one call down."""
        with self._context.transaction() as session:
            session.add(
                ExchangeCall(
                    connection_id=self._connection,
                    at=self._context.now(),
                    what=told.what[:255],
                    asked=self._masked(told.asked),
                    answered=self._masked(told.answered),
                    milliseconds=told.milliseconds,
                    failure=self._masked(told.failure)[:500],
                )
            )

    def _masked(self, text: str) -> str:
        return text.replace(self._secret, "***").replace(escape(self._secret), "***")
