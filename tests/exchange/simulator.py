"""The rules of the exchange, played: portals and partners on a virtual clock, with what goes wrong.

Everything runs by turns in one thread, from one seed: a step is one turn of a process, one call
that arrives, or one thing that somebody does. A process may die at each of its turns; calls are
lost, late or answered into the void; search lags; people comment, change and merge on every side.
What a portal has recorded is only changed between two turns, as by a commit.

The checker (``faults_of``) knows nothing of the rules: it compares what people wrote with what
stands in each system when all has come to rest.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.marks import MAX_HOPS, Mark, hops_of, marked, references_in, without_marks
from app.exchange.rules.pairs import (
    Pair,
    PairState,
    Step,
    Traits,
    begin,
    done,
    failed,
    found,
    next_step,
    paired,
    resume,
)
from app.exchange.rules.reading import Known, TheirText, TheirTicket, news_of

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_CALL: Final = timedelta(seconds=30)
LONGEST_LAG: Final = timedelta(seconds=20)
TRAITS: Final = Traits(can_look_up=True, settles=LONGEST_CALL + LONGEST_LAG)


@dataclass
class Text:
    """A text as it stands in a system."""

    key: str
    body: str
    account: str
    """Who wrote it there: a person, or the account of another system."""


@dataclass
class Ticket:
    """A ticket of any system."""

    id: int
    texts: list[Text] = field(default_factory=list)
    merged_into: int | None = None
    indexed_at: datetime = START


@dataclass
class Link:
    """What a portal has recorded of one ticket and one partner."""

    pair: Pair
    sent: dict[int, str] = field(default_factory=dict)
    """Our entries: sequence and text."""
    keys: dict[int, int] = field(default_factory=dict)
    """Sequence and position in our ticket's texts."""
    confirmed: dict[int, str] = field(default_factory=dict)
    arrived: set[str] = field(default_factory=set)
    planned: int = 0
    """How many of our ticket's texts have been looked at."""
    from_them: set[int] = field(default_factory=set)
    """Positions in our ticket's texts that came from this partner."""


class System:
    """Anything that holds tickets and can be called."""

    def __init__(self, world: World, name: str, lag: timedelta) -> None:
        self.world, self.name, self.lag = world, name, lag
        self.tickets: dict[int, Ticket] = {}
        self.changed: list[tuple[datetime, int]] = []

    def create(self, account: str, body: str) -> int:
        number = len(self.tickets) + 1
        lag = self.lag * self.world.random.random()
        self.tickets[number] = Ticket(number, indexed_at=self.world.now + lag)
        self.add(account, number, body)
        return number

    def add(self, account: str, number: int, body: str) -> str:
        ticket = self.tickets[number]
        key = f"{self.name}{number}.{len(ticket.texts) + 1}"
        ticket.texts.append(Text(key, body, account))
        self.changed.append((self.world.now, number))
        return key

    def search(self, number: int) -> tuple[int, ...]:
        """Tickets whose first text ends with a reference; late, as their index is."""
        return tuple(
            ticket.id
            for ticket in self.tickets.values()
            if ticket.indexed_at <= self.world.now
            and number in references_in(ticket.texts[0].body.rsplit("\n", 1)[-1])
        )

    def read(self, account: str, number: int) -> TheirTicket:
        ticket = self.tickets[number]
        merged = "" if ticket.merged_into is None else str(ticket.merged_into)
        texts = [TheirText(t.key, t.body, t.account, t.account == account) for t in ticket.texts]
        return TheirTicket(str(number), texts, merged_into=merged)

    def merge(self, number: int, into: int) -> None:
        self.tickets[number].merged_into = into
        self.changed.append((self.world.now, number))


@dataclass
class Broken:
    """What of the product is broken on purpose."""

    look_up: bool = False
    lock: bool = False
    inbox: bool = False


