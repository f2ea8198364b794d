"""The nightly comparison of a connection: every ticket there that our account created, every pair
that is open or ended recently, and recorded tickets without a pair.

It reads their tickets as ``partner_reading`` does; ``app.exchange.services.comparisons`` records
the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.budget import Budget
from app.exchange.rules.partner import CallFailed, PartnerSystem
from app.exchange.services.comparisons import (
    JOB,
    begin_comparison,
    end_comparison,
    is_compared,
    newest_comparison,
    note_compared,
    note_unread,
)
from app.exchange.services.connections.connections import all_connections, wake
from app.exchange.services.deliveries import may_call, stop_connection
from app.exchange.services.reading import without_pair
from app.exchange.services.unpaired import unread_others
from app.exchange.tasks.partner_reading import MOST_GONE, PartnerReader, enqueue_for_each
from app.exchange.tasks.reading import CLOCKS
from app.jobs.services.queue import enqueue
from app.jobs.tasks.context import Context
from app.tickets.models.tickets import Ticket
from app.tickets.rules.marks import reference_of

_AT_ONCE: Final = 10
_NOT_CALLED: Final = "The connection is not called now"
_NO_ANSWER: Final = "Their system did not answer"


def compare_partners(context: Context) -> str:
    """Enqueue the comparison of each connection, and calls for what waits (timed work)."""
    with context.transaction() as session:
        for connection in all_connections(session):
            if may_call(connection, context.now()):
                wake(session, connection)
        return enqueue_for_each(session, JOB, context.now())


@dataclass(frozen=True)
class _Turn:
    """A partner's turn: ``key`` is that of its connection."""

    context: Context
    key: int
    system: PartnerSystem
    budget: Budget


