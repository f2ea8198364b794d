"""Values that both sides move at random, through the real code on a real database.

One ticket and its counterpart at a partner of each kind; people on both sides write, move and
choose, in any order; what is to be sent and read is done now and then, killed at a random point,
refused, answered into the void, or so late that a read tells what was so before. Then rest comes,
and what both sides hold is compared from outside: texts are equal, and each value is equal, or
asked, or said for a reason that this program knows by itself.
``python -m tests.exchange.values_at_random --seeds N``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.rules.errors import PortalError
from app.demo.partner_system import Misbehaviour
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.fields import Owner
from app.exchange.rules.pairs import PairState
from app.exchange.rules.partner import CallFailed
from app.exchange.rules.profiles import CHOICES, Guard
from app.exchange.rules.reading import TheirTicket
from app.exchange.services import decisions
from app.exchange.services.reading import take_in
from app.exchange.tasks.reading import read_whole
from app.tickets.services.lifecycle import change_ticket, comment_ticket
from tests.exchange.both_sides import GOOD, SAID, Value, values_of
from tests.exchange.exchange_world import Killed, World
from tests.exchange.kinds import KINDS
from tests.harness import run
from tests.harness.databases import fresh_database
from tests.harness.portal import kept_engine

_FOLLOW_UPS: Sequence[Mapping[str, str]] = (
    *({}, {"closed": "open"}, {"closed": "open", "rejected": "open", "stalled": "open"}),
    {"open": "stalled"},
)
"""Rules of a Zammad, some of which the portal does not know."""
_SOLVED = ("solved", "unsolved")
_MOST_POINTS = 25


class Play:
    """One history of one seed."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.dice, self.seed = Random(seed), seed
        dice = self.dice
        self.there = KINDS[seed % len(KINDS)](dice.choice(_FOLLOW_UPS))
        guards = (Guard.NO_DOWNGRADE,) if dice.random() < 0.2 else ()
        owners = {name: dice.choice(tuple(Owner)) for name in self.there.values}
        self.profile = replace(
            self.there.profile,
            owners=owners,
            guards=guards if self.there.kind == "zammad" else (),
            maps={name: self.there.profile.maps[name] for name in self.there.values},
        )
        self.world = World(engine, self.profile, self.there)
        self.there.clock = lambda: self.world.now
        if self.there.kind == "zammad":
            self.there.application.shows_history = dice.random() < 0.5
        self.said: Counter[str] = Counter()
        self.number, self.key = 0, ""
        self.count = 0
        self.told: list[str] = []
        """What happened, in its order."""
        self._old: list[TheirTicket] = []

    # what happens

    def play(self, steps: int) -> None:
        """So many steps with people and trouble; then rest comes."""
        self._begin()
        verbs: tuple[tuple[float, Callable[[], object]], ...] = (
            (12, self._we_say),
            (15, self._we_move),
            (6, self._we_value),
            (9, self._they_say),
            (18, self._they_move),
            (12, lambda: self._killed(self.world.deliver, self.number)),
            (5, lambda: self._killed(self.world.pull)),
            (6, self._read),
            (3, self._begin_read),
            (3, self._end_read),
            (2, self._err),
            (3, self._choose),
            (9, lambda: self._later(1, 3, 20, 100, 130)),
        )
        weights, doings = zip(*verbs, strict=True)
        for self.count in range(steps):
            self._find()
            doing = self.dice.choices(doings, weights)[0]
            (doing if self.number else self.world.pull)()
            if self.dice.random() < 0.7:
                self._later(1, 2, 5)
        self._rest()

    def _begin(self) -> None:
        text = f"Opened by seed {self.seed}"
        self.said[text] += 1
        if self.dice.random() < 0.7:
            state = self.dice.choice(("new", "assigned"))
            self.number = self.world.open("Link down", text, state=state)
        else:
            self.key = self.there.open("Loss on the link", text)
            self._they_move()
            self.world.pull()
            self._find()

    def _find(self) -> None:
        if not self.key:
            self.key = next(iter(self.there.keys(self.number)), "")
        if not self.number:
            with Session(self.world.engine) as session:
                found = select(TicketPair.ticket_number).where(TicketPair.their_id == self.key)
                self.number = session.scalar(found) or 0

    def _later(self, *seconds: int) -> None:
        self.world.later(seconds=self.dice.choice(seconds))

    def _note(self, *what: object) -> None:
        self.told.append(f"{self.world.now:%H:%M:%S} {' '.join(map(str, what))}")

    def _we_say(self) -> None:
        text = f"Said here in step {self.count}"
        self.said[text] += 1
        self.world.do(comment_ticket, self.number, text)
        self._note(text)

    def _we_move(self) -> None:
        state = self.dice.choice(CHOICES["state"])
        solution = f"How, in step {self.count}" if state in _SOLVED else None
        self._we_change({"state": state} | ({"solution": solution} if solution else {}))

    def _we_value(self) -> None:
        names = [name for name in self.profile.maps if name != "state"]
        if names:
            name = self.dice.choice(names)
            self._we_change({name: self.dice.choice(CHOICES[name])})

    def _we_change(self, values: dict[str, str]) -> None:
        with suppress(PortalError):  # not every move is allowed
            self.world.do(change_ticket, self.number, values)
            self._note("we set", values)

    def _they_say(self) -> None:
        if self.key:
            text = f"Said there in step {self.count}"
            self.said[text] += 1
            self.there.say(self.key, text)
            self._note(text, self.there.held(self.key))

    def _they_move(self) -> None:
        if self.key:
            names = tuple(self.there.values)
            name = self.dice.choice(("state", *names))
            self.there.set(self.key, **{name: self.dice.choice(self.there.values[name])})
            self._note("they set", self.there.held(self.key))

    def _killed(self, work: Callable[..., Any], *given: Any) -> None:
        """The worker does something, and is killed at one of its points now and then."""
        points = self.world.points
        points.passed.clear()
        points.at = self.dice.randrange(1, _MOST_POINTS) if self.dice.random() < 0.3 else None
        try:
            work(*given)
        except Killed as killed:
            self._note(work.__name__, "killed", killed)
        else:
            self._note(work.__name__)
        points.at = None

    def _read(self) -> None:
        if self.key:
            self._killed(self.world.read, self.key)

    def _begin_read(self) -> None:
        if self.key:
            world = self.world
            with suppress(CallFailed):
                told, _ = read_whole(world.context, world.system(), world.connection_id, self.key)
                self._old.append(told)
                self._note("a read begins", told.values)

    def _end_read(self) -> None:
        """A read of another process comes to its end, no later than a call lasts."""
        if not self._old:
            return
        old = self._old.pop(0)
        if old.asked_at is None or (self.world.now - old.asked_at).total_seconds() > 100:
            return
        with self.world.writing() as session:
            pair = session.scalars(select(TicketPair)).first()
            if pair is not None and pair.their_id == self.key:
                take_in(session, pair.id, old, self.world.now)
                self._note("a read ends", old.values)

    def _err(self) -> None:
        if self.there.kind == "zammad":
            errs = self.there.application.errs
            setattr(errs, self.dice.choice(("refuse", "fail_after", "html")), 1)
            self._note("they err")

    def _choose(self) -> None:
        ours = self.dice.random() < 0.5
        with self.world.writing() as session:
            asked = session.scalars(
                select(ExchangeEntry).where(ExchangeEntry.state == "asked")
            ).first()
            if asked is not None:
                with suppress(PortalError), session.begin_nested():
                    decisions.choose(session, self.world.operator(), asked.id, ours=ours)
                    self._note("somebody chooses", "ours" if ours else "theirs")

    def _rest(self) -> None:
        """Nothing goes wrong any more, people try again what stopped, and all is sent and read."""
        if self.there.kind == "zammad":
            self.there.application.errs = Misbehaviour()
        self._note("rest")
        for _turn in range(6):
            self._find()
            with self.world.writing() as session:
                connection = session.get_one(Connection, self.world.connection_id)
                connection.resting_until, connection.failures = None, 0
                for pair in session.scalars(select(TicketPair)):
                    if pair.state == PairState.STOPPED or pair.due_at is not None:
                        decisions.retry(session, self.world.operator(), pair.id)
            self.world.later(seconds=200)
            self.world.deliver()
            self.world.later(seconds=5)
            self.world.pull()
            self._find()
            if self.key:
                self.world.read(self.key)

    # what came of it

    def values(self) -> list[Value]:
        """What became of each value."""
        with Session(self.world.engine) as session:
            pair = session.scalars(select(TicketPair)).one()
            held, now = self.there.held(self.key), self.world.now
            return list(values_of(session, pair, self.profile, held, now))

    def faults(self) -> Iterator[str]:
        """What is wrong, in words."""
        keys = self.there.keys(self.number)
        if len(keys) > 1:
            yield f"{len(keys)} tickets there"
        with Session(self.world.engine) as session:
            pair = session.scalars(select(TicketPair)).first()
            if pair is None:
                yield "no pair"
                return
            waiting = session.scalars(
                select(ExchangeEntry).where(ExchangeEntry.state == "waiting")
            ).all()
            if waiting:
                yield f"{len(waiting)} entries wait, {pair.state}: {pair.reason}"
            for value in self.values():
                is_good = value.outcome in GOOD
                if not is_good or (value.outcome == SAID and not self._may_stay(session, value)):
                    yield f"{value} ({self.profile.owner_of(value.name)}, {pair.bases})"
        there = self.there.texts(self.key)
        if lost := self.said - there:
            yield f"lost there {dict(lost)}"
        more = {one: count for one, count in (there - self.said).items() if "How, in" not in one}
        if more:
            yield f"too many there {more}"

    def _may_stay(self, session: Session, value: Value) -> bool:
        """Whether there is a reason why two values stay different."""
        words = self.profile.map_of(value.name)
        if words.theirs_of(value.ours) is None or words.ours_of(value.theirs.casefold()) is None:
            return True  # no counterpart
        if self.profile.owner_of(value.name) is Owner.US or self.profile.guards:
            return True  # they set theirs once more over ours, or do not set ours
        entries = session.scalars(
            select(ExchangeEntry)
            .where(ExchangeEntry.origin == "theirs", ExchangeEntry.kind == "fields")
            .order_by(ExchangeEntry.sequence.desc())
        )
        newest = next((one for one in entries if value.name in json.loads(one.content)), None)
        return newest is not None and newest.state == "recorded"  # our rules do not allow it


def played(engine: Engine, seed: int) -> Play:
    """The history of a seed, to its rest."""
    play = Play(engine, seed)
    play.play(play.dice.randrange(8, 40))
    return play


def main() -> int:
    """Play, and print what was wrong; 1 if anything was."""
    options = argparse.ArgumentParser(prog="python -m tests.exchange.values_at_random")
    options.add_argument("--seeds", type=int, default=300)
    options.add_argument("--seed", type=int, help="play this one alone, and say all that happened")
    given = options.parse_args()
    seeds = range(given.seeds) if given.seed is None else (given.seed,)
    bad, outcomes, folder = 0, Counter[str](), run.begin()
    try:
        for seed in seeds:
            with fresh_database("sqlite") as url, kept_engine(url) as engine:
                play = played(engine, seed)
                faults = list(play.faults())
                outcomes.update(one.outcome for one in play.values())
            if given.seed is not None:
                print("\n".join((play.there.kind, str(dict(play.profile.owners)), *play.told)))
            for fault in faults:
                print(f"seed {seed}: {fault}", flush=True)
            bad += bool(faults)
    finally:
        run.end(folder)
    print(
        f"{len(seeds)} seeds, {bad} with something wrong; values: {dict(sorted(outcomes.items()))}"
    )
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
