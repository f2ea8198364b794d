"""Hints from partners: a hint only causes an earlier read of what would be read anyway.

Only the ticket's id is taken from a hint, and only to decide that it is worth reading (decisions,
section 14).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.rules.errors import Invalid
from app.exchange.models.connections import Connection, ExchangeHint
from app.exchange.rules.kinds import Hint
from app.exchange.rules.profiles import Direction
from app.exchange.services.connections.connections import connection_of, is_called
from app.exchange.services.connections.secrets import HINT, live_secrets, opened
from app.exchange.services.reading import pair_of_their_id
from app.jobs.services.queue import JSON, enqueue

READ_PARTNER: Final = "read a partner"
"""The job that reads what changed at a partner; its argument is the connection."""
READ_TICKET: Final = "read a ticket of a partner"
"""The job that reads one ticket; its arguments are the connection, the ticket and the attempt."""


def announced_by(
    session: Session, kind: str, name: str, hint: Hint, key: bytes
) -> Connection | None:
    """The connection of this kind, by its partner's code or its id, if one of its live secrets
    signed the hint. ``key`` is the portal's secret. None in all other cases."""
    if not name.isprintable():  # databases do not accept a null character
        return None
    connection = connection_of(session, name, kind)
    if connection is None and name.isascii() and name.isdecimal() and len(name) < 10:
        connection = session.get(Connection, int(name))
    if connection is None or connection.kind != kind:
        return None
    for row in live_secrets(session, connection, HINT):
        with suppress(Invalid):  # sealed with another secret of the portal: not a live one
            if hint.is_signed(opened(row, key)):
                return connection
    return None


def take_hint(
    session: Session, connection: Connection, delivery: str, their_id: str, now: datetime
) -> bool:
    """Record a delivery, and schedule the read that it announces; return whether it is new. Their
    ticket if it is the counterpart of one of ours, else ("" = not named) everything that
    changed."""
    row = {"connection_id": connection.id, "key": delivery, "at": now}
    new = upsert(ExchangeHint).values(row).on_conflict_do_nothing()
    if session.scalars(new.returning(ExchangeHint.id)).first() is None:
        return False
    if is_called(connection) and Direction(connection.direction).reads:
        if their_id and pair_of_their_id(session, connection.id, their_id) is not None:
            read_soon(session, connection.id, their_id)
        else:
            enqueue(
                session,
                READ_PARTNER,
                {"connection": connection.id},
                key=f"{READ_PARTNER} {connection.id}",
            )
    return True


def read_soon(
    session: Session,
    connection_id: int,
    their_id: str,
    attempt: int = 0,
    due: datetime | None = None,
) -> None:
    """Schedule a read of one of their tickets; ``attempt``: how many attempts failed."""
    arguments: Mapping[str, JSON] = {
        "connection": connection_id,
        "ticket": their_id,
        "attempt": attempt,
    }
    enqueue(
        session, READ_TICKET, arguments, key=read_key(connection_id, their_id, attempt), due=due
    )


def read_key(connection_id: int, their_id: str, attempt: int) -> str:
    """The key of the job that reads one of their tickets: at most one waits, and at most one is to
    be retried."""
    return f"read {connection_id} {their_id}{' later' if attempt else ''}"
