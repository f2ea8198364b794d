"""Reads what partners changed, from a cursor with overlap.

A hint (their webhook, their mail) only makes the next read happen at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid, PortalError
from app.exchange.models.connections import Connection
from app.exchange.rules import pairs as rules
from app.exchange.rules.budget import Budget, Turns, Way
from app.exchange.rules.failures import Failure, Outcome, pause_after
from app.exchange.rules.pairs import MOST_ATTEMPTS
from app.exchange.rules.partner import CallFailed, Changed, PartnerSystem
from app.exchange.services.calls import note_unreadable
from app.exchange.services.connections.connections import all_connections, is_called
from app.exchange.services.deliveries import (
    as_rule,
    locked_pair,
    may_call,
    note_failure,
    note_success,
    stop_connection,
    store,
)
from app.exchange.services.hints import READ_PARTNER, READ_TICKET, read_key, read_soon
from app.exchange.services.planning import is_read
from app.exchange.services.reading import pair_of_their_id
from app.exchange.services.unpaired import forget_unpaired
from app.exchange.tasks.deliveries import Opener
from app.exchange.tasks.reading import Taken, read_whole, take_read
from app.jobs.services.queue import JSON, enqueue, is_pending
from app.jobs.tasks.context import Context

_DOWN: Final = 3
"""Tickets in a row that cannot be read now: then the partner is the cause, not the tickets."""
MOST_GONE: Final = 3
"""Tickets of open pairs that disappeared together: then it is more than one deleted ticket."""
_MOST_PAGES: Final = 200
"""Most pages that are read at once; an endless list must not occupy a worker."""
_MOST_MOVES: Final = 5
"""Most merges that are followed at once."""
_MOST_REMEMBERED: Final = 10_000
_PROVEN_FOR: Final = timedelta(hours=6)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_NOT_LOGGED_IN, _NOT_FOUND = 401, 404


def read_partners(context: Context) -> str:
    """Enqueue the read of each partner's changes (timed work)."""
    with context.transaction() as session:
        return enqueue_for_each(session, READ_PARTNER, context.now())


def _rest_key(connection_id: int) -> str:
    return f"{READ_PARTNER} {connection_id}, the rest"


def _read_later(session: Session, connection_id: int, left: Changed | None) -> None:
    """Queue the rest of a page, or the next one, behind the jobs of others."""
    page: dict[str, JSON] = {}
    if left is not None:
        versions = {one: left.versions[one] for one in left.ids if one in left.versions}
        page = {"ids": list(left.ids), "versions": versions}
        page |= {"cursor": left.cursor, "more": left.more}
    arguments: dict[str, JSON] = {"connection": connection_id, "page": page}
    enqueue(session, READ_PARTNER, arguments, key=_rest_key(connection_id))


def enqueue_for_each(session: Session, job: str, now: datetime) -> str:
    """Enqueue a job for each connection that is read and may be called; return how many, in
    words."""
    count = 0
    for connection in all_connections(session):
        if may_call(connection, now) and is_read(connection):
            count += 1
            enqueue(session, job, {"connection": connection.id}, key=f"{job} {connection.id}")
    return f"Partners to be read: {count}"


