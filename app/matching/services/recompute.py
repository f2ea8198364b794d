"""Recomputes stale links: the only way in which matches, losses of service and duties follow
events, tickets, people's decisions, rules, registry and calendar.

The transaction of a ticket or event does nothing for the figures. Each process that updates them (a
worker's listener, a page, the command) reads the change log from a cursor on, and marks the links
that the changes affect. If only tickets changed, the same process computes the detected events that
they touch, on links that were not stale before; if it is interrupted, the link is stale like any
other. A stale link is recomputed completely: its difference from what is stored is found by
reading, without blocking others, and written in short transactions; the link is stale until the
last of them. So nothing is lost if a process dies, and two that recompute the same link at the same
time cannot mix their results: the second one notices that the link's mark has changed.

What else is computed for each link comes from rooms above (``STEPS``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from time import sleep
from typing import Final, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.rules.hooks import Hook
from app.events.models.events import Event
from app.matching.services.affected_links import (
    Span,
    Target,
    Touched,
    affected_by_tickets,
    affected_links,
    all_targets,
    has_moved,
    targets_between,
)
from app.matching.services.matches import difference_by_tickets, difference_of
from app.matching.services.stale_links import (
    ConcurrentUpdate,
    Freshness,
    claim,
    clear_stale,
    computed_at,
    freshness,
    keep_computed_at,
    lock,
    mark_of,
    mark_stale,
    move_cursor,
    next_span,
    stale_targets,
)
from app.tickets.models.tickets import TicketLink

AT_ONCE: Final = 20
"""Links that a page recomputes itself; if more are stale, it shows the figures as they are."""
MAX_ROWS: Final = 2_000
"""Events and tickets of the links that a page recomputes; larger ones are left to a worker."""
MAX_BY_HAND: Final = 10_000
"""Events and tickets of a link that is recomputed with a decision by hand."""
MAX_PENDING: Final = 2_000
"""Changes after the cursor that a page examines itself."""
PAUSE: Final = 0.01
"""Seconds between two transactions: a process that waits for SQLite's lock has to wake up first,
and would find it locked again by one that requests it at once."""

Batch = Callable[[Session], Collection[Target] | None]
"""Writes a few rows, in the caller's transaction; returns other targets that become stale."""


class Transactions(Protocol):
    """Where sessions come from: ``Context`` of the jobs and ``ShortTransactions`` of the
    database."""

    def reading(self) -> AbstractContextManager[Session]:
        """A session for reading."""

    def transaction(self) -> AbstractContextManager[Session]:
        """A session with one write transaction, committed at the end."""


def _match(session: Session, target: Target, now: datetime) -> Iterable[Batch]:
    return [one.write for one in difference_of(session, target, now).batches()]


AFFECTED: Final[Hook[[Session, Span, datetime], Collection[Target]]] = Hook("AFFECTED")
"""The targets that changes of the log, or time alone, make stale in addition to matching's."""
STEPS: Final[Hook[[Session, Target, datetime], Iterable[Batch]]] = Hook("STEPS")
"""What is computed for each link after its matches, in this order; without it nothing is."""
STEPS_BY_TICKETS: Final[Hook[[Session, Target, Collection[int], datetime], Iterable[Batch]]] = Hook(
    "STEPS_BY_TICKETS"
)
"""The same of detected events whose tickets are others now, and nothing else of them."""


def _always() -> bool:
    return True


def recompute_link(
    transactions: Transactions,
    target: Target,
    now: datetime,
    may_write: Callable[[], bool] = _always,
) -> None:
    """Recompute a stale link or site completely as of ``now`` (UTC), and clear its mark.

    ``may_write`` is called before each write transaction; if it returns False, the link stays
    stale. Raises ``ConcurrentUpdate`` if another process marked or recomputed it meanwhile.
    """
    mark: int | None = None
    steps = (_match, *STEPS.functions)
    for step in steps:
        with transactions.reading() as session:
            if mark is None and (mark := mark_of(session, target)) is None:
                return
            batches = deque(step(session, target, now))
        is_last = step is steps[-1]
        while batches or is_last:
            if not may_write():
                return
            with transactions.transaction() as session:
                mark = claim(session, target, mark)
                if batches:
                    mark_stale(session, {*(batches.popleft()(session) or ())} - {target})
                if is_last and not batches:
                    clear_stale(session, target)
                    _finish(session, now)
                    return