class Portal(System):
    """A system of ours: what it writes of its own goes to ``partner``, what is there comes here."""

    def __init__(self, world: World, name: str, partner: System, broken: Broken) -> None:
        super().__init__(world, name, timedelta(0))
        self.partner, self.broken = partner, broken
        self.links: dict[int, Link] = {}
        self.by_their_id: dict[int, int] = {}
        self.at_work: set[int] = set()
        self.read_up_to = 0

    # what follows the log: entries, in the transaction that moves the cursor

    def plan(self, number: int) -> Link:
        ticket = self.tickets[number]
        link = self.links.setdefault(number, Link(Pair(number)))
        while link.planned < len(ticket.texts):
            position = link.planned
            link.planned += 1
            body = ticket.texts[position].body
            if position in link.from_them or hops_of(body) >= MAX_HOPS:
                continue
            sequence = len(link.sent) + 1
            mark = Mark(number, sequence, ticket.texts[position].account)
            link.sent[sequence] = marked(body, mark)
        return link

    # one process that delivers one pair

    def deliver(self, number: int) -> Generator[None, None, None]:
        if number in self.at_work and not self.broken.lock:
            return
        self.at_work.add(number)
        try:
            yield from self._deliver(number)
        finally:
            self.at_work.discard(number)

    def _deliver(self, number: int) -> Generator[None, None, None]:
        link = self.plan(number)
        yield
        while True:
            waiting = [one for one in sorted(link.sent) if one not in link.confirmed]
            if link.pair.state is PairState.CREATING and not waiting:
                return
            now = self.world.now
            what = next_step(link.pair, waiting=bool(waiting), traits=TRAITS, now=now)
            if what.step is Step.REST:
                if what.until is not None:
                    self.world.later(what.until, lambda: self.deliver(number))
                return
            if what.step is Step.LOOK_UP:
                ids = () if self.broken.look_up else self.partner.search(number)
                yield
                if link.pair.state is not PairState.CREATING:
                    return
                link.pair = found(link.pair, tuple(str(one) for one in ids))
                if ids:  # in one commit: what found it is our first entry
                    link.confirmed.setdefault(waiting[0], "")
                    self._pair_up(number, link)
                yield
                if ids:
                    continue
                if not (yield from self._write(link, waiting[0], is_create=True)):
                    return
                self._pair_up(number, link)
            elif what.step is Step.READ:
                sequence = waiting[0] if waiting else 0
                yield from self.take_in(number)
                if sequence in link.confirmed or link.pair.begun is not None:
                    link.pair = done(link.pair)
            elif what.step is Step.SEND:
                if not (yield from self._write(link, waiting[0], is_create=False)):
                    return
            else:
                return
            yield

    def _write(self, link: Link, sequence: int, *, is_create: bool) -> Generator[None, None, bool]:
        """One call that writes; whether it succeeded."""
        link.pair = begin(link.pair, self.world.now)
        yield
        world, body = self.world, link.sent[sequence]
        answer: list[Any] = []
        if is_create:
            call = lambda: answer.append(self.partner.create(self.name, body))  # noqa: E731
        else:
            there = int(link.pair.their_id)
            call = lambda: answer.append(self.partner.add(self.name, there, body))  # noqa: E731
        fate = world.fate()
        if fate == "refused":
            yield
            failure = Failure(Outcome.TRANSIENT, "refused")
            return self._failed(link, failure)
        if fate == "late":
            late = timedelta(seconds=world.random.uniform(1, LONGEST_CALL.total_seconds() - 1))
            world.arriving(world.now + late, call)
        elif fate != "lost":
            call()
        yield
        if fate != "good":
            return self._failed(link, Failure(Outcome.UNKNOWN, fate))
        if is_create:
            link.pair = paired(link.pair, str(answer[0]))
            link.confirmed[sequence] = ""
        else:
            link.pair = done(link.pair)
            link.confirmed[sequence] = answer[0]
            link.arrived.add(answer[0])
        return True

    def _failed(self, link: Link, failure: Failure) -> bool:
        if link.pair.begun is not None:
            link.pair = failed(link.pair, failure, self.world.now, self.world.random.random())
            if link.pair.state is PairState.STOPPED:
                link.pair = resume(link.pair)  # the person who is asked says: again
            number = link.pair.number
            due = link.pair.due or self.world.now
            self.world.later(due, lambda: self.deliver(number))
        return False

    def _pair_up(self, number: int, link: Link) -> None:
        self.by_their_id.setdefault(int(link.pair.their_id), number)
        self.world.start(self.deliver_read(number))

    # what reads

    def deliver_read(self, number: int) -> Generator[None, None, None]:
        yield from self.take_in(number)

    def take_in(self, number: int) -> Generator[None, None, None]:
        link = self.links[number]
        if not link.pair.their_id:
            return
        ticket = self.partner.read(self.name, int(link.pair.their_id))
        yield
        if ticket.merged_into:
            link.pair = replace(link.pair, their_id=ticket.merged_into)
            self.by_their_id.setdefault(int(ticket.merged_into), number)
        arrived = frozenset() if self.broken.inbox else frozenset(link.arrived)
        news = news_of(ticket, Known(number, link.sent, arrived))
        for sequence, key in news.confirmed.items():
            link.confirmed.setdefault(sequence, key)
            link.arrived.add(key)
        link.arrived.update(news.copies)
        for text in news.texts:
            link.arrived.add(text.key)
            link.from_them.add(len(self.tickets[number].texts))
            self.add(self.partner.name, number, text.text)

    def pull(self) -> Generator[None, None, None]:
        """Read what changed there since the last time, and a little before."""
        up_to = len(self.partner.changed)
        numbers = dict.fromkeys(
            number for _at, number in self.partner.changed[max(0, self.read_up_to - 5) : up_to]
        )
        for there in numbers:
            yield
            here = self.by_their_id.get(there)
            if here is None:
                here = yield from self._new(there)
            if here is not None:
                yield from self.take_in(here)
                self.world.start(self.deliver(here))
        self.read_up_to = max(self.read_up_to, up_to)

    def _new(self, there: int) -> Generator[None, None, int | None]:
        ticket = self.partner.read(self.name, there)
        yield
        if there in self.by_their_id:
            return self.by_their_id[there]
        first = ticket.texts[0]
        if first.by_us or ticket.merged_into or hops_of(first.text) >= MAX_HOPS:
            return None  # ours: its look-up finds it
        number = super().create(self.partner.name, without_marks(first.text))
        self.links[number] = Link(
            paired(Pair(number), str(there)), arrived={first.key}, from_them={0}
        )
        self.by_their_id[there] = number
        return number


