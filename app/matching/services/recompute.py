"""Recomputes stale links: the one way by which matches, losses of service and duties follow events,
tickets, people's decisions, rules, registry and calendar.

A ticket's or event's own transaction does nothing for the figures. Whoever brings them up to date
(a worker's listener, a page, the command) reads on from a cursor on the change log, and marks the
links that the changes concern. Where only tickets changed, the same process computes the detected
events that these touch, of links that were not stale before; if it does not get to that, the link
is stale as any other. A stale link is recomputed whole: what it differs by is found by
reading, beside all others, and written in short transactions; it is stale until the last of them.
So nothing is lost whenever somebody dies, and two that recompute the same link at once cannot mix
what they write: the second one notices that the link's mark is not what it was.

What else is computed per link is named by whoever composes a process (``DERIVED``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from time import sleep
from typing import Final, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

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
"""Links that a page recomputes itself; with more of them stale, it shows what stands."""
MAX_ROWS: Final = 2_000
"""Events and tickets of the links that a page recomputes; links of more are left to a worker."""
MAX_BY_HAND: Final = 10_000
"""Events and tickets of a link that is recomputed with a decision by hand."""
MAX_PENDING: Final = 2_000
"""Changes behind the cursor that a page looks through itself."""
PAUSE: Final = 0.01
"""Seconds between two transactions: who waits for SQLite's lock has to wake up first, and would
find it taken again by who asks at once."""

Batch = Callable[[Session], Collection[Target] | None]
"""Writes a few rows, in the caller's transaction; other targets that are stale by that."""
Step = Callable[[Session, Target, datetime], Iterable[Batch]]
"""Finds out by reading what is to be written of a target, as of a time (UTC)."""
StepByTickets = Callable[[Session, Target, Collection[int], datetime], Iterable[Batch]]
"""The same of detected events whose tickets are others now, and nothing else of them."""
Affected = Callable[[Session, Span, datetime], Collection[Target]]
"""The targets that changes of the log, or time alone, make stale beside those of matching."""


class Transactions(Protocol):
    """How sessions are had: ``Context`` of the jobs and ``ShortTransactions`` of the database."""

    def reading(self) -> AbstractContextManager[Session]:
        """A session to read with."""

    def transaction(self) -> AbstractContextManager[Session]:
        """A session with one write transaction, committed at its end."""


def _match(session: Session, target: Target, now: datetime) -> Iterable[Batch]:
    return [one.write for one in difference_of(session, target, now).batches()]


class Derived:
    """What other rooms compute per link from its matches: what makes it stale beside what makes the
    matches stale, and its steps, which follow them in this order."""

    def __init__(self) -> None:
        self.affected: Affected | None = None
        self.steps: Sequence[Step] = ()
        self.by_tickets: StepByTickets | None = None

    def set(self, affected: Affected, by_tickets: StepByTickets, *steps: Step) -> None:
        """This and nothing else."""
        self.affected, self.by_tickets, self.steps = affected, by_tickets, steps


DERIVED: Final = Derived()
"""Filled by whoever composes a process; without it nothing is recomputed."""


def _always() -> bool:
    return True


def recompute_link(
    transactions: Transactions,
    target: Target,
    now: datetime,
    may_write: Callable[[], bool] = _always,
) -> None:
    """Recompute a stale link or site whole as of ``now`` (UTC), and clear its mark.

    ``may_write`` is asked before each transaction that writes; where it says no, the link stays
    stale. Raises ``ConcurrentUpdate`` where somebody else marked or recomputed it meanwhile.
    """
    mark: int | None = None
    for step in (_match, *DERIVED.steps):
        with transactions.reading() as session:
            if mark is None and (mark := mark_of(session, target)) is None:
                return
            batches = deque(step(session, target, now))
        is_last = step is DERIVED.steps[-1]
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
    """A link that was marked by changes of tickets alone."""

    mark: int
    touched: Touched


def _recompute_touched(
    transactions: Transactions,
    marked: Mapping[Target, _Marked],
    now: datetime,
    may_write: Callable[[], bool] = _always,
) -> None:
    """Compute the detected events that tickets touch, and clear the marks of their links. Left are
    those that somebody marked or took since, and those that are to be computed whole."""
    assert DERIVED.by_tickets is not None, "nobody said what is computed with the matches"
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
                for write in DERIVED.by_tickets(session, target, events, now):
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
    """Look through all changes that are there, and recompute what is stale, in many transactions
    (``clock`` gives UTC).

    ``report`` gets the freshness after each link. Returns early when ``is_ending``.
    """

    def may_write() -> bool:
        sleep(PAUSE)
        return not is_ending()

    while not is_ending():
        now = clock()
        later, marked = _mark_affected(transactions, now)
        if later:
            continue  # more changes: else the same links would be recomputed again and again
        _recompute_touched(transactions, marked, now, may_write)
        with transactions.reading() as session:
            targets = stale_targets(session)
        for target in targets:
            if is_ending():
                return
            try:
                recompute_link(transactions, target, now, may_write)
            except ConcurrentUpdate:
                continue  # the other one writes it, or it comes again
            if report is not None:
                with transactions.reading() as session:
                    report(freshness(session))
        if not targets:
            return


