"""What partners changed: read by a cursor with overlap, and all open pairs once a night.

A hint (their webhook, their mail) only makes the next pull come at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.pairs import PairState
from app.exchange.rules.partner import CallFailed, PartnerSystem
from app.exchange.rules.profiles import Direction
from app.exchange.services.readings import pair_of_their_id, take_in, take_new
from app.exchange.tasks.deliveries import Opener
from app.jobs.tasks.context import Context
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES

PULL: Final = "read a partner"
SWEEP: Final = "read all pairs of a partner"


class Pulls:
    """Reads partners. ``open_system`` makes what speaks with a connection's system."""

    def __init__(self, open_system: Opener) -> None:
        self._open = open_system

    def pull(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read what changed there since the last time (a job, one at a time for a connection)."""
        key = int(arguments["connection"])
        while not context.is_ending():
            with context.reading() as session:
                connection = session.get_one(Connection, key)
                if not _reads(connection):
                    return
                cursor, system = connection.cursor, self._open(context, session, connection)
            try:
                changed = system.changed(cursor)
                for their_id in changed.ids:
                    self.read(context, key, system, their_id)
            except CallFailed as error:
                self._note(context, key, error.failure.reason)
                return
            with context.transaction() as session:
                connection = session.get_one(Connection, key)
                connection.cursor, connection.read_at = changed.cursor, context.now()
                connection.reason = ""
            if not changed.more or changed.cursor == cursor:
                return

    def sweep(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read every open pair by its id: what no search told (a job, each night)."""
        key = int(arguments["connection"])
        with context.reading() as session:
            connection = session.get_one(Connection, key)
            if not _reads(connection):
                return
            system = self._open(context, session, connection)
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
            if their_id is None:
                continue
            try:
                self.read(context, key, system, their_id)
            except CallFailed as error:
                self._note(context, key, error.failure.reason)

    def read(
        self, context: Context, connection_id: int, system: PartnerSystem, their_id: str
    ) -> None:
        """Read one of their tickets, and take in what is new, in one transaction."""
        ticket = system.read(their_id)
        try:
            with context.transaction() as session:
                pair = pair_of_their_id(session, connection_id, their_id)
                if pair is not None:
                    take_in(session, pair.id, ticket, context.now())
                else:
                    take_new(session, connection_id, ticket, context.now())
        except IntegrityError:  # another one took the same ticket at this moment
            with context.transaction() as session:
                if (pair := pair_of_their_id(session, connection_id, their_id)) is None:
                    raise
                take_in(session, pair.id, ticket, context.now())

    @staticmethod
    def _note(context: Context, connection_id: int, reason: str) -> None:
        with context.transaction() as session:
            session.get_one(Connection, connection_id).reason = reason[:500]


def _reads(connection: Connection) -> bool:
    is_up = connection.paused_at is None and connection.stopped_at is None
    return is_up and Direction(connection.direction).pulls