@dataclass
class Rates:
    """How often something goes wrong, of 1."""

    trouble: float = 0.15
    death: float = 0.02


class World:
    """The clock, the chance, and whose turn it is."""

    def __init__(self, seed: int, broken: Broken | None = None, rates: Rates | None = None) -> None:
        self.random, self.now, self.steps = Random(seed), START, 0
        self.rates = rates or Rates()
        self._queue: list[tuple[datetime, int, Callable[[], Generator[None, None, None]]]] = []
        self._calls: list[tuple[datetime, int, Callable[[], object]]] = []
        self._count = 0
        self._running: list[Generator[None, None, None]] = []
        self.partner = System(self, "P", LONGEST_LAG)
        broken = broken or Broken()
        self.middle = Portal(self, "B", self.partner, broken)
        self.portal = Portal(self, "A", self.middle, broken)
        self.written: list[str] = []
        """What people wrote, each once for each time that they wrote it."""

    def later(self, at: datetime, what: Callable[[], Generator[None, None, None]]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at, self._count, what))

    def arriving(self, at: datetime, call: Callable[[], object]) -> None:
        """A call that arrives late, whoever still waits for it: no later than the longest call."""
        self._count += 1
        heapq.heappush(self._calls, (at, self._count, call))

    def start(self, process: Generator[None, None, None]) -> None:
        self._running.append(process)

    def fate(self) -> str:
        """What becomes of a call."""
        if self.random.random() >= self.rates.trouble:
            return "good"
        return self.random.choice(("refused", "lost", "late", "unanswered"))

    def turn(self) -> bool:
        """One step; False where nothing is left to do."""
        self.steps += 1
        while self._calls and self._calls[0][0] <= self.now:
            at, _count, call = heapq.heappop(self._calls)
            self.now, now = at, self.now
            call()
            self.now = now
        while self._queue and self._queue[0][0] <= self.now:
            self.start(heapq.heappop(self._queue)[2]())
        if not self._running:
            ahead = [queue[0][0] for queue in (self._queue, self._calls) if queue]
            if not ahead:
                return False
            self.now = min(ahead)
            return True
        place = self.random.randrange(len(self._running))
        process = self._running[place]
        if self.random.random() < self.rates.death:
            process.close()
            self._drop(place)
            return True
        try:
            next(process)
        except StopIteration:
            self._drop(place)
        self.now += timedelta(seconds=self.random.random())
        return True

    def _drop(self, place: int) -> None:
        self._running[place] = self._running[-1]
        self._running.pop()

    # people

    def somebody(self) -> None:
        """One thing that a person does anywhere."""
        chance, places = self.random.random(), (self.portal, self.middle, self.partner)
        place = self.random.choice(places)
        open_ = [one for one in place.tickets.values() if one.merged_into is None]
        if chance < 0.15 or not open_:
            self.written.append(body := f"ticket {len(self.written)}")
            number = place.create("person", body)
        else:
            body = f"text {len(self.written)}" if chance < 0.7 else "Any news?"
            self.written.append(body)
            number = self.random.choice(open_).id
            place.add("person", number, body)
        if isinstance(place, Portal):
            self.start(place.deliver(number))

    def look(self) -> None:
        """Each portal reads what changed with its partner, and goes through all of its pairs."""
        for portal in (self.portal, self.middle):
            self.start(portal.pull())
            for number in list(portal.tickets):
                self.start(portal.deliver(number))

    def play(self, steps: int) -> None:
        """So many steps with people and trouble; then rest comes."""
        until = self.steps + steps
        while self.steps < until:
            if self.random.random() < 0.02:
                self.somebody()
            if self.random.random() < 0.01:
                portal = self.random.choice((self.portal, self.middle))
                self.start(portal.pull())
                if portal.tickets:
                    self.start(portal.deliver(self.random.choice(list(portal.tickets))))
            if not self.turn():
                self.now += timedelta(seconds=1)
        self.rates = Rates(0, 0)
        for _ in range(6):
            self.look()
            while self.turn():
                pass
            self.now += timedelta(days=2)


def faults_of(world: World) -> Iterator[str]:
    """What was lost, doubled or left waiting, in words. Compares texts alone."""
    for system in (world.portal, world.middle, world.partner):
        bodies = Counter(
            without_marks(text.body).strip()
            for ticket in system.tickets.values()
            for text in ticket.texts
        )
        expected = Counter(world.written)
        for body, count in (expected - bodies).items():
            yield f"{system.name}: lost {count} x {body!r}"
        for body, count in (bodies - expected).items():
            yield f"{system.name}: doubled {count} x {body!r}"