@dataclass(frozen=True)
class _Marked:
    """A link that was marked only because of changed tickets."""

    mark: int
    touched: Touched


def _recompute_touched(
    transactions: Transactions,
    marked: Mapping[Target, _Marked],
    now: datetime,
    may_write: Callable[[], bool] = _always,
) -> None:
    """Compute the detected events that tickets touch, and clear the marks of their links. Returns
    those that another process marked or claimed since, and those that have to be computed
    completely."""
    for target, one in sorted(marked.items()):
        with transactions.reading() as session:
            if mark_of(session, target) != one.mark:
                continue
            found = difference_by_tickets(session, target, one.touched, now)
        if found is None:
            continue
        if not may_write():
            return
        with suppress(ConcurrentUpdate), transactions.transaction() as session:
            claim(session, target, one.mark)
            found.write(session)
            if events := {row[0] for row in (*found.pairs_on, *found.pairs_off)}:
                for write in STEPS_BY_TICKETS.one(session, target, events, now):
                    write(session)
            clear_stale(session, target)
            _finish(session, now)


def follow(
    transactions: Transactions,
    clock: Callable[[], datetime],
    *,
    is_ending: Callable[[], bool] = lambda: False,
    report: Callable[[Freshness], None] | None = None,
) -> None:
    """Examine all new changes, and recompute what is stale, in many transactions (``clock`` returns
    UTC).

    ``report`` gets the freshness after each link. Returns early when ``is_ending``.
    """

    def may_write() -> bool:
        sleep(PAUSE)
        return not is_ending()

    while not is_ending():
        now = clock()
        later, marked = _mark_affected(transactions, now)
        if later:
            continue  # more changes: otherwise the same links would be recomputed again and again
        _recompute_touched(transactions, marked, now, may_write)
        with transactions.reading() as session:
            targets = stale_targets(session)
        for target in targets:
            if is_ending():
                return
            try:
                recompute_link(transactions, target, now, may_write)
            except ConcurrentUpdate:
                continue  # the other process writes it, or it is marked again
            if report is not None:
                with transactions.reading() as session:
                    report(freshness(session))
        if not targets:
            return


def _mark_affected(
    transactions: Transactions, now: datetime
) -> tuple[int, Mapping[Target, _Marked]]:
    """Mark what the next changes affect, and what time alone makes stale; return how many changes
    follow these, and what is marked only because of tickets."""
    marked: Mapping[Target, _Marked] = {}
    with transactions.reading() as session:
        span, later = next_span(session)
        targets, touched = _affected_by(session, span, now)
        if span.begins == span.ends:
            targets -= {*stale_targets(session)}
            if not targets and computed_at(session) is not None:
                return later, marked
    with transactions.transaction() as session:
        lock(session)
        if next_span(session)[0].begins == span.begins:  # otherwise another process examined them
            marked = _mark(session, targets, touched)
            move_cursor(session, span)
            _finish(session, now)
    return later, marked


def _mark(
    session: Session, targets: set[Target], touched: Mapping[Target, Touched]
) -> Mapping[Target, _Marked]:
    """Mark all these; return those that were not stale and only touched by tickets."""
    stale = {*stale_targets(session)} if touched else set()
    marks = mark_stale(session, targets | touched.keys())
    return {
        target: _Marked(marks[target], one)
        for target, one in touched.items()
        if target not in targets | stale
    }


def _finish(session: Session, now: datetime) -> int:
    """Record that everything is recomputed up to ``now``, if nothing is stale or pending; return
    how much is stale."""
    state = freshness(session)
    if state.is_fresh:
        keep_computed_at(session, now)
    return state.stale


