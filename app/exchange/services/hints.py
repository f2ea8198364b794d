"""What partners announce: a hint only makes that be read at once which would be read anyhow.

Nothing of what a hint says is believed but the id of a ticket, and of that no more than that it is
worth a look (decisions, section 14).
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
from app.exchange.rules.hints import is_signed
from app.exchange.rules.profiles import Direction
from app.exchange.services.connections import connection_of, is_called
from app.exchange.services.readings import pair_of_their_id
from app.exchange.services.secrets import HINT, live_secrets, opened
from app.jobs.services.queue import JSON, enqueue

PULL: Final = "read a partner"
"""The job that reads what changed with a partner; its argument is the connection."""
READ: Final = "read a ticket of a partner"
"""The job that reads one ticket; its arguments are the connection, the ticket and the attempt."""


def announced_by(
    session: Session, kind: str, name: str, body: bytes, signature: str, key: bytes
) -> Connection | None:
    """The connection of this kind, by its partner's code or its id, if one of its live secrets
    signed the hint. ``key`` is the portal's secret. None for every other cause."""
    if not name.isprintable():  # a null character is no text for a database
        return None
    connection = connection_of(session, name, kind)
    if connection is None and name.isascii() and name.isdecimal() and len(name) < 10:
        connection = session.get(Connection, int(name))
    if connection is None or connection.kind != kind:
        return None
    for row in live_secrets(session, connection, HINT):
        with suppress(Invalid):  # sealed with another secret of the portal: no live one
            if is_signed(body, signature, opened(row, key)):
                return connection
    return None


def take_hint(
    session: Session, connection: Connection, delivery: str, their_id: str, now: datetime
) -> bool:
    """Record a delivery, and have read what it announces; whether it is new. Their ticket where it
    is the counterpart of one of ours, else ("" = it names none) all that changed."""
    row = {"connection_id": connection.id, "key": delivery, "at": now}
    new = upsert(ExchangeHint).values(row).on_conflict_do_nothing()
    if session.scalars(new.returning(ExchangeHint.id)).first() is None:
        return False
    if is_called(connection) and Direction(connection.direction).pulls:
        if their_id and pair_of_their_id(session, connection.id, their_id) is not None:
            read_soon(session, connection.id, their_id)
        else:
            enqueue(session, PULL, {"connection": connection.id}, key=f"{PULL} {connection.id}")
    return True


def read_soon(
    session: Session,
    connection_id: int,
    their_id: str,
    attempt: int = 0,
    due: datetime | None = None,
) -> None:
    """Have one of their tickets read; ``attempt``: how often that was in vain."""
    arguments: Mapping[str, JSON] = {
        "connection": connection_id,
        "ticket": their_id,
        "attempt": attempt,
    }
    enqueue(session, READ, arguments, key=read_key(connection_id, their_id, attempt), due=due)


def read_key(connection_id: int, their_id: str, attempt: int) -> str:
    """The key of the job that reads one of their tickets: one at most waits, and one at most is to
    be tried again."""
    return f"read {connection_id} {their_id}{' later' if attempt else ''}"
