"""Layer 2 of the proof: the real code, killed at each of its points, on a real database.

One history of a ticket and its counterpart is played without a kill, which counts the points; then
once for each point, with the process killed there and begun anew: with a partner of each kind that
is read. Both sides write, add files, and move values; the partner's rules move its state where
somebody writes. In the end texts and files are the same on both sides, each once, and values are
equal; where both sides moved one before they heard of each other, a person is asked.
``python -m tests.exchange.kills`` prints the table for both databases.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.exchange.models.pairs import TicketPair
from app.tickets.models.tickets import Ticket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import change_ticket, comment_ticket, move_ticket
from tests.exchange.both_sides import GOOD, Value, values_of
from tests.exchange.exchange_world import Killed, World
from tests.exchange.kinds import KINDS as SYSTEMS
from tests.exchange.kinds import RtThere, ServiceNowThere, There, ZammadThere
from tests.harness import run
from tests.harness.databases import KINDS, fresh_database
from tests.harness.portal import kept_engine

OURS = ("The link is down.", "Any news?", "One more", "Any news?")
"""What is said here, the same thing twice."""
THEIRS = ("Any news?", "A splice failed", "A splice failed")
REPORT = "The report follows."
"""What is said here on the ticket that they closed."""
OUR_FILE, THEIR_FILE = "otdr.txt", "splice.txt"
ENDED = {ZammadThere: "closed", RtThere: "resolved", ServiceNowThere: "6:Solution provided"}
STALLED = {ZammadThere: "stalled", RtThere: "stalled", ServiceNowThere: "3"}
_ROUNDS = 9
_BETWEEN_ROUNDS = 200
"""Seconds: more than it takes until a call's outcome is visible over there."""


@dataclass(frozen=True)
class Outcome:
    """What came of a history with the process killed at one point."""

    number: int
    """Which point of the history, from 1; 0 = it was not killed."""
    point: str
    """``before`` or ``after`` and the call or commit."""
    values: tuple[str, ...] = ()
    """Equal, asked or said, or what is wrong with a value: for each."""
    wrong: str = ""
    """What was lost or doubled."""

    @property
    def is_good(self) -> bool:
        """Texts and files are the same, and values are equal, or asked, or said."""
        return not self.wrong and bool(self.values) and set(self.values) <= set(GOOD)

    def __str__(self) -> str:
        side, _, what = self.point.partition(" ")
        told = self.wrong or "texts and files the same; values " + ", ".join(self.values)
        return f"{self.number} | {side} | {what or '-'} | {told}"


def every_kill(
    engine: Engine, kind: type[There], *, contested: bool = False, first: int = 1, each: int = 1
) -> Iterator[Outcome]:
    """The history without a kill, then with one at each point. ``contested``: both sides move the
    state before they hear of each other, and nobody says who was last. ``each``: only every so
    manyth point, from the ``first`` on."""
    there = kind({"closed": "open"})
    world = World(engine, there.profile, there)
    there.clock = lambda: world.now
    if isinstance(there, ZammadThere):
        there.application.shows_history = False
    _play(world, there, 0, contested=contested)  # the first has more points: a search is tried
    yield _play(world, there, 0, contested=contested)
    passed = list(world.points.passed)
    for point in range(first, len(passed) + 1, each):
        yield _play(world, there, point, contested=contested, name=passed[point - 1])


def _play(
    world: World, there: There, point: int, *, contested: bool, name: str = "never"
) -> Outcome:
    world.points.passed.clear()
    world.points.at = None
    number = world.open("Link down", OURS[0], impact="outage")
    for text in OURS[1:]:
        world.do(comment_ticket, number, text)
        world.later(minutes=11)  # the same words by the same person are a repeat before
    world.do(add_attachment, number, OUR_FILE, b"1.2 km")
    world.do(move_ticket, number, "in progress")
    world.points.at = point or None
    for turn in range(_ROUNDS):
        with _may_be_killed():
            _turn(world, there, number)
        keys = there.keys(number)
        if turn == 2:
            for key in keys:
                for text in THEIRS:
                    there.say(key, text)
                there.attach(key, THEIR_FILE, b"a splice")
                there.set(key, state=ENDED[type(there)])
        if turn == 4:
            world.do(comment_ticket, number, REPORT)
        if turn == 5 and contested:
            world.do(change_ticket, number, {"state": "reopened"})
            for key in keys:
                there.set(key, state=STALLED[type(there)])
        if turn == 5 and "priority" in there.values:
            world.do(change_ticket, number, {"priority": "top priority"})
        world.later(seconds=_BETWEEN_ROUNDS)
    return _outcome(world, there, number, point, name)


