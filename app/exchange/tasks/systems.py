"""Builds the client of a connection's system: its kind, its secret, and the recording of calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from xml.sax.saxutils import escape

from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.exchange.adapters.access import Access
from app.exchange.adapters.http import JsonCaller, RecordedCall
from app.exchange.adapters.kinds import kind_named, open_client
from app.exchange.models.connections import Connection, ExchangeCall
from app.exchange.rules.partner import Check, PartnerSystem
from app.exchange.rules.profiles import Direction
from app.exchange.services.announcements import announce
from app.exchange.services.connections.connections import is_notified_by_mail
from app.exchange.services.connections.secrets import LOGIN, live_secrets, opened
from app.exchange.services.extras import note_fields_there
from app.exchange.services.planning import profile_in_use
from app.jobs.tasks.context import Context


def open_system(context: Context, session: Session, connection: Connection) -> PartnerSystem:
    """The client of a connection's system. Raises ``Invalid`` if its secret is missing."""
    kind, key = kind_named(connection.kind), context.settings.key or b""
    rows = live_secrets(session, connection, LOGIN)
    if is_notified_by_mail(connection):
        rows = ()
    elif not rows:
        raise Invalid("secret", _("The connection has no secret to log in with"))
    # a message to a receiver is signed with each of them; a login uses the newest
    secrets = [opened(row, key) for row in (rows if kind.is_notified else rows[:1])]
    headers = kind.headers(connection.remote_login, secrets[0]) if secrets else {}
    hidden = [word for one in secrets for word in (one, escape(one))]
    recorder = _Recorder(
        context, connection.id, (*hidden, *(one.split()[-1] for one in headers.values()))
    )
    caller = JsonCaller(
        connection.url,
        context.settings.outbound_private_hosts,
        headers,
        tell=recorder.record,
        mask=recorder.masked,
    )
    access = Access(
        caller,
        profile_in_use(session, connection),
        context.now(),
        partial(_announce, context, connection.id),
        connection.remote_login,
        secrets,
        context.settings.public_url,
        context.settings.mail.reply_to,
    )
    return open_client(connection.kind, access)


def _announce(context: Context, connection_id: int, number: int, sequence: int) -> None:
    with context.transaction() as session:
        announce(session, connection_id, number, sequence, context.now())


def try_connection(context: Context, connection_id: int, ticket: str = "") -> Iterator[Check]:
    """Test a connection step by step; record if everything that its direction needs passed.
    ``ticket``: see ``PartnerSystem.test``."""
    with context.reading() as session:
        connection = session.get_one(Connection, connection_id)
        reads = Direction(connection.direction).reads
        try:
            system = open_system(context, session, connection)
        except Invalid as error:
            yield Check(_("Set up"), error.message)
            return
    is_fine = True
    for check in system.test(ticket):
        if check.problem and check.for_reading and not reads:
            what, why = check.what, check.problem
            yield Check(_("%(what)s: no, and only to read (%(why)s)", what=what, why=why))
            continue
        is_fine = is_fine and not check.problem
        if check.fields is not None:
            with context.transaction() as session:
                note_fields_there(session.get_one(Connection, connection_id), check.fields)
        yield check
    with context.transaction() as session:
        connection = session.get_one(Connection, connection_id)
        connection.tested_at = context.now() if is_fine else None


class _Recorder:
    """Records calls, without the secret in any form, in transactions of their own."""

    def __init__(self, context: Context, connection_id: int, hidden: Sequence[str]) -> None:
        self._context, self._connection, self._hidden = context, connection_id, hidden

    def record(self, call: RecordedCall) -> None:
        """Record one call."""
        with self._context.transaction() as session:
            session.add(
                ExchangeCall(
                    connection_id=self._connection,
                    at=self._context.now(),
                    what=call.what[:255],
                    asked=self.masked(call.request),
                    answered=self.masked(call.answered),
                    milliseconds=call.milliseconds,
                    failure=self.masked(call.failure)[:500],
                )
            )

    def masked(self, text: str) -> str:
        """A text without the secret."""
        for one in self._hidden:
            text = text.replace(one, "***")
        return text
