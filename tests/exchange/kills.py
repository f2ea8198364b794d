"""Layer 2 of the proof: the real code, killed at each of its points, on a real database.

One history of a ticket and its counterpart is played without a kill, which counts the points; then
once for each point, with the process killed there and begun anew. Both sides write and move it, and
the partner reopens what is closed where somebody writes: in the end both hold the same texts and
values.
``python -m tests.exchange.kills`` prints the table for both databases.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.exchange.models.pairs import Entry, TicketPair
from app.exchange.rules.entries import EntryKind
from app.exchange.rules.ledger import Origin
from app.exchange.rules.profiles import Row
from app.tickets.models.tickets import Ticket
from app.tickets.rules.marks import without_marks
from app.tickets.services.lifecycle import comment_ticket, move_ticket
from tests.exchange.exchange_world import PROFILE, Killed, World
from tests.harness import run
from tests.harness.databases import KINDS, fresh_database
from tests.harness.portal import kept_engine

OURS = ("The link is down.", "Any news?", "One more", "Any news?")
"""What is said here, the same thing twice."""
THEIRS = ("Any news?", "A splice failed", "A splice failed")
REPORT = "The report follows."
"""What is said here on the ticket that they closed."""
GOOD = "one pair, nothing lost, nothing doubled, values equal"
VALUES = replace(
    PROFILE,
    maps={
        "state": (
            *(Row("assigned", "assigned"), Row("new", "assigned", "out")),
            *(Row("in progress", "open"), Row("reopened", "open", "out")),
            Row("solved", "closed"),
        )
    },
)
_ROUNDS = 8
_BETWEEN_ROUNDS = 200
"""Seconds: more than it takes until a call's outcome is visible over there."""


@dataclass(frozen=True)
class Outcome:
    """What came of a history with the process killed at one point."""

    number: int
    """Which point of the history, from 1; 0 = it was not killed."""
    point: str
    """``before`` or ``after`` and the call or commit."""
    outcome: str

    def __str__(self) -> str:
        side, _, what = self.point.partition(" ")
        return f"{self.number} | {side} | {what or '-'} | {self.outcome}"


def every_kill(engine: Engine) -> Iterator[Outcome]:
    """The history without a kill, then with one at each point."""
    world = World(engine, VALUES)
    world.partner.states = (*world.partner.states, "open")
    world.partner.follow_ups = {"closed": "open"}
    _play(world, None)  # the first has more points: the partner's search is tried
    yield Outcome(0, "never", _play(world, None))
    count = len(world.points.passed)
    for point in range(1, count + 1):
        outcome = _play(world, point)
        yield Outcome(point, world.points.passed[point - 1], outcome)


def _play(world: World, point: int | None) -> str:
    world.points.passed.clear()
    world.points.at = None
    number = world.open("Link down", OURS[0])
    for text in OURS[1:]:
        world.do(comment_ticket, number, text)
        world.later(minutes=11)  # the same words by the same person are a repeat before
    world.do(move_ticket, number, "in progress")
    world.points.at = point
    for turn in range(_ROUNDS):
        with _may_be_killed():
            _turn(world, number)
        if turn == 2:
            for key in _counterparts(world, number):
                for text in THEIRS:
                    world.partner.comment(key, text)
                world.partner.move(key, "closed")
        if turn == 4:
            world.do(comment_ticket, number, REPORT)
        world.later(seconds=_BETWEEN_ROUNDS)
    return _outcome(world, number)


def _turn(world: World, number: int) -> None:
    world.deliver(number)
    pair = world.pair_of(number)
    if pair is not None and pair.their_id is not None:
        world.read(pair.their_id)


@contextmanager
def _may_be_killed() -> Iterator[None]:
    try:
        yield
    except Killed:
        return


def _counterparts(world: World, number: int) -> Sequence[int]:
    reference = re.compile(rf"LHCOPN#{number}/1\)$")
    return [
        key
        for key, ticket in world.partner.tickets.items()
        if reference.search(ticket.articles[0]["body"])
    ]


def _outcome(world: World, number: int) -> str:
    """Compare both sides, by what they hold and not by what was recorded of it."""
    keys = _counterparts(world, number)
    if len(keys) != 1:
        return f"{len(keys)} tickets there"
    there = world.partner.tickets[keys[0]]
    texts = Counter(without_marks(article["body"]) for article in there.articles)
    wanted = Counter((*OURS, *THEIRS, REPORT))
    if texts != wanted:
        return f"there lost {dict(wanted - texts)}, doubled {dict(texts - wanted)}"
    with Session(world.engine) as session:
        pairs = session.scalars(select(TicketPair).where(TicketPair.ticket_number == number)).all()
        came = Counter(
            json.loads(entry.content)["text"]
            for entry in session.scalars(
                select(Entry).where(
                    Entry.pair_id == pairs[0].id,
                    Entry.origin == Origin.THEIRS,
                    Entry.kind == EntryKind.COMMENT,
                )
            )
        )
        state = session.get_one(Ticket, number).state
    if len(pairs) != 1:
        return f"{len(pairs)} pairs"
    if came != Counter(THEIRS):
        return f"here lost {dict(Counter(THEIRS) - came)}, doubled {dict(came - Counter(THEIRS))}"
    if (state, there.state) != ("solved", "closed"):
        return f"{state} here, {there.state} there"
    return GOOD


def main() -> int:
    """Print the table; 1 if a row is not good."""
    bad = count = 0
    print("| database | no. | killed | point | outcome |\n|---|---:|---|---|---|")
    folder = run.begin()
    try:
        for kind in KINDS:
            with fresh_database(kind) as url, kept_engine(url) as engine:
                for row in every_kill(engine):
                    count, bad = count + 1, bad + (row.outcome != GOOD)
                    print(f"| {kind} | {row} |", flush=True)
    finally:
        run.end(folder)
    print(f"\n{count} rows, {bad} of them not good.")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