class PartnerReader:
    """Reads partners. ``open_system`` returns the client of a connection's system.

    The current versions that were read are remembered, so that the overlap costs no calls; if
    forgotten, they are read again.
    """

    def __init__(
        self,
        open_system: Opener,
        chance: Callable[[], float] = random.random,
        turns: Turns | None = None,
    ) -> None:
        self._open, self._chance, self._turns = open_system, chance, turns or Turns()
        self._versions: dict[tuple[int, str], str] = {}
        self._proven: dict[int, datetime] = {}

    def read_partner(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read what changed there since the last time (a job, one at a time for a connection). The
        rest is a job of its own behind those of others, with the rest of the ``page`` ({} =
        request the next); until it is done nothing else is requested."""
        key, is_rest = int(arguments["connection"]), "page" in arguments
        if not is_rest:
            with context.reading() as session:
                if is_pending(session, READ_PARTNER, _rest_key(key)):
                    return
        job_key = _rest_key(key) if is_rest else f"{READ_PARTNER} {key}"
        with self.turn(context, READ_PARTNER, arguments, job_key) as budget:
            if budget is not None:
                self._read_partner(context, key, arguments.get("page"), budget, is_rest=is_rest)

    @contextmanager
    def turn(
        self, context: Context, job: str, arguments: Mapping[str, Any], job_key: str
    ) -> Iterator[Budget | None]:
        """The turn of a job's connection; None if it has to wait, and the job is enqueued again."""
        key = int(arguments["connection"])
        with self._turns.turn(key, Way.IN, context.now) as turn:
            if isinstance(turn, Budget):
                yield turn
                return
            with context.transaction() as session:
                enqueue(session, job, arguments, key=job_key, due=turn)
            yield None

    def _read_partner(
        self,
        context: Context,
        key: int,
        page: Mapping[str, Any] | None,
        budget: Budget,
        *,
        is_rest: bool,
    ) -> None:
        for _ in range(_MOST_PAGES):
            opened = self.opened(context, key)
            if opened is None or context.is_ending():
                return
            cursor, system = opened
            try:
                budget.spend(calls=1)
                changed = Changed(**page) if page else self._changed(context, key, system, cursor)
            except CallFailed as error:
                self.note_failure(context, key, error.failure)
                return
            problem, left = self.read_all(
                context, key, system, changed.ids, changed.versions, budget
            )
            if problem is None:
                return
            with context.transaction() as session:
                connection = session.get_one(Connection, key)
                if connection.stopped_at is not None:
                    return
                note_success(connection)
                connection.reason = problem[:500]
                if not left:
                    connection.cursor, connection.read_at = changed.cursor, context.now()
                is_more = bool(left) or (changed.more and changed.cursor != cursor)
                if is_more and budget.is_spent:
                    _read_later(session, key, replace(changed, ids=left) if left else None)
                elif not is_more and is_rest:  # what was announced meanwhile
                    enqueue(session, READ_PARTNER, {"connection": key}, key=f"{READ_PARTNER} {key}")
            if not is_more or budget.is_spent:
                return
            page = None

    def read_ticket(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read one of their tickets, ``ticket`` by its id there (a job, after a hint, and again
        after ``attempt`` failures)."""
        key, their_id = int(arguments["connection"]), str(arguments["ticket"])
        attempts = int(arguments.get("attempt", 0))
        if (opened := self.opened(context, key)) is None:
            self._after_rest(context, key, their_id, attempts)
            return
        with self.turn(
            context, READ_TICKET, arguments, read_key(key, their_id, attempts)
        ) as budget:
            if budget is None:
                return
            try:
                taken = self._read(context, key, opened[1], their_id, budget)
                if taken is not None and not taken.is_whole:
                    with context.transaction() as session:
                        read_soon(session, key, their_id)
            except CallFailed as error:
                if error.failure.waited:  # the partner itself is slow
                    self.note_failure(context, key, error.failure)
                self._failed(context, key, their_id, error.failure, attempts + 1)

    def _after_rest(self, context: Context, key: int, their_id: str, attempts: int) -> None:
        """Read a ticket when its resting partner may be called again."""
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            if (
                is_called(connection)
                and is_read(connection)
                and connection.resting_until is not None
            ):
                due = max(connection.resting_until, context.now())
                read_soon(session, key, their_id, attempts, due)

    def read_all(
        self,
        context: Context,
        key: int,
        system: PartnerSystem,
        ids: Sequence[str],
        versions: Mapping[str, str],
        budget: Budget,
        gone: list[str] | None = None,
    ) -> tuple[str | None, Sequence[str]]:
        """Read tickets; return the error of one of them ("" = no error), None if the partner is
        unavailable or the worker shuts down; and the rest if the budget is spent: the first one
        may be partly stored. A ticket that cannot be read does not block others: it is retried
        separately. Those that no longer exist are added to ``gone``."""
        in_row, problem, is_begun = 0, "", False
        for place, their_id in enumerate(ids):
            if context.is_ending() or (gone is not None and len(gone) >= MOST_GONE):
                return None, ()
            version = versions.get(their_id)
            if version is not None and self._versions.get((key, their_id)) == version:
                continue
            if is_begun and budget.is_spent:
                return problem, ids[place:]
            is_begun = True
            try:
                taken = self._read(context, key, system, their_id, budget)
            except CallFailed as error:
                failure, is_away = error.failure, error.failure.outcome is not Outcome.PERMANENT
                in_row = in_row + 1 if is_away else 0
                is_slow = bool(failure.waited)
                if in_row >= _DOWN or is_slow or failure.status == _NOT_LOGGED_IN:
                    self.note_failure(context, key, failure)
                    return None, ()
                if gone is not None and not is_away and failure.status == _NOT_FOUND:
                    gone.append(their_id)
                self._failed(context, key, their_id, failure, 1)
                problem = f"Their ticket {their_id}: {failure.reason}"
                continue
            if taken is None or (context.is_ending() and not taken.is_whole):
                return None, ()
            if not taken.is_whole:
                return problem, ids[place:]
            in_row = 0
            if version is not None:
                if len(self._versions) >= _MOST_REMEMBERED:
                    self._versions.clear()
                self._versions[key, their_id] = version
        return problem, ()

    def _changed(self, context: Context, key: int, system: PartnerSystem, cursor: str) -> Changed:
        """What changed after the cursor. At intervals this works as for the first time, which tries
        the search: a search that stopped working finds nothing, which looks as if nothing had
        changed."""
        now = context.now()
        if cursor and now - self._proven.get(key, _NEVER) < _PROVEN_FOR:
            return system.changed(cursor)
        first = system.changed("")
        self._proven[key] = now
        return system.changed(cursor) if cursor else first

    def _failed(
        self, context: Context, key: int, their_id: str, failure: Failure, attempts: int
    ) -> None:
        """One of their tickets could not be read: retry later, or let a person decide."""
        if failure.status == _NOT_LOGGED_IN:  # it is not about this ticket
            self.note_failure(context, key, failure)
            return
        with context.transaction() as session:
            found = pair_of_their_id(session, key, their_id)
            pair = locked_pair(session, found.id) if found is not None else None
            if pair is not None:
                pair.unread_since = pair.unread_since or context.now()
            if failure.outcome is not Outcome.PERMANENT and attempts < MOST_ATTEMPTS:
                pause = pause_after(attempts, self._chance(), failure.retry_after)
                read_soon(session, key, their_id, attempts, context.now() + pause)
            elif pair is not None:
                store(pair, rules.stop(as_rule(pair), failure.reason))
            elif failure.outcome is Outcome.PERMANENT and failure.status == _NOT_FOUND:
                forget_unpaired(session, key, their_id)

    def opened(self, context: Context, key: int) -> tuple[str, PartnerSystem] | None:
        with context.reading() as session:
            connection = session.get_one(Connection, key)
            if not (may_call(connection, context.now()) and is_read(connection)):
                return None
            try:
                return connection.cursor, self._open(context, session, connection)
            except Invalid as error:
                reason = error.message
        with context.transaction() as session:
            stop_connection(session.get_one(Connection, key), reason, context.now())
        return None

    def _read(
        self,
        context: Context,
        connection_id: int,
        system: PartnerSystem,
        their_id: str,
        budget: Budget,
        moves: int = 0,
    ) -> Taken | None:
        """Read one of their tickets, and store what is new: see ``take_read``. What cannot be
        stored here is recorded, and does not block other tickets; a merge is followed."""
        ticket, stored = read_whole(context, system, connection_id, their_id, budget)
        try:
            taken = take_read(context, connection_id, ticket, stored, budget)
        except PortalError as error:
            with context.transaction() as session:
                note_unreadable(session, connection_id, their_id, error.message, context.now())
            return Taken(is_whole=True)
        on = taken.their_id if taken is not None else ""
        if on and on != their_id and moves < _MOST_MOVES:
            return self._read(context, connection_id, system, on, budget, moves + 1)
        return taken

    def note_failure(self, context: Context, key: int, failure: Failure) -> None:
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            note_failure(session, connection, failure, context.now(), self._chance())