class Comparisons:
    """Compares partners' tickets with ours; ``reader`` reads them, and schedules the turns of
    partners."""

    def __init__(self, reader: PartnerReader) -> None:
        self._reader = reader

    def compare(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Compare a connection (a job, each night and on request): read every ticket there that our
        account created and that has no pair, then every pair that is open or ended recently,
        then recorded tickets without a pair that were not read yet. The rest is queued behind
        the jobs of others: ``page`` and ``ids`` of the list, or ``after`` the pair that was read
        last, and ``gone`` those not found so far, or ``others`` the row that was read last.
        Tickets that no longer exist stop the connection."""
        job_key = f"{JOB} {arguments['connection']}"
        with self._reader.turn(context, JOB, arguments, job_key) as budget:
            if budget is not None:
                self._go_on(context, arguments, budget)

    def _go_on(self, context: Context, arguments: Mapping[str, Any], budget: Budget) -> None:
        key, rest = int(arguments["connection"]), dict(arguments)
        if len(rest) == 1:
            with context.transaction() as session:
                begin_comparison(session.get_one(Connection, key), context.now())
        if (opened := self._reader.opened(context, key)) is None:
            self._end_comparison(context, key, _NOT_CALLED)
            return
        turn = _Turn(context, key, opened[1], budget)
        if len(rest) == 1:
            rest |= {"page": ""} if turn.system.traits.lists_ours else {"after": 0}
        while rest:
            step = self._compare_pairs if "after" in rest else self._read_others
            step = self._list_ours if "page" in rest else step
            try:
                following = step(turn, rest)
            except CallFailed as error:
                self._reader.note_failure(context, key, error.failure)
                following = None
            if following is None and not context.is_ending():
                self._end_comparison(context, key, _NO_ANSWER)
                return
            rest = rest if following is None else following
            if rest and (context.is_ending() or budget.is_spent):
                with context.transaction() as session:
                    enqueue(session, JOB, rest, key=f"{JOB} {key}")
                return
        self._end_comparison(context, key)

    def _list_ours(self, turn: _Turn, rest: Mapping[str, Any]) -> dict[str, Any] | None:
        """Read the tickets of one page of ours that have no pair; return what is to be done next,
        None = the partner does not answer."""
        page, ids = str(rest["page"]), [str(one) for one in rest.get("ids", ())]
        with turn.context.reading() as session:
            since = session.get_one(Connection, turn.key).created_at - CLOCKS
        if not ids:
            turn.budget.spend(calls=1)
            listed = turn.system.ours(since, page)
            page = listed.cursor
            with turn.context.reading() as session:
                ids = list(without_pair(session, turn.key, listed.ids))
        problem, left = self._reader.read_all(
            turn.context, turn.key, turn.system, ids, {}, turn.budget
        )
        if problem is None:
            return None
        self._note_unread(turn.context, turn.key, problem)
        if left:
            return {"connection": turn.key, "page": page, "ids": list(left)}
        return {"connection": turn.key} | ({"page": page} if page else {"after": 0})

    def _compare_pairs(self, turn: _Turn, rest: Mapping[str, Any]) -> dict[str, Any] | None:
        """Read the tickets of the next pairs, and compare them; return what is to be done next,
        None = the partner does not answer."""
        after, gone = int(rest["after"]), [str(one) for one in rest.get("gone", ())]
        with turn.context.reading() as session:
            pairs = session.execute(
                select(TicketPair.id, TicketPair.their_id, TicketPair.ticket_number)
                .join(Ticket, Ticket.number == TicketPair.ticket_number)
                .where(
                    TicketPair.connection_id == turn.key,
                    TicketPair.id > after,
                    is_compared(turn.context.now()),
                )
                .order_by(TicketPair.id)
                .limit(_AT_ONCE)
            ).all()
        ids = [their_id or "" for _pair, their_id, _number in pairs]
        problem, left = self._reader.read_all(
            turn.context, turn.key, turn.system, ids, {}, turn.budget, gone
        )
        if len(gone) >= MOST_GONE:
            reason = f"Their tickets {', '.join(gone)} are gone: it may have lost data"
            with turn.context.transaction() as session:
                stop_connection(session.get_one(Connection, turn.key), reason, turn.context.now())
            return None
        if problem is None:
            return None
        done = pairs[: len(pairs) - len(left)]
        numbers = () if turn.system.traits.lists_ours else [number for _p, _t, number in done]
        if not self._find_others(turn, numbers):
            return None
        with turn.context.transaction() as session:
            connection = session.get_one(Connection, turn.key)
            note_compared(session, connection, [one for one, _t, _n in done], turn.context.now())
        if len(pairs) < _AT_ONCE and not left:
            return {"connection": turn.key, "others": 0}
        after = done[-1].id if done else after
        return {"connection": turn.key, "after": after, "gone": gone}

    def _find_others(self, turn: _Turn, numbers: Sequence[int]) -> bool:
        """If ours cannot be listed: read those found by the reference of each that have no pair.
        False = the partner does not answer."""
        for number in numbers:
            turn.budget.spend(calls=1)
            found = turn.system.find(reference_of(number))
            with turn.context.reading() as session:
                ids = without_pair(session, turn.key, found)
            while ids:  # few, and not found again by the rest of the turn
                problem, ids = self._reader.read_all(
                    turn.context, turn.key, turn.system, ids, {}, turn.budget
                )
                if problem is None:
                    return False
                self._note_unread(turn.context, turn.key, problem)
        return True

    def _read_others(self, turn: _Turn, rest: Mapping[str, Any]) -> dict[str, Any] | None:
        """Read the next recorded tickets without a pair that no earlier step read: one that no
        longer exists there is forgotten. Return what is to be done next, {} = nothing, None = no
        answer."""
        after = int(rest["others"])
        with turn.context.reading() as session:
            found = newest_comparison(session.get_one(Connection, turn.key))
            began = found.began_at if found is not None else turn.context.now()
            rows = unread_others(session, turn.key, began, after, _AT_ONCE)
        ids = [their_id for _id, their_id in rows]
        problem, left = self._reader.read_all(
            turn.context, turn.key, turn.system, ids, {}, turn.budget
        )
        if problem is None:
            return None
        done = rows[: len(rows) - len(left)]
        return {"connection": turn.key, "others": done[-1][0] if done else after} if rows else {}

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