def _affected_by(
    session: Session, span: Span, now: datetime
) -> tuple[set[Target], Mapping[Target, Touched]]:
    """What has to be computed completely, and what only tickets touch."""
    # read first: what is recomputed meanwhile is either still stale, or has been written
    begun = {*stale_targets(session)} if span.begins != span.ends else set()
    whole = {*begun} if has_moved(session, span) else set()
    whole |= affected_links(session, span, now) | {*AFFECTED.one(session, span, now)}
    by_tickets, touched = affected_by_tickets(session, span, now, begun)
    whole |= by_tickets
    return whole, {target: one for target, one in touched.items() if target not in whole}


# ---- in the transaction of a page, or of a decision by hand


class _Within:
    """A transaction of the caller, who holds the lock."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Its session."""
        yield self._session

    transaction = reading


def bring_up_to_date(
    session: Session,
    now: datetime,
    *,
    most: int = AT_ONCE,
    everything: bool = False,
    waits: bool = True,
) -> Freshness:
    """Examine the next changes, and recompute up to ``most`` links; in the caller's transaction,
    which may write. Call it again while it returns that something is pending or stale.

    ``everything`` marks all links first. Without ``waits`` nothing is done while another process
    does it, and links with very many rows are left to a worker.
    """
    if not lock(session, waits=waits):
        return freshness(session)
    session.flush()
    span, later = next_span(session)
    targets, touched = _affected_by(session, span, now)
    if everything:
        targets |= all_targets(session)
    marked = _mark(session, targets, touched)
    move_cursor(session, span)
    if most > 0 and not later:
        _recompute_touched(_Within(session), marked, now)
    while most > 0 and not later and (targets := {*stale_targets(session, most)}):
        most -= len(targets)
        for target in sorted(targets):
            if waits or count_rows(session, {target}, MAX_ROWS) <= MAX_ROWS:
                recompute_link(_Within(session), target, now)
    left = _finish(session, now)
    return Freshness(computed_at(session), later, left)


def recompute_by_hand(session: Session, target: Target, now: datetime) -> None:
    """Recompute a link or site at once, in the caller's transaction, after a decision by hand.

    If it has very many events and tickets, it is marked and left to a worker. Call ``lock`` before
    the decision is written.
    """
    session.flush()
    mark_stale(session, {target})
    if count_rows(session, {target}, MAX_BY_HAND) <= MAX_BY_HAND:
        recompute_link(_Within(session), target, now)


def mark_between(session: Session, begin: datetime | None, end: datetime | None) -> int:
    """Mark what has events that start from ``begin`` until before ``end`` (None = no limit); return
    how many links and sites."""
    lock(session)
    everything = begin is end is None
    targets = all_targets(session) if everything else targets_between(session, begin, end)
    mark_stale(session, targets)
    return len(targets)


@dataclass(frozen=True)
class Pending:
    """What has to be done next, read without writing."""

    targets: frozenset[Target]
    """What is stale, or will be after the next changes."""
    later: int
    """Later changes, not examined yet."""
    rows: int
    """Events and tickets of those that are computed completely; counting stops soon after
    ``MAX_ROWS``."""

    @property
    def is_much(self) -> bool:
        """Whether it is too much for a page."""
        return len(self.targets) > AT_ONCE or self.rows > MAX_ROWS

    @property
    def is_empty(self) -> bool:
        """Whether the figures would stay as they are."""
        return not (self.targets or self.later)


def pending(session: Session, now: datetime) -> Pending:
    """What has to be done next."""
    span, later = next_span(session)
    whole, touched = _affected_by(session, span, now)
    whole |= {*stale_targets(session)}
    targets = frozenset(whole | touched.keys())
    return Pending(targets, later, count_rows(session, whole, MAX_ROWS))


def count_rows(session: Session, targets: Collection[Target], limit: int) -> int:
    """The number of events of these, and of tickets that name them; counting stops soon after
    ``limit``."""
    sites = {key for kind, key in targets if kind == "site"}
    links = {key for kind, key in targets if kind == "link"}
    counted = 0
    for column, keys in (
        (Event.link_id, links),
        (TicketLink.link_id, links),
        (Event.site_id, sites),
    ):
        if keys and counted <= limit:
            some = select(column).where(column.in_(keys)).limit(limit + 1).subquery()
            counted += session.scalar(select(func.count()).select_from(some)) or 0
    return counted