def _mark_affected(
    transactions: Transactions, now: datetime
) -> tuple[int, Mapping[Target, _Marked]]:
    """Mark what the next changes concern, and what time alone makes stale; how many changes are
    behind these, and what is marked by tickets alone."""
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
        if next_span(session)[0].begins == span.begins:  # else another looked through them
            marked = _mark(session, targets, touched)
            move_cursor(session, span)
            _finish(session, now)
    return later, marked


def _mark(
    session: Session, targets: set[Target], touched: Mapping[Target, Touched]
) -> Mapping[Target, _Marked]:
    """Mark all these; those that were not stale, and only tickets touched."""
    stale = {*stale_targets(session)} if touched else set()
    marks = mark_stale(session, targets | touched.keys())
    return {
        target: _Marked(marks[target], one)
        for target, one in touched.items()
        if target not in targets | stale
    }


def _finish(session: Session, now: datetime) -> int:
    """Keep that everything is recomputed up to ``now``, if nothing is stale or pending; how much is
    stale."""
    state = freshness(session)
    if state.is_fresh:
        keep_computed_at(session, now)
    return state.stale


def _affected_by(
    session: Session, span: Span, now: datetime
) -> tuple[set[Target], Mapping[Target, Touched]]:
    """What is to be computed whole, and what tickets alone touch."""
    assert DERIVED.affected is not None, "nobody said what is computed with the matches"
    # read first: what is recomputed meanwhile either is stale still, or has been written
    begun = {*stale_targets(session)} if span.begins != span.ends else set()
    whole = {*begun} if has_moved(session, span) else set()
    whole |= affected_links(session, span, now) | {*DERIVED.affected(session, span, now)}
    by_tickets, touched = affected_by_tickets(session, span, now, begun)
    whole |= by_tickets
    return whole, {target: one for target, one in touched.items() if target not in whole}


# ---- in the transaction of a page, or of a decision by hand


class _Within:
    """One transaction of somebody else, who holds the lock."""

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
    """Look through the next changes, and recompute up to ``most`` links; in the caller's
    transaction, which may write. Call again while it answers that something is pending or stale.

    ``everything`` marks all links first. Without ``waits`` nothing is done while somebody else
    does it, and links of very many rows are left to a worker.
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

    Where it has very many events and tickets it is marked, and left to a worker. Call ``lock``
    before the decision is written.
    """
    session.flush()
    mark_stale(session, {target})
    if count_rows(session, {target}, MAX_BY_HAND) <= MAX_BY_HAND:
        recompute_link(_Within(session), target, now)


def mark_between(session: Session, begin: datetime | None, end: datetime | None) -> int:
    """Mark what has events that begin from ``begin`` until before ``end`` (None = however early or
    late); how many links and sites that are."""
    lock(session)
    everything = begin is end is None
    targets = all_targets(session) if everything else targets_between(session, begin, end)
    mark_stale(session, targets)
    return len(targets)


@dataclass(frozen=True)
class Pending:
    """What there is to do next, read without writing."""

    targets: frozenset[Target]
    """What is stale, or will be by the next changes."""
    later: int
    """Changes behind those, at which nobody looked."""
    rows: int
    """Events and tickets of those that are computed whole; few more than ``MAX_ROWS`` are
    counted."""

    @property
    def is_much(self) -> bool:
        """Whether it is too much for a page."""
        return len(self.targets) > AT_ONCE or self.rows > MAX_ROWS

    @property
    def is_empty(self) -> bool:
        """Whether the figures would stay as they are."""
        return not (self.targets or self.later)


def pending(session: Session, now: datetime) -> Pending:
    """What there is to do next."""
    span, later = next_span(session)
    whole, touched = _affected_by(session, span, now)
    whole |= {*stale_targets(session)}
    targets = frozenset(whole | touched.keys())
    return Pending(targets, later, count_rows(session, whole, MAX_ROWS))


def count_rows(session: Session, targets: Collection[Target], limit: int) -> int:
    """The events of these, and the tickets that name them; few more than ``limit`` are counted."""
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
