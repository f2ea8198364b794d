"""Brings matching and duties up to date as a worker does it: nobody waits long for it.

What is to be written is found out by reading, beside all others, and is written in parts, each in
a short transaction of its own. What is noted as stale is struck off with the last of its parts: as
long as some of it is not written, pages say that newer changes are being worked in, and who finds
it after a death in the middle reckons it anew and writes what is missing.

Each such transaction makes sure that nobody else wrote kept results since they were read (the turn
of ``app.matching.services.matching``). If somebody did, it is all found out anew: what they wrote
stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import random
from time import monotonic, sleep
from typing import Final, Protocol

from sqlalchemy.orm import Session

from app.duties.services.derived import DUTY
from app.duties.services.results import (
    Draft,
    Judgement,
    draft,
    judgement_at,
    keep_sums,
    losses_of_links,
)
from app.duties.services.rows import Difference as DutiesDifference
from app.duties.services.rows import write_duties
from app.duties.services.service_losses import Difference as LossesDifference
from app.duties.services.service_losses import write_losses
from app.matching.services.affected_links import Thing
from app.matching.services.matching import (
    Freshness,
    finish,
    freshness,
    move_cursor,
    next_span,
    note_stale,
    stale_things,
    strike_off,
    take_turn,
    tell_figures,
    touched_by,
    turn_now,
)
from app.matching.services.recompute import difference_of
from app.matching.services.result_diff import Difference, write
from app.matching.services.rules import rules_in_order
from app.matching.services.tickets import difference_of_tickets

MOST_WRITTEN: Final = 2_000
"""Rows that one transaction writes."""
MOST_PATIENCE: Final = 30.0
"""Seconds for which somebody who was overtaken gives way at most."""
BREATH: Final = 0.01
"""Seconds between two transactions: who waits for SQLite's gate has to wake up first, and would
find it closed again by who asks at once."""
LINKS_AT_ONCE: Final = 20
"""Links that are reckoned before something is written, if they differ in few rows."""


class Turns(Protocol):
    """How sessions are had: ``Context`` of the jobs and ``InTurn`` of the database."""

    def reading(self) -> AbstractContextManager[Session]:
        """A session to read with."""

    def writing(self) -> AbstractContextManager[Session]:
        """A session with one write transaction, committed at its end."""


class _Overtaken(Exception):
    """Another wrote kept results since they were read."""


class _Ended(Exception):
    """Whoever follows is to end."""


@dataclass(frozen=True)
class _Chunk:
    """Rows that are written in one transaction, perhaps with others."""

    rows: int
    write: Callable[[Session], None]


def _never() -> bool:
    return False


def follow(
    turns: Turns,
    clock: Callable[[], datetime],
    *,
    is_ending: Callable[[], bool] = _never,
    tell: Callable[[Freshness], None] | None = None,
) -> None:
    """Work in all changes that are there, and what time alone has changed (``clock`` gives UTC).

    ``tell`` is told how things stand after each step. Returns early when ``is_ending``.
    """
    state: Freshness | None = None
    while (state is None or not state.is_fresh) and not is_ending():
        began = monotonic()
        try:
            state = _Step(turns, clock(), is_ending).work()
        except _Overtaken:
            _give_way(monotonic() - began, is_ending)
            continue
        except _Ended:
            return
        if tell is not None:
            tell(state)


def _give_way(seconds: float, is_ending: Callable[[], bool]) -> None:
    """Wait for as long as the other may need who began meanwhile: two that began again at once
    would overtake each other for ever."""
    until = monotonic() + min(seconds * (1 + random()), MOST_PATIENCE)  # noqa: S311  # no secret
    while (left := until - monotonic()) > 0 and not is_ending():
        sleep(min(left, 0.1))


class _Step:
    """Looks through the next changes, and reckons some of what is stale."""

    def __init__(self, turns: Turns, now: datetime, is_ending: Callable[[], bool]) -> None:
        self._turns, self._now, self._is_ending = turns, now, is_ending
        self._turn: int | None = None
        self._later = 0

    def work(self) -> Freshness:
        """Do so; how things stand then, without what changed meanwhile."""
        self._work_in_changes()
        if not self._later and not self._reckon_links():
            self._reckon_duties()
        with self._turns.reading() as session:
            found = freshness(session)
        return Freshness(found.computed_at, self._later, found.stale)

    # ---- what changed

    def _work_in_changes(self) -> None:
        tickets: dict[Thing, Difference] = {}
        with self._turns.reading() as session:
            self._look(session)
            span, self._later = next_span(session)
            touched = touched_by(session, span, self._now)
            stale = {*stale_things(session)}
            whole = touched.things - stale
            if span.begins == span.ends and not whole:
                return
            rules = rules_in_order(session)
            # what is reckoned whole has their matches anyway
            for thing in sorted(touched.of_tickets - touched.things - stale):
                tickets[thing] = difference_of_tickets(
                    session, *thing, touched.tickets, rules, self._now
                )
        at_once, later = _that_fit(tickets)

        def move(session: Session) -> None:
            note_stale(session, {*whole, *later})
            move_cursor(session, span)
            for thing in at_once:
                self._write(thing, tickets[thing], session)

        self._commit([move, self._finish])
        if later:
            self._commit_all(self._chunks({thing: tickets[thing] for thing in later}))

    # ---- what is reckoned whole

    def _reckon_links(self) -> bool:
        """Reckon some of the links and sites that are stale; False if there is none."""
        found: dict[Thing, Difference] = {}
        with self._turns.reading() as session:
            self._look(session)
            rules = rules_in_order(session)
            rows, taken = 0, set[int]()
            for thing in stale_things(session, ("link", "site"), LINKS_AT_ONCE):
                difference = difference_of(session, *thing, rules, self._now)
                if taken & difference.ids:
                    break  # an event that moved: where it was before, then where it is
                taken |= difference.ids
                found[thing] = difference
                rows += difference.size
                if rows > MOST_WRITTEN:
                    break
        if found:
            self._commit_all(self._chunks(found))
        return bool(found)

    def _chunks(self, differences: Mapping[Thing, Difference]) -> Iterator[_Chunk]:
        for thing, difference in differences.items():
            for part in difference.parts(MOST_WRITTEN):
                yield _Chunk(part.size, partial(self._write, thing, part))
            yield _Chunk(0, partial(_strike_off, {thing}))

    def _write(self, thing: Thing, difference: Difference, session: Session) -> None:
        tell_figures(session, thing, write(session, thing, difference), self._now)

    # ---- duties

    def _reckon_duties(self) -> None:
        with self._turns.reading() as session:
            self._look(session)
            things = stale_things(session, (DUTY,), LINKS_AT_ONCE)
            if not things:
                return
            links = {key for _, key in things}
            judgement = judgement_at(session, self._now)
            losses = losses_of_links(session, judgement, links)
        if losses.size:
            also = {(DUTY, link) for link in losses.links}
            chunks = [
                _Chunk(one.size, partial(_write_losses, one)) for one in losses.parts(MOST_WRITTEN)
            ]
            self._commit_all([_Chunk(0, partial(_note_stale, also)), *chunks])
        known = {key for key in links if key in judgement.registry.links}
        left = sorted(known | losses.links)
        while left:
            drafts = self._drafts(judgement, left)
            left = left[len(drafts) :]
            self._commit_all(_chunks_of_duties(drafts))
        if unknown := links - known:
            gone = {(DUTY, one) for one in unknown}
            self._commit([partial(_strike_off, gone), self._finish])

    def _drafts(self, judgement: Judgement, links: Sequence[int]) -> Sequence[Draft]:
        """Of the first of these links, as many as differ in few rows."""
        found: list[Draft] = []
        with self._turns.reading() as session:
            self._look(session)
            rows, taken = 0, set[int]()
            for link in links[:LINKS_AT_ONCE]:
                drafted = draft(session, judgement, (link,))
                if taken & drafted.duties.events:
                    break
                taken |= drafted.duties.events
                found.append(drafted)
                rows += drafted.duties.size
                if rows > MOST_WRITTEN:
                    break
        return found

    # ---- turns

    def _look(self, session: Session) -> None:
        """Read whose turn it is, before anything else: what is read holds as long as that does."""
        turn = turn_now(session)
        if self._turn is None:
            self._turn = turn
        elif self._turn != turn:
            raise _Overtaken

    def _commit_all(self, chunks: Iterable[_Chunk]) -> None:
        """Write them in order, in transactions of at most so many rows."""
        some: list[Callable[[Session], None]] = []
        rows = 0
        for chunk in chunks:
            if some and rows + chunk.rows > MOST_WRITTEN:
                self._commit(some)
                sleep(BREATH)
                some, rows = [], 0
            some.append(chunk.write)
            rows += chunk.rows
        self._commit([*some, self._finish])

    def _commit(self, writes: Iterable[Callable[[Session], None]]) -> None:
        if self._is_ending():
            raise _Ended
        with self._turns.writing() as session:
            turn = take_turn(session)
            if turn - 1 != self._turn:
                raise _Overtaken
            for one in writes:
                one(session)
        self._turn = turn

    def _finish(self, session: Session) -> None:
        finish(session, self._now, self._later)


def _that_fit(differences: Mapping[Thing, Difference]) -> tuple[Collection[Thing], Sequence[Thing]]:
    """Those that fit into one transaction together, and the others."""
    fit, rows = [], 0
    for thing, difference in differences.items():
        if rows + difference.size <= MOST_WRITTEN:
            fit.append(thing)
            rows += difference.size
    return fit, [thing for thing in differences if thing not in fit]


def _chunks_of_duties(drafts: Iterable[Draft]) -> Iterator[_Chunk]:
    for drafted in drafts:
        for part in drafted.duties.parts(MOST_WRITTEN):
            yield _Chunk(part.size, partial(_write_duties, part))
        yield _Chunk(len(drafted.sums), partial(_end_duties, drafted))


def _write_losses(part: LossesDifference, session: Session) -> None:
    write_losses(session, part)


def _write_duties(part: DutiesDifference, session: Session) -> None:
    write_duties(session, part)


def _end_duties(drafted: Draft, session: Session) -> None:
    keep_sums(session, drafted)
    strike_off(session, {(DUTY, link) for link in drafted.links})


def _note_stale(things: Collection[Thing], session: Session) -> None:
    note_stale(session, things)


def _strike_off(things: Collection[Thing], session: Session) -> None:
    strike_off(session, things)
