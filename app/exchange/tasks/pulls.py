"""What partners changed: read by a cursor with overlap, and all open pairs once a night.

A hint (their webhook, their mail) only makes the next read come at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.rules.errors import Invalid, PortalError
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.failures import Failure
from app.exchange.rules.pairs import PairState
from app.exchange.rules.partner import CallFailed, PartnerSystem
from app.exchange.services.calls import note_unreadable
from app.exchange.services.connections import all_connections, wake
from app.exchange.services.deliveries import may_call, note_failure, note_success, stop_connection
from app.exchange.services.planning import reads
from app.exchange.services.readings import pair_of_their_id, take_in, take_new
from app.exchange.tasks.deliveries import Opener
from app.jobs.services.queue import enqueue
from app.jobs.tasks.context import Context
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES

PULL: Final = "read a partner"
SWEEP: Final = "read all pairs of a partner"
READ: Final = "read a ticket of a partner"


def read_partners(context: Context) -> str:
    """Leave to the worker to read what changed at each partner (timed work)."""
    return _for_each(context, PULL)


def sweep_partners(context: Context) -> str:
    """Leave to the worker to read every open pair, and to call for what waits (timed work)."""
    return _for_each(context, SWEEP)


def _for_each(context: Context, job: str) -> str:
    with context.transaction() as session:
        count = 0
        for connection in all_connections(session):
            if not may_call(connection, context.now()):
                continue
            if job == SWEEP:
                wake(session, connection)
            if reads(connection):
                count += 1
                key = f"{job} {connection.id}"
                enqueue(session, job, {"connection": connection.id}, key=key)
    return f"Partners to be read: {count}"


class Pulls:
    """Reads partners. ``open_system`` makes what speaks with a connection's system."""

    def __init__(self, open_system: Opener, chance: Callable[[], float] = random.random) -> None:
        self._open, self._chance = open_system, chance

    def pull(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read what changed there since the last time (a job, one at a time for a connection)."""
        key = int(arguments["connection"])
        while not context.is_ending():
            opened = self._opened(context, key)
            if opened is None:
                return
            cursor, system = opened
            try:
                changed = system.changed(cursor)
                for their_id in changed.ids:
                    self._read(context, key, system, their_id)
            except CallFailed as error:
                self._note(context, key, error.failure)
                return
            with context.transaction() as session:
                connection = session.get_one(Connection, key)
                connection.cursor, connection.read_at = changed.cursor, context.now()
                note_success(connection)
            if not changed.more or changed.cursor == cursor:
                return

    def sweep(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read every open pair by its id: what no search told (a job, each night)."""
        key = int(arguments["connection"])
        opened = self._opened(context, key)
        if opened is None:
            return
        with context.reading() as session:
            ids = session.scalars(
                select(TicketPair.their_id)
                .join(Ticket, Ticket.number == TicketPair.ticket_number)
                .where(
                    TicketPair.connection_id == key,
                    TicketPair.state == PairState.PAIRED,
                    Ticket.state.in_(OPEN_STATES),
                )
                .order_by(TicketPair.id)
            ).all()
        for their_id in ids:
            if context.is_ending():
                return
            try:
                self._read(context, key, opened[1], their_id or "")
            except CallFailed as error:
                self._note(context, key, error.failure)
                if self._opened(context, key) is None:  # it counts as away by now
                    return

    def read(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read one of their tickets, ``ticket`` by its id there (a job, after a hint)."""
        key = int(arguments["connection"])
        if (opened := self._opened(context, key)) is None:
            return
        try:
            self._read(context, key, opened[1], str(arguments["ticket"]))
        except CallFailed as error:
            self._note(context, key, error.failure)

    def _opened(self, context: Context, key: int) -> tuple[str, PartnerSystem] | None:
        with context.reading() as session:
            connection = session.get_one(Connection, key)
            if not (may_call(connection, context.now()) and reads(connection)):
                return None
            try:
                return connection.cursor, self._open(context, session, connection)
            except Invalid as error:
                reason = error.message
        with context.transaction() as session:
            stop_connection(session.get_one(Connection, key), reason, context.now())
        return None

    def _read(
        self, context: Context, connection_id: int, system: PartnerSystem, their_id: str
    ) -> None:
        """Read one of their tickets, and take in what is new, in one transaction. What cannot be
        kept here is noted, and holds no other ticket up."""
        ticket = system.read(their_id)
        for is_last in (False, True):
            try:
                with context.transaction() as session:
                    pair = pair_of_their_id(session, connection_id, their_id)
                    if pair is not None:
                        take_in(session, pair.id, ticket, context.now())
                    else:
                        take_new(session, connection_id, ticket, context.now())
            except IntegrityError:  # another one took the same ticket at this moment
                if is_last:
                    raise
            except PortalError as error:
                with context.transaction() as session:
                    note_unreadable(session, connection_id, their_id, error.message, context.now())
                return
            else:
                return

    def _note(self, context: Context, key: int, failure: Failure) -> None:
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            note_failure(session, connection, failure, context.now(), self._chance())