def _turn(world: World, there: There, number: int) -> None:
    world.deliver(number)
    for key in there.keys(number):
        world.read(key)


@contextmanager
def _may_be_killed() -> Iterator[None]:
    try:
        yield
    except Killed:
        return


def _outcome(world: World, there: There, number: int, point: int, name: str) -> Outcome:
    """Compare both sides, by what they hold and not by what was recorded of it."""
    keys = there.keys(number)
    if len(keys) != 1:
        return Outcome(point, name, wrong=f"{len(keys)} tickets there")
    with Session(world.engine) as session:
        pairs = session.scalars(select(TicketPair).where(TicketPair.ticket_number == number)).all()
        if len(pairs) != 1:
            return Outcome(point, name, wrong=f"{len(pairs)} pairs")
        held = _held_here(session, number)
        wrong = [
            f"{side} lost {dict(wanted - found)}, doubled {dict(found - wanted)}"
            for side, found, wanted in (
                ("there", there.texts(keys[0]), Counter((*OURS, *THEIRS, REPORT))),
                ("here", held[0], Counter((*OURS, *THEIRS, REPORT))),
                ("files there", there.files(keys[0]), Counter((OUR_FILE, THEIR_FILE))),
                ("files here", held[1], Counter((OUR_FILE, THEIR_FILE))),
            )
            if found != wanted
        ]
        values = list(values_of(session, pairs[0], there.profile, there.held(keys[0]), world.now))
    return Outcome(point, name, tuple(map(_told, values)), "; ".join(wrong))


def _told(value: Value) -> str:
    return value.outcome if value.outcome in GOOD else str(value)


def _held_here(session: Session, number: int) -> tuple[Counter[str], Counter[str]]:
    """The public texts and the names of the files of our ticket."""
    rows = session.execute(
        select(ChangedField.field, ChangedField.new)
        .join(Change, Change.id == ChangedField.change_id)
        .where(Change.kind == "ticket", Change.thing_id == number)
    ).all()
    told = [(field, new or "") for field, new in rows]
    texts = Counter(new for field, new in told if field == "public_comment")
    texts[session.get_one(Ticket, number).description] += 1
    files = Counter(new.partition(" ")[2] for field, new in told if field == "attachment")
    return texts, files


def main() -> int:
    """Print the table; 1 if a row is not good."""
    options = argparse.ArgumentParser(prog="python -m tests.exchange.kills")
    options.add_argument("--database", choices=KINDS, help="this one alone")
    options.add_argument("--partner", choices=[one.kind for one in SYSTEMS], help="this one alone")
    given = options.parse_args()
    bad, counts = 0, Counter[str]()
    print("| database | partner | no. | killed | point | outcome |\n|---|---|---:|---|---|---|")
    folder = run.begin()
    try:
        for database in (given.database,) if given.database else KINDS:
            for system in (one for one in SYSTEMS if given.partner in (None, one.kind)):
                for contested in (False, True):
                    with fresh_database(database) as url, kept_engine(url) as engine:
                        for row in every_kill(engine, system, contested=contested):
                            bad += not row.is_good
                            counts.update(row.values)
                            told = f"{system.kind}{', contested' if contested else ''}"
                            print(f"| {database} | {told} | {row} |", flush=True)
    finally:
        run.end(folder)
    print(f"\n{bad} rows are not good; values: {dict(counts)}.")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
