"""What partners changed: read by a cursor with overlap, and all open pairs once a night.

A hint (their webhook, their mail) only makes the next read come at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid, PortalError
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules import pairs as rules
from app.exchange.rules.budget import Budget, Turns
from app.exchange.rules.failures import Failure, Outcome, pause_after
from app.exchange.rules.pairs import MOST_ATTEMPTS
from app.exchange.rules.partner import CallFailed, Changed, PartnerSystem
from app.exchange.services.calls import note_unreadable
from app.exchange.services.comparisons import JOB as SWEEP
from app.exchange.services.comparisons import (
    begin_comparison,
    end_comparison,
    is_compared,
    newest_comparison,
    note_compared,
    note_unread,
)
from app.exchange.services.connections import all_connections, is_called, wake
from app.exchange.services.deliveries import (
    as_rule,
    locked_pair,
    may_call,
    note_failure,
    note_success,
    stop_connection,
    store,
)
from app.exchange.services.hints import PULL, READ, read_key, read_soon
from app.exchange.services.planning import reads
from app.exchange.services.readings import pair_of_their_id, without_pair
from app.exchange.services.unpaired import forget_unpaired, unread_others
from app.exchange.tasks.deliveries import Opener
from app.exchange.tasks.reads import CLOCKS, Taken, read_whole, take_read
from app.jobs.services.queue import JSON, enqueue, is_pending
from app.jobs.tasks.context import Context
from app.tickets.models.tickets import Ticket
from app.tickets.rules.marks import reference_of

__all__ = ["PULL", "READ", "SWEEP", "Pulls", "read_partners", "sweep_partners"]

_DOWN: Final = 3
"""Tickets in a row that cannot be read now: then it is the partner, and not they."""
_GONE: Final = 3
"""Tickets of open pairs that are gone at once: then it is more than a ticket that was deleted."""
_SWEPT_AT_ONCE: Final = 10
_MOST_PAGES: Final = 200
"""Pages that are read in one go; one that never ends must not keep a worker."""
_MOST_MOVES: Final = 5
"""Merges that are followed in one go."""
_MOST_REMEMBERED: Final = 10_000
_PROVEN_FOR: Final = timedelta(hours=6)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_NOT_LOGGED_IN, _NOT_FOUND = 401, 404
_NOT_CALLED: Final = "The connection is not called now"
_NO_ANSWER: Final = "Their system did not answer"


def read_partners(context: Context) -> str:
    """Leave to the worker to read what changed at each partner (timed work)."""
    return _for_each(context, PULL)


def sweep_partners(context: Context) -> str:
    """Leave to the worker to read every open pair, and to call for what waits (timed work)."""
    return _for_each(context, SWEEP)


def _rest_key(connection_id: int) -> str:
    return f"{PULL} {connection_id}, the rest"


def _read_later(session: Session, connection_id: int, left: Changed | None) -> None:
    """Have the rest of a page, or the next one, read behind the jobs of others."""
    page: dict[str, JSON] = {}
    if left is not None:
        versions = {one: left.versions[one] for one in left.ids if one in left.versions}
        page = {"ids": list(left.ids), "versions": versions}
        page |= {"cursor": left.cursor, "more": left.more}
    arguments: dict[str, JSON] = {"connection": connection_id, "page": page}
    enqueue(session, PULL, arguments, key=_rest_key(connection_id))


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
    """Reads partners. ``open_system`` makes what speaks with a connection's system.

    What was read as it is now is remembered, so that the overlap costs no calls; forgotten, it is
    read again.
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

    def pull(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read what changed there since the last time (a job, one at a time for a connection). What
        is left after a while is a job of its own behind those of others, with the rest of the
        ``page`` ({} = ask for the next); until it is done nothing else is asked."""
        key, is_rest = int(arguments["connection"]), "page" in arguments
        if not is_rest:
            with context.reading() as session:
                if is_pending(session, PULL, _rest_key(key)):
                    return
        job_key = _rest_key(key) if is_rest else f"{PULL} {key}"
        with self._turn(context, PULL, arguments, job_key) as budget:
            if budget is not None:
                self._pull(context, key, arguments.get("page"), budget, is_rest=is_rest)

    @contextmanager
    def _turn(
        self, context: Context, job: str, arguments: Mapping[str, Any], job_key: str
    ) -> Iterator[Budget | None]:
        """The turn of a job's connection; None where it has to wait, and the job comes again."""
        key = int(arguments["connection"])
        if (until := self._turns.until(key, context.now())) is not None:
            with context.transaction() as session:
                enqueue(session, job, arguments, key=job_key, due=until)
            yield None
            return
        budget = Budget(context.now)
        yield budget
        self._turns.note(key, budget)

    def _pull(
        self,
        context: Context,
        key: int,
        page: Mapping[str, Any] | None,
        budget: Budget,
        *,
        is_rest: bool,
    ) -> None:
        for _ in range(_MOST_PAGES):
            opened = self._opened(context, key)
            if opened is None or context.is_ending():
                return
            cursor, system = opened
            try:
                budget.spend(calls=1)
                changed = Changed(**page) if page else self._changed(context, key, system, cursor)
            except CallFailed as error:
                self._note(context, key, error.failure)
                return
            problem, left = self._read_all(
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
                    enqueue(session, PULL, {"connection": key}, key=f"{PULL} {key}")
            if not is_more or budget.is_spent:
                return
            page = None

    def sweep(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Compare a connection (a job, each night and when a person asks): read every ticket there
        that our account made and that has no pair, then every pair that is open or ended lately,
        then what was recorded without a pair and not read yet. What is left after a while comes
        behind the jobs of others: ``page`` and ``ids`` of the list, or ``after`` the pair that was
        read last, and ``gone`` what was not there so far, or ``others`` the row that was read last.
        Tickets that are gone stop the connection."""
        with self._turn(context, SWEEP, arguments, f"{SWEEP} {arguments['connection']}") as budget:
            if budget is not None:
                self._sweep(context, arguments, budget)

    def _sweep(self, context: Context, arguments: Mapping[str, Any], budget: Budget) -> None:
        key, rest = int(arguments["connection"]), dict(arguments)
        if len(rest) == 1:
            with context.transaction() as session:
                begin_comparison(session.get_one(Connection, key), context.now())
        if (opened := self._opened(context, key)) is None:
            self._end_comparison(context, key, _NOT_CALLED)
            return
        system = opened[1]
        if len(rest) == 1:
            rest |= {"page": ""} if system.traits.lists_ours else {"after": 0}
        while rest:
            step = self._compare_pairs if "after" in rest else self._read_others
            step = self._list_ours if "page" in rest else step
            try:
                following = step(context, key, system, rest, budget)
            except CallFailed as error:
                self._note(context, key, error.failure)
                following = None
            if following is None and not context.is_ending():
                self._end_comparison(context, key, _NO_ANSWER)
                return
            rest = rest if following is None else following
            if rest and (context.is_ending() or budget.is_spent):
                with context.transaction() as session:
                    enqueue(session, SWEEP, rest, key=f"{SWEEP} {key}")
                return
        self._end_comparison(context, key)

    def _list_ours(
        self,
        context: Context,
        key: int,
        system: PartnerSystem,
        rest: Mapping[str, Any],
        budget: Budget,
    ) -> dict[str, Any] | None:
        """Read the tickets of one page of ours that have no pair; what is to be done next, None =
        the partner does not answer."""
        page, ids = str(rest["page"]), [str(one) for one in rest.get("ids", ())]
        with context.reading() as session:
            since = session.get_one(Connection, key).created_at - CLOCKS
        if not ids:
            budget.spend(calls=1)
            listed = system.ours(since, page)
            page = listed.cursor
            with context.reading() as session:
                ids = list(without_pair(session, key, listed.ids))
        problem, left = self._read_all(context, key, system, ids, {}, budget)
        if problem is None:
            return None
        self._note_unread(context, key, problem)
        if left:
            return {"connection": key, "page": page, "ids": list(left)}
        return {"connection": key} | ({"page": page} if page else {"after": 0})

    def _compare_pairs(
        self,
        context: Context,
        key: int,
        system: PartnerSystem,
        rest: Mapping[str, Any],
        budget: Budget,
    ) -> dict[str, Any] | None:
        """Read the tickets of the next pairs, and compare them; what is to be done next, None = the
        partner does not answer."""
        after, gone = int(rest["after"]), [str(one) for one in rest.get("gone", ())]
        with context.reading() as session:
            pairs = session.execute(
                select(TicketPair.id, TicketPair.their_id, TicketPair.ticket_number)
                .join(Ticket, Ticket.number == TicketPair.ticket_number)
                .where(
                    TicketPair.connection_id == key,
                    TicketPair.id > after,
                    is_compared(context.now()),
                )
                .order_by(TicketPair.id)
                .limit(_SWEPT_AT_ONCE)
            ).all()
        ids = [their_id or "" for _pair, their_id, _number in pairs]
        problem, left = self._read_all(context, key, system, ids, {}, budget, gone)
        if len(gone) >= _GONE:
            reason = f"Their tickets {', '.join(gone)} are gone: it may have lost data"
            with context.transaction() as session:
                stop_connection(session.get_one(Connection, key), reason, context.now())
            return None
        if problem is None:
            return None
        done = pairs[: len(pairs) - len(left)]
        numbers = () if system.traits.lists_ours else [number for _p, _t, number in done]
        if not self._find_others(context, key, system, numbers, budget):
            return None
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            note_compared(session, connection, [one for one, _t, _n in done], context.now())
        if len(pairs) < _SWEPT_AT_ONCE and not left:
            return {"connection": key, "others": 0}
        after = done[-1].id if done else after
        return {"connection": key, "after": after, "gone": gone}

    def _find_others(
        self,
        context: Context,
        key: int,
        system: PartnerSystem,
        numbers: Sequence[int],
        budget: Budget,
    ) -> bool:
        """Where ours cannot be listed: read what is found by the reference of each and has no
        pair. False = the partner does not answer."""
        for number in numbers:
            budget.spend(calls=1)
            found = system.find(reference_of(number))
            with context.reading() as session:
                ids = without_pair(session, key, found)
            while ids:  # few, and not found again by what is left of the turn
                problem, ids = self._read_all(context, key, system, ids, {}, budget)
                if problem is None:
                    return False
                self._note_unread(context, key, problem)
        return True

    def _read_others(
        self,
        context: Context,
        key: int,
        system: PartnerSystem,
        rest: Mapping[str, Any],
        budget: Budget,
    ) -> dict[str, Any] | None:
        """Read the next recorded tickets without a pair that no step before read: one that is gone
        there is forgotten. What is to be done next, {} = nothing, None = no answer."""
        after = int(rest["others"])
        with context.reading() as session:
            found = newest_comparison(session.get_one(Connection, key))
            began = found.began_at if found is not None else context.now()
            rows = unread_others(session, key, began, after, _SWEPT_AT_ONCE)
        ids = [their_id for _id, their_id in rows]
        problem, left = self._read_all(context, key, system, ids, {}, budget)
        if problem is None:
            return None
        done = rows[: len(rows) - len(left)]
        return {"connection": key, "others": done[-1][0] if done else after} if rows else {}

    def _note_unread(self, context: Context, key: int, problem: str) -> None:
        if problem:
            with context.transaction() as session:
                note_unread(session.get_one(Connection, key), problem)

    def _end_comparison(self, context: Context, key: int, failure: str = "") -> None:
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            if failure and connection.stopped_at is not None:
                failure = _NOT_CALLED
            why = f"{failure}: {connection.reason}" if failure and connection.reason else failure
            end_comparison(session, connection, context.now(), why)

    def read(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Read one of their tickets, ``ticket`` by its id there (a job, after a hint, and again
        where that was in vain: ``attempt`` times)."""
        key, their_id = int(arguments["connection"]), str(arguments["ticket"])
        attempts = int(arguments.get("attempt", 0))
        if (opened := self._opened(context, key)) is None:
            self._after_rest(context, key, their_id, attempts)
            return
        with self._turn(context, READ, arguments, read_key(key, their_id, attempts)) as budget:
            if budget is None:
                return
            try:
                taken = self._read(context, key, opened[1], their_id, budget)
                if taken is not None and not taken.is_whole:
                    with context.transaction() as session:
                        read_soon(session, key, their_id)
            except CallFailed as error:
                if error.failure.waited:  # the partner itself is slow
                    self._note(context, key, error.failure)
                self._failed(context, key, their_id, error.failure, attempts + 1)

    def _after_rest(self, context: Context, key: int, their_id: str, attempts: int) -> None:
        """Read a ticket when its partner, which rests, may be called again."""
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            if is_called(connection) and reads(connection) and connection.resting_until is not None:
                due = max(connection.resting_until, context.now())
                read_soon(session, key, their_id, attempts, due)

    def _read_all(
        self,
        context: Context,
        key: int,
        system: PartnerSystem,
        ids: Sequence[str],
        versions: Mapping[str, str],
        budget: Budget,
        gone: list[str] | None = None,
    ) -> tuple[str | None, Sequence[str]]:
        """Read tickets; what was wrong with one of them ("" = nothing), None where the partner is
        away or the worker is to end; and those that are left, the budget being spent: the first
        of them may have been taken in part. A ticket that cannot be read holds up no other one: it
        is tried again by itself. Those that are not there any more are added to ``gone``."""
        in_row, problem, is_begun = 0, "", False
        for place, their_id in enumerate(ids):
            if context.is_ending() or (gone is not None and len(gone) >= _GONE):
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
                    self._note(context, key, failure)
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
        """What changed behind the cursor. Now and then it is asked as for the first time, which
        tries the search: one that came to mean something else finds nothing, and that looks as if
        nothing had changed."""
        now = context.now()
        if cursor and now - self._proven.get(key, _NEVER) < _PROVEN_FOR:
            return system.changed(cursor)
        first = system.changed("")
        self._proven[key] = now
        return system.changed(cursor) if cursor else first

    def _failed(
        self, context: Context, key: int, their_id: str, failure: Failure, attempts: int
    ) -> None:
        """One of their tickets could not be read: later again, or a person is asked."""
        if failure.status == _NOT_LOGGED_IN:  # it is not about this ticket
            self._note(context, key, failure)
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
        self,
        context: Context,
        connection_id: int,
        system: PartnerSystem,
        their_id: str,
        budget: Budget,
        moves: int = 0,
    ) -> Taken | None:
        """Read one of their tickets, and take in what is new: see ``take_read``. What cannot be
        kept here is noted, and holds no other ticket up; a merge is followed."""
        ticket = read_whole(context, system, connection_id, their_id, budget)
        try:
            taken = take_read(context, connection_id, ticket, budget)
        except PortalError as error:
            with context.transaction() as session:
                note_unreadable(session, connection_id, their_id, error.message, context.now())
            return Taken(is_whole=True)
        on = taken.their_id if taken is not None else ""
        if on and on != their_id and moves < _MOST_MOVES:
            return self._read(context, connection_id, system, on, budget, moves + 1)
        return taken

    def _note(self, context: Context, key: int, failure: Failure) -> None:
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            note_failure(session, connection, failure, context.now(), self._chance())
