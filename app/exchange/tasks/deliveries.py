"""The worker's deliveries to partners: one pair at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid, PortalError
from app.core.traces import Trace, resumed, traceparent
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.budget import Budget, Turns, Way
from app.exchange.rules.entries import EntryKind
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.pairs import PairState, PairStep
from app.exchange.rules.partner import CallFailed, PartnerSystem
from app.exchange.services.deliveries import (
    FAILURES_TO_REST,
    NOT_LOGGED_IN,
    Claim,
    begin_create,
    claim,
    locked_pair,
    may_call,
    note_created,
    note_failed,
    note_failure,
    note_found,
    note_looked,
    note_not_carried,
    note_sent,
    note_success,
    pairs_that_wait,
    stop_connection,
    wake_at,
)
from app.exchange.services.endings import END_PAIRS, end_some_pairs
from app.exchange.services.hints import read_soon
from app.exchange.services.planning import (
    AT_ONCE,
    BEGIN_OPEN,
    JOB,
    LANES,
    begin_open_pairs,
    enqueue_lane,
    enqueue_pair,
    is_read,
    plan_next,
)
from app.exchange.services.reading import confirm, look
from app.exchange.tasks.reading import look_up, read_whole, take_read
from app.jobs.rules.followers import EXCHANGE
from app.jobs.services.queue import enqueue
from app.jobs.tasks.context import Context
from app.jobs.tasks.followers import follows

Opener: TypeAlias = Callable[[Context, Session, Connection], PartnerSystem]


@follows(EXCHANGE)
def plan_entries(context: Context) -> bool:
    """Plan the entries of the next changes; returns whether there were any."""
    with context.transaction() as session:
        return plan_next(session, context.now())


def begin_open(context: Context, arguments: Mapping[str, Any]) -> None:
    """Also exchange the open tickets, if a connection chooses all (a job). When the worker shuts
    down, another one does the rest."""
    after: int | None = int(arguments.get("after", 0))
    key = int(arguments["connection"])
    while after is not None:
        with context.transaction() as session:
            if context.is_ending():
                rest = {"connection": key, "after": after}
                enqueue(session, BEGIN_OPEN, rest, key=f"open tickets of connection {key}")
                return
            connection = session.get_one(Connection, key)
            after = begin_open_pairs(session, connection, after, context.now())


def end_pairs(context: Context, arguments: Mapping[str, Any]) -> None:
    """End every exchange of an ended connection (a job). When the worker shuts down, another one
    does the rest."""
    key, is_more = int(arguments["connection"]), True
    while is_more:
        with context.transaction() as session:
            if context.is_ending():
                enqueue(session, END_PAIRS, {"connection": key}, key=f"{END_PAIRS} {key}")
                return
            is_more = end_some_pairs(session, key, context.now())


def take_up(context: Context, arguments: Mapping[str, Any]) -> None:
    """Handle the set time of a pair (a job): it becomes due with the others of its lane, so that no
    two workers process it at the same time."""
    with context.transaction() as session:
        enqueue_pair(session, session.get_one(TicketPair, int(arguments["pair"])))


class Deliveries:
    """Delivers pairs. ``open_system`` returns the client of a connection's system."""

    def __init__(
        self,
        open_system: Opener,
        chance: Callable[[], float] = random.random,
        turns: Turns | None = None,
    ) -> None:
        self._open, self._chance, self._turns = open_system, chance, turns or Turns()

    def deliver(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Do everything that is due for one pair."""
        self._deliver(context, int(arguments["pair"]), None)

    def deliver_lane(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Do what is due in one lane of a connection's pairs, for a while (a job, one at a time for
        each lane). The rest is queued behind the jobs of others: a slow partner with much to be
        sent delays only itself."""
        key, lane = int(arguments["connection"]), int(arguments["lane"])
        with self._turns.turn(key, Way.OUT, context.now) as turn:
            if isinstance(turn, Budget):
                self._deliver_some(context, key, lane, turn)
                return
        with context.transaction() as session:
            enqueue_lane(session, key, lane, turn)

    def _deliver_some(self, context: Context, key: int, lane: int, budget: Budget) -> None:
        after = 0
        while True:
            with context.reading() as session:
                ids = pairs_that_wait(session, key, lane, after, AT_ONCE)
            for pair_id in ids:
                if context.is_ending() or budget.is_spent:
                    with context.transaction() as session:
                        enqueue_lane(session, key, lane)
                    return
                if not self._deliver(context, pair_id, budget):
                    return
            if len(ids) < AT_ONCE:
                return
            after = ids[-1]

    def _deliver(self, context: Context, pair_id: int, budget: Budget | None) -> bool:
        """Do what is due for one pair, until the budget is spent; return whether the partner may
        still be called."""
        system, was_read = None, False
        while not context.is_ending() and (budget is None or not budget.is_spent):
            with context.transaction() as session:
                pair = locked_pair(session, pair_id)
                if not may_call(pair.connection, context.now()):
                    return False
                try:
                    system = system or self._open(context, session, pair.connection)
                except Invalid as error:
                    stop_connection(pair.connection, error.message, context.now())
                    return False
                portal, now = context.settings.public_url, context.now()
                claimed = claim(session, pair_id, system.traits, now, portal, was_read=was_read)
                if claimed.step is PairStep.REST:
                    if claimed.until is not None:
                        # a key for each time: a late one does not block an earlier one
                        key = f"pair {pair_id} at {claimed.until:%Y%m%d%H%M%S%f}"
                        enqueue(session, JOB, {"pair": pair_id}, key=key, due=claimed.until)
                    return True
            was_read = False
            try:
                turn = budget or Budget(context.now)
                turn.spend(calls=1)
                was_read = self._step(context, pair_id, system, claimed, turn)
            except CallFailed as error:
                self._note_failed(context, claimed, pair_id, error.failure)
            except PortalError as error:  # its content cannot be stored here: a person is asked
                failure = Failure(Outcome.PERMANENT, error.message)
                self._note_failed(context, claimed, pair_id, failure)
        with context.transaction() as session:  # it continues behind others, or with another worker
            enqueue_pair(session, locked_pair(session, pair_id))
        return True

    def wake(self, context: Context, arguments: Mapping[str, Any]) -> None:
        """Check whether a partner's system answers again, and then do everything that waits (a
        job)."""
        key = int(arguments["connection"])
        with context.reading() as session:
            connection = session.get_one(Connection, key)
            until, is_open = connection.resting_until, may_call(connection, context.now())
        if not is_open:
            if until is not None:  # it rests for longer by now: once more at the end of that
                with context.transaction() as session:
                    wake_at(session, key, max(until, context.now()))
            return
        with context.reading() as session:
            connection = session.get_one(Connection, key)
            try:
                system = self._open(context, session, connection)
            except Invalid as error:
                reason = error.message
            else:
                reason, system_there = "", system
        if reason:
            with context.transaction() as session:
                stop_connection(session.get_one(Connection, key), reason, context.now())
            return
        problem = next((one.problem for one in islice(system_there.test(), 2) if one.problem), "")
        with context.transaction() as session:
            connection = session.get_one(Connection, key)
            if problem:
                failure = Failure(Outcome.TRANSIENT, problem)
                connection.failures = max(connection.failures, FAILURES_TO_REST - 1)
                note_failure(session, connection, failure, context.now(), self._chance())
                return
            note_success(connection)
            for lane in range(LANES):
                enqueue_lane(session, key, lane)

    def _note_failed(
        self, context: Context, claimed: Claim, pair_id: int, failure: Failure
    ) -> None:
        if failure.status == NOT_LOGGED_IN:  # it is not about this ticket: the connection rests
            failure = replace(failure, outcome=Outcome.TRANSIENT)
        with context.transaction() as session:
            note_failed(session, claimed, pair_id, failure, context.now(), self._chance())

    def _step(
        self,
        context: Context,
        pair_id: int,
        system: PartnerSystem,
        claimed: Claim,
        budget: Budget,
    ) -> bool:
        """Do what was claimed; return whether their ticket was read, and stored completely."""
        if claimed.step is PairStep.LOOK_UP:
            ids = look_up(context, system, pair_id, claimed, budget)
            with context.transaction() as session:
                state = note_found(session, pair_id, ids)
                if state is PairState.PAIRED:
                    _read_what_was_said(session, pair_id)
                if state is not PairState.CREATING:
                    return False
                claimed = begin_create(session, pair_id, context.now(), context.settings.public_url)
        if claimed.step is PairStep.CREATE and claimed.outgoing is not None:
            try:
                with _in_trace_of(claimed):
                    created = system.create(claimed.outgoing)
            except CallFailed as error:
                self._note_failed(context, claimed, pair_id, error.failure)
                return False
            with context.transaction() as session:
                note_created(session, claimed, pair_id, created, context.now())
        elif claimed.step is PairStep.SEND and claimed.outgoing is not None:
            if claimed.outgoing.kind is EntryKind.FIELDS and not claimed.outgoing.values:
                with context.transaction() as session:
                    note_not_carried(session, claimed, pair_id, context.now())
                return False
            with _in_trace_of(claimed):
                sent = system.send(claimed.their_id, claimed.outgoing)
            with context.transaction() as session:
                moves = note_sent(session, claimed, pair_id, sent, context.now())
                if moves:
                    _read_what_was_said(session, pair_id)
        elif claimed.step is PairStep.READ:
            return _read(context, pair_id, system, claimed, budget)
        return False


def _read(
    context: Context, pair_id: int, system: PartnerSystem, claimed: Claim, budget: Budget
) -> bool:
    """Read their ticket; return whether it was stored completely, if it is stored at all."""
    with context.reading() as session:
        connection = session.get_one(TicketPair, pair_id).connection
        connection_id, takes = connection.id, is_read(connection)
    ticket, stored = read_whole(context, system, connection_id, claimed.their_id, budget)
    if takes:
        taken = take_read(context, connection_id, ticket, stored, budget)
        if taken is None or not taken.is_whole:
            return False
    elif stored is not None:
        looked = look(stored, ticket)
        with context.transaction() as session:
            confirm(session, pair_id, ticket, context.now(), looked)
    with context.transaction() as session:
        note_looked(session, claimed, pair_id)
    return True


def _in_trace_of(claimed: Claim) -> AbstractContextManager[Trace]:
    """The call belongs to the request that wrote the change; if that is not known, to the job."""
    return resumed(claimed.trace or traceparent(), "exchange")


def _read_what_was_said(session: Session, pair_id: int) -> None:
    """A ticket that was found may have texts from before anybody here knew of it."""
    pair = locked_pair(session, pair_id)
    if pair.their_id and is_read(pair.connection):
        read_soon(session, pair.connection_id, pair.their_id)
