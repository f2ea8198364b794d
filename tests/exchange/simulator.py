"""The rules of the exchange, played: portals and partners on a virtual clock, with what goes wrong.

Everything runs by turns in one thread, from one seed: a step is one turn of a process, one call
that arrives, or one thing that somebody does. A process may die at each of its turns; calls are
lost, late or answered into the void; search lags; hints come several times; people comment, set the
state, and merge tickets. A partner has fewer words for a state than we, rules of its own that move
one where somebody writes, and may have no history; a portal has such a rule, too. What a portal has
recorded is only changed between two turns, as by a commit.

Two worlds are played: a chain (portal A, portal B, a Zammad-like partner P; A exchanges with B, and
B with P) and a ring of three portals, each of which passes on to the next.

The checker (``faults_of``) knows nothing of the rules: it compares what people wrote with what
stands in each system when all has come to rest, and the values of each pair by a table of its own:
they are equal, or a person is asked, or it is said of just these two that they differ.
``python -m tests.exchange.simulator --steps N``.
"""

from __future__ import annotations

import argparse
import heapq
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter
from typing import Any, Final, TypeAlias

from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.fields import Owner, ValueMap
from app.exchange.rules.pairs import (
    Pair,
    PairState,
    PairStep,
    Traits,
    begin,
    done,
    failed,
    found,
    next_step,
    paired,
    resume,
)
from app.exchange.rules.reading import (
    Known,
    TheirText,
    TheirTicket,
    left_behind,
    news_of,
    trace_of,
    why_lost,
)
from app.exchange.rules.settle import (
    Base,
    Settlement,
    Times,
    agreed,
    answered,
    carried,
    same,
    settle,
    text_begun,
    to_be_sent,
)
from app.tickets.rules.marks import (
    MAX_HOPS,
    Mark,
    hops_of,
    mark_of,
    marked,
    without_marks,
)

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_CALL: Final = timedelta(seconds=30)
LONGEST_LAG: Final = timedelta(seconds=20)
TRAITS: Final = Traits(can_look_up=True, settles=LONGEST_CALL + LONGEST_LAG)
STEPS: Final = 5_000
"""Steps of one world with people and trouble, before it comes to rest."""
_FIRST: Final = "assigned"
_WAITING, _BEGUN, _SOLVED, _AGAIN = "waiting for reply", "in progress", "solved", "reopened"
_OPEN: Final = (_FIRST, _BEGUN, _WAITING, "on hold")
_WORDS: Final = ValueMap(
    {
        **dict.fromkeys((_FIRST, _BEGUN, _AGAIN), "open"),
        **dict.fromkeys((_WAITING, "on hold"), "stalled"),
        _SOLVED: "resolved",
    },
    {"open": _BEGUN, "stalled": _WAITING, "resolved": _SOLVED},
)
"""Of a partner: of its words "frozen" has no counterpart here."""
_OURS: Final = ValueMap(*({one: one for one in (*_OPEN, _SOLVED, _AGAIN)} for _ in range(2)))
"""Of two portals."""
_FOLLOWS: Final = {"resolved": "open", "stalled": "open"}
"""What a text moves at the partner, whoever writes it."""
_MEANS: Final = {
    "open": {_FIRST, _BEGUN, _AGAIN},
    "stalled": {_WAITING, "on hold"},
    "resolved": {_SOLVED},
    "frozen": set(),
}
"""What the checker knows of words: which of ours each of the partner's may be."""
_REST: Final = 100_000
"""Steps after which a world that does not come to rest counts as a loop."""

Process: TypeAlias = Generator[None, None, None]


@dataclass(slots=True)
class Text:
    """A text as it stands in a system."""

    key: str
    body: str
    account: str
    """Who wrote it there: a person, or the account of another system."""


@dataclass(slots=True)
class Ticket:
    """A ticket of any system. ``log``: texts and values in their order, each once."""

    id: int
    texts: list[Text] = field(default_factory=list)
    value: str = _FIRST
    set_at: datetime = START
    """When it was set."""
    log: list[tuple[bool, str, str]] = field(default_factory=list)
    merged_into: int | None = None
    hidden: bool = False
    """Of a group that is not exchanged."""
    indexed_at: datetime = START


@dataclass(slots=True)
class Link:
    """What a portal has recorded of one ticket and one partner."""

    pair: Pair
    sent: dict[int, str] = field(default_factory=dict)
    """Our entries with a text: sequence and text."""
    values: dict[int, str] = field(default_factory=dict)
    """Our entries with a value: sequence and value."""
    planned_at: dict[int, int] = field(default_factory=dict)
    """The step in which an entry with a value was planned."""
    confirmed: dict[int, str] = field(default_factory=dict)
    arrived: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    planned: int = 0
    """How much of our ticket's log has been looked at."""
    from_them: set[int] = field(default_factory=set)
    """Places in our ticket's log that came from this partner."""
    count: int = 0
    first: int = 1
    """The lowest sequence that may not be confirmed."""
    base: Base | None = None
    """What was agreed of the value."""
    theirs: str = ""
    """Their value as last read."""
    asked: str = ""
    """Their value about which a person is asked."""
    said: tuple[str, str] = ("", "")
    """The two values of which it is said that they differ and stay so."""
    read_in: int = -1
    """The step in which their ticket was last read."""
    set_in: int = -1
    """The step in which a call of ours last set it."""
    moved: bool = False
    moved_after: int = 0
    """Our last entry when it was moved, 0 = it was looked for there."""

    def waiting(self) -> int:
        """The sequence of the first entry that waits, 0 = none does."""
        while self.first in self.confirmed:
            self.first += 1
        return self.first if self.first <= self.count else 0

    def add_value(self, value: str, step: int) -> None:
        """Plan an entry with a value."""
        self.count += 1
        self.values[self.count], self.planned_at[self.count] = value, step


class System:
    """Anything that holds tickets and can be called: a partner's, unless it is a portal."""

    first = "open"
    """The value of a new ticket."""
    values: Sequence[str] = (*_MEANS,)
    words: ValueMap = _WORDS
    """Its words for ours."""
    follows: Mapping[str, str] = {"resolved": "open"}
    """What portals know of its own rules."""
    has_history = True

    def __init__(self, world: World, name: str, lag: timedelta) -> None:
        self.world, self.name, self.lag = world, name, lag
        self.tickets: dict[int, Ticket] = {}
        self.changed: list[int] = []
        self.readers: list[Portal] = []
        self._keys = 0
        self._by_reference: dict[tuple[str, int], list[str]] = {}
        self._places: dict[str, int] = {}

    def create(self, account: str, body: str, *, hidden: bool = False) -> int:
        number = len(self.tickets) + 1
        lag = self.lag * self.world.random.random()
        made = Ticket(number, hidden=hidden, indexed_at=self.world.now + lag)
        made.value, made.set_at = self.first, self.world.now
        self.tickets[number] = made
        self.add(account, number, body)
        return number

    def follow_text(self, ticket: Ticket, account: str) -> str:
        """What a rule of this system makes of the value where somebody writes."""
        return _FOLLOWS.get(ticket.value, ticket.value)

    def add(self, account: str, number: int, body: str) -> str:
        ticket = self.tickets[number]
        self._keys += 1
        key = f"{self.name}{self._keys}"
        ticket.texts.append(Text(key, body, account))
        ticket.log.append((True, body, account))
        mark = mark_of(body)
        if mark is not None and mark.sequence == 1:
            self._by_reference.setdefault((account, mark.number), []).append(key)
        self._places[key] = number
        self.set_value(account, number, self.follow_text(ticket, account))
        self._tell(number)
        return key

    def set_value(self, account: str, number: int, value: str) -> str:
        ticket = self.tickets[number]
        if ticket.value != value:
            ticket.value, ticket.set_at = value, self.world.now
            ticket.log.append((False, value, account))
            self._tell(number)
        return ""

    def search(self, account: str, number: int) -> tuple[int, ...]:
        """Tickets in which a text of an account begins its ticket; late, as their index is."""
        keys = self._by_reference.get((account, number), ())
        now = self.world.now
        places = dict.fromkeys(self._places[key] for key in keys)
        return tuple(one for one in places if self.tickets[one].indexed_at <= now)

    def read(self, account: str, number: int) -> TheirTicket:
        ticket = self.tickets[number]
        merged = "" if ticket.merged_into is None else str(ticket.merged_into)
        texts = [TheirText(t.key, t.body, t.account, t.account == account) for t in ticket.texts]
        values = {"state": ticket.value}
        times = {"state": ticket.set_at} if self.has_history else {}
        return TheirTicket(
            str(number), texts, values, merged_into=merged, is_whole=True, times=times
        )

    def merge(self, number: int, into: int) -> None:
        """As a Zammad does it: its texts move."""
        ticket, target = self.tickets[number], self.tickets[into]
        ticket.merged_into = into
        target.texts += ticket.texts
        for text in ticket.texts:
            self._places[text.key] = into
        ticket.texts = []
        self._tell(number)
        self._tell(into)

    def _tell(self, number: int) -> None:
        self.changed.append(number)
        for portal in self.readers:
            self.world.hint(portal, number)


@dataclass
class Broken:
    """What of the product is broken on purpose."""

    look_up: bool = False
    lock: bool = False
    inbox: bool = False
    hops: bool = False
    memory: bool = False
    """A look that fails forgets what it was to look for."""
    values: str = ""
    """How values are settled wrongly (``WRONGLY``)."""

    def settle(
        self, base: Base | None, ours: str, theirs: str, words: ValueMap, owner: Owner, times: Times
    ) -> Settlement:
        """What becomes of a value."""
        what = settle(base, ours, theirs, words, owner, times).what
        return (
            WRONGLY[self.values](what, base, ours, words.ours_of(theirs)) if self.values else what
        )


def _too_wide(what: Settlement, _base: Base | None, ours: str, meant: str | None) -> Settlement:
    return Settlement.NOTHING if {ours, meant} <= {*_OPEN, _AGAIN} else what


def _without_rules(
    what: Settlement, base: Base | None, _ours: str, _meant: str | None
) -> Settlement:
    is_moved = what is Settlement.SEND and base is not None and base.moved is not None
    return Settlement.NOTHING if is_moved else what


WRONGLY: Final[Mapping[str, Callable[[Settlement, Base | None, str, str | None], Settlement]]] = {
    "too wide": _too_wide,
    "rules of the partner": _without_rules,
    "nobody is asked": lambda what, *_: Settlement.NOTHING if what is Settlement.ASK else what,
    "all is said": lambda what, *_: (
        Settlement.SAY if what in (Settlement.ASK, Settlement.SEND) else what
    ),
    "nothing is taken": lambda what, *_: Settlement.NOTHING if what is Settlement.TAKE else what,
}
"""Five ways to settle values wrongly: all that is open is the same; what a text moved there is left
so; two changes are left as they are; what is to be sent or asked is only said;
theirs is never taken."""


class Portal(System):
    """A system of ours: what it writes of its own goes to its partner, what is there comes here."""

    first, values, words = _FIRST, _OPEN, _OURS
    follows: Mapping[str, str] = {}
    """Nobody knows what its own rule moves: that is taken for its own doing."""

    def __init__(self, world: World, name: str, broken: Broken, owner: Owner) -> None:
        super().__init__(world, name, timedelta(0))
        self.broken, self.owner = broken, owner
        self.links: dict[int, Link] = {}
        self.by_their_id: dict[int, int] = {}
        self.at_work: set[int] = set()
        self.inbox: set[int] = set()
        self.read_up_to = 0
        self.takes_new = True
        self.partner: System = self

    def follow_text(self, ticket: Ticket, account: str) -> str:
        """An answer ends the waiting for it."""
        return _BEGUN if ticket.value == _WAITING and account != "person" else ticket.value

    def may_move(self, number: int, value: str) -> bool:
        """Whether our ticket may be moved there: what is solved is only reopened."""
        is_ended = self.tickets[number].value == _SOLVED
        return (value == _AGAIN) is is_ended

    def follow(self, partner: System) -> None:
        """Exchange with a partner."""
        self.partner = partner
        partner.readers.append(self)

    # what follows the log: entries, in the transaction that moves the cursor

    def plan(self, number: int) -> Link:
        ticket = self.tickets[number]
        link = self.links.get(number)
        if link is None:
            link = self.links[number] = Link(Pair(number))
        if link.pair.state is PairState.CREATING and not self._goes_on(ticket.log[0][1]):
            return link  # it went far enough
        while link.planned < len(ticket.log):
            place = link.planned
            link.planned += 1
            is_text, what, account = ticket.log[place]
            if place in link.from_them:
                continue
            if not is_text:
                link.add_value(what, self.world.steps)
            elif self._goes_on(what):
                link.count += 1
                link.sent[link.count] = marked(what, Mark(number, link.count, account))
        return link

    def _goes_on(self, body: str) -> bool:
        return self.broken.hops or hops_of(body) < MAX_HOPS

    # one process that delivers one pair

    def deliver(self, number: int) -> Process:
        if number in self.at_work and not self.broken.lock:
            return
        self.at_work.add(number)
        try:
            yield from self._deliver(number)
        finally:
            self.at_work.discard(number)

    def _deliver(self, number: int) -> Process:
        link = self.plan(number)
        yield
        while True:
            waiting = link.waiting()
            if link.pair.state is PairState.CREATING and not waiting:
                return
            now = self.world.now
            what = next_step(link.pair, waiting=bool(waiting), traits=TRAITS, now=now)
            if what.step is PairStep.LOOK_UP:
                going = yield from self._look_up(number, link, waiting)
            elif what.step is PairStep.READ and self.world.fate() != "good":
                yield
                going = self._look_failed(link)
            elif what.step is PairStep.READ:
                yield from self.take_in(number)
                if waiting in link.confirmed or link.pair.begun is not None:
                    link.pair = done(link.pair)
                going = True
            elif what.step is PairStep.SEND:
                going = yield from self._send(number, link, waiting)
            else:
                if what.until is not None:
                    self.world.later(what.until, lambda: self.deliver(number))
                return
            if not going:
                return
            yield

    def _look_up(self, number: int, link: Link, waiting: int) -> Generator[None, None, bool]:
        if self.world.fate() != "good":
            yield
            return self._look_failed(link)
        ids = () if self.broken.look_up else self.partner.search(self.name, number)
        yield
        if link.pair.state is not PairState.CREATING:
            return False
        link.pair = found(link.pair, tuple(str(one) for one in ids))
        if ids:  # in one commit: what found it is our first entry
            link.confirmed.setdefault(waiting, "")
            link.base = Base(_FIRST, self.partner.first)
            self._pair_up(number, link)
        yield
        if not ids:
            if not (yield from self._write(link, waiting, is_create=True)):
                return False
            self._pair_up(number, link)
        return True

    def _send(self, number: int, link: Link, waiting: int) -> Generator[None, None, bool]:
        if waiting in link.values:
            if link.read_in < link.planned_at[waiting]:
                yield from self.take_in(number)
                return True
            ours, words = self.tickets[number].value, self.partner.words
            what = self.broken.settle(link.base, ours, link.theirs, words, self.owner, Times())
            is_same = same(words, link.values[waiting], link.theirs)
            is_to_be_sent = what is Settlement.SEND or (what is Settlement.NOTHING and is_same)
            if link.asked or not is_to_be_sent:
                link.confirmed[waiting] = ""  # it gave way, or a person is asked
                return True
        return (yield from self._write(link, waiting, is_create=False))

    def _write(self, link: Link, sequence: int, *, is_create: bool) -> Generator[None, None, bool]:
        """One call that writes; whether it succeeded."""
        link.pair = begin(link.pair, self.world.now)
        yield
        world, answer = self.world, list[Any]()
        body, there = link.sent.get(sequence, ""), link.pair.their_id
        if not is_create and sequence in link.sent and link.base is not None:
            link.base = text_begun(link.base, self.partner.follows, world.now)
        call: Callable[[], object]
        if is_create:
            call = lambda: answer.append(self.partner.create(self.name, body))  # noqa: E731
        elif sequence in link.values:
            value = self.partner.words.theirs_of(link.values[sequence]) or ""
            call = lambda: answer.append(  # noqa: E731
                self.partner.set_value(self.name, int(there), value)
            )
        else:
            call = lambda: answer.append(self.partner.add(self.name, int(there), body))  # noqa: E731
        fate = world.fate()
        if fate == "refused":
            yield
            return self._failed(link, Failure(Outcome.TRANSIENT, "refused"))
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
            link.base = Base(_FIRST, self.partner.first)
            return True
        link.pair = done(link.pair)
        if there != link.pair.their_id:
            return True  # it was merged meanwhile: what is there was seen, the rest is sent again
        link.confirmed[sequence] = answer[0]
        if answer[0]:
            link.arrived.add(answer[0])
        else:
            link.base = carried(link.base, link.values[sequence], value, link.theirs)
            link.set_in = world.steps
        return True

    def _look_failed(self, link: Link) -> bool:
        """Nobody could look what came of a call: it must not be forgotten by that."""
        failure = Failure(Outcome.TRANSIENT, "nobody could look")
        return self._failed(link, failure, wrote=self.broken.memory)

    def _failed(self, link: Link, failure: Failure, *, wrote: bool = True) -> bool:
        if link.pair.begun is not None or not wrote:
            now, chance = self.world.now, self.world.random.random()
            link.pair = failed(link.pair, failure, now, chance, wrote=wrote)
            if link.pair.state is PairState.STOPPED:
                link.pair = resume(link.pair)  # the person who is asked says: again
            number = link.pair.number
            self.world.later(link.pair.due or self.world.now, lambda: self.deliver(number))
        return False

    def _pair_up(self, number: int, link: Link) -> None:
        self.by_their_id.setdefault(int(link.pair.their_id), number)
        self.world.start(self.take_in(number))

    # what reads

    def take_in(self, number: int) -> Process:
        link = self.links[number]
        for _ in range(3):
            if not link.pair.their_id:
                return
            their_id = link.pair.their_id
            ticket = self.partner.read(self.name, int(their_id))
            read_in = self.world.steps
            yield
            if link.pair.their_id != their_id:
                continue  # somebody else followed it meanwhile
            if not ticket.merged_into:
                self._take(number, link, ticket, read_in)
                return
            link.pair = replace(link.pair, their_id=ticket.merged_into)
            link.moved, link.moved_after = True, max(link.confirmed, default=0)
            self.by_their_id.setdefault(int(ticket.merged_into), number)

    def _take(self, number: int, link: Link, ticket: TheirTicket, read_in: int) -> None:
        """What a read brought, in one commit."""
        arrived = frozenset() if self.broken.inbox else frozenset(link.arrived)
        known = Known(number, link.sent, arrived, digests=link.digests)
        if not self.broken.inbox and why_lost(ticket, known, their_number="", moved=link.moved):
            self.world.wrong.append(f"{self.name}: {ticket.id} taken for another ticket")
        if link.moved_after:
            sent = {
                one: link.confirmed[one] or None
                for one in link.sent
                if one in link.confirmed and one <= link.moved_after
            }
            link.moved_after = 0
            for sequence in left_behind(ticket, number, sent):
                del link.confirmed[sequence]
                link.first = min(link.first, sequence)
            self.world.start(self.deliver(number))
        news = news_of(ticket, known)
        for sequence, key in news.confirmed.items():
            link.confirmed.setdefault(sequence, key)
            link.arrived.add(key)
        link.arrived.update(news.copies)
        log = self.tickets[number].log
        for text in news.texts:
            link.arrived.add(text.key)
            link.digests[text.key] = trace_of(text.text)
            begins = len(log)
            self.add(self.partner.name, number, text.text)
            link.from_them.update(range(begins, len(log)))
        if news.texts and link.base is not None:
            link.base = answered(link.base)
        self._take_value(number, link, ticket, read_in)

    def _take_value(self, number: int, link: Link, read: TheirTicket, read_in: int) -> None:
        ticket, theirs, words = self.tickets[number], read.values["state"], self.partner.words
        if read_in < link.set_in:
            return  # it does not show what a call has set since
        link.read_in, link.theirs, link.said = max(read_in, link.read_in), theirs, ("", "")
        if link.base is not None and link.base.theirs is None:
            link.base = replace(link.base, theirs=theirs)
        their_time = read.times.get("state")
        times = Times(ticket.set_at, their_time) if their_time is not None else Times()
        what = self.broken.settle(link.base, ticket.value, theirs, words, self.owner, times)
        link.asked = theirs if what is Settlement.ASK else ""
        if what is Settlement.NOTHING:
            link.base = agreed(link.base, ticket.value, theirs, self.world.now)
        elif what is Settlement.TAKE:
            self._become(number, link, theirs)
        elif what is Settlement.SEND:
            link.base = to_be_sent(link.base, theirs)
            self._send_value(number, link)
        elif what is Settlement.SAY:
            link.said = (ticket.value, theirs)

    def _become(self, number: int, link: Link, theirs: str) -> None:
        """Their value becomes ours, as far as our ticket may be moved so."""
        ticket = self.tickets[number]
        for value in self.partner.words.all_of(theirs):
            if self.may_move(number, value):
                link.base = Base(value, theirs)
                link.from_them.add(len(ticket.log))
                self.set_value(self.partner.name, number, value)
                return
        link.said = (ticket.value, theirs)  # told by the partner

    def _send_value(self, number: int, link: Link) -> None:
        """Ours is sent, unless it is under way."""
        ticket = self.tickets[number]
        waits = any(one >= link.first and one not in link.confirmed for one in link.values)
        planned = (not is_text for is_text, *_ in ticket.log[link.planned :])
        places = range(link.planned, len(ticket.log))
        ahead = any(
            is_value and place not in link.from_them
            for place, is_value in zip(places, planned, strict=True)
        )
        if not (waits or ahead):
            link.add_value(ticket.value, self.world.steps)
            self.world.start(self.deliver(number))

    def answer(self, number: int) -> None:
        """The person who is asked about a value chooses ours or theirs."""
        link = self.links[number]
        theirs, link.asked = link.asked, ""
        if self.world.random.random() < 0.5:
            self._become(number, link, theirs)
        else:
            link.base = Base(None, theirs)
            self._send_value(number, link)
        self.world.start(self.deliver(number))

    def hinted(self, delivery: int, there: int) -> Process:
        """A webhook, which may come several times."""
        if delivery in self.inbox:
            return
        self.inbox.add(delivery)
        yield
        if (here := self.by_their_id.get(there)) is not None:
            yield from self.take_in(here)
            self.world.start(self.deliver(here))

    def pull(self) -> Process:
        """Read what changed there since the last time, and a little before."""
        up_to = len(self.partner.changed)
        for there in dict.fromkeys(self.partner.changed[max(0, self.read_up_to - 5) : up_to]):
            yield
            here = self.by_their_id.get(there)
            if here is None and self.takes_new and not self.partner.tickets[there].hidden:
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
        first = ticket.texts[0] if ticket.texts else None
        if first is None or first.by_us or ticket.merged_into or hops_of(first.text) >= MAX_HOPS:
            return None  # ours: its look-up finds it
        number = super().create(self.partner.name, first.text)
        theirs = ticket.values["state"]
        is_so = self.partner.words.ours_of(theirs) == _FIRST
        self.links[number] = Link(
            paired(Pair(number), str(there)),
            arrived={first.key},
            digests={first.key: trace_of(first.text)},
            from_them={0},
            base=Base(_FIRST, theirs if is_so else ""),
        )
        self.by_their_id[there] = number
        return number


@dataclass
class Rates:
    """How often something goes wrong, of 1."""

    trouble: float = 0.15
    death: float = 0.02
    hint: float = 0.1


class World:
    """The clock, the chance, and whose turn it is: a chain of two portals and a partner."""

    def __init__(self, seed: int, broken: Broken | None = None, rates: Rates | None = None) -> None:
        self.random, self.now, self.steps = Random(seed), START, 0
        self.rates = rates or Rates()
        self._queue: list[tuple[datetime, int, Callable[[], Process]]] = []
        self._calls: list[tuple[datetime, int, Callable[[], object]]] = []
        self._count = self._deliveries = 0
        self._running: list[Process] = []
        self.written: list[str] = []
        """What people wrote and is exchanged, each once for each time that they wrote it."""
        self.wrong: list[str] = []
        self.portals: Sequence[Portal] = ()
        self.systems: Sequence[System] = ()
        self.set_up(broken or Broken())

    def set_up(self, broken: Broken) -> None:
        """Who is there."""
        owners = self.random.choices(tuple(Owner), k=2)
        self.partner = System(self, "P", LONGEST_LAG)
        self.partner.has_history = self.random.random() < 0.5
        self.middle = Portal(self, "B", broken, owners[0])
        self.portal = Portal(self, "A", broken, owners[1])
        self.middle.follow(self.partner)
        self.portal.follow(self.middle)
        self.portals, self.systems = (
            (self.portal, self.middle),
            (self.portal, self.middle, self.partner),
        )

    def later(self, at: datetime, what: Callable[[], Process]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at, self._count, what))

    def arriving(self, at: datetime, call: Callable[[], object]) -> None:
        """A call that arrives late, whoever still waits for it: no later than the longest call."""
        self._count += 1
        heapq.heappush(self._calls, (at, self._count, call))

    def start(self, process: Process) -> None:
        self._running.append(process)

    def hint(self, portal: Portal, there: int) -> None:
        """A webhook, now and then, and then up to three times."""
        if self.random.random() < self.rates.hint:
            self._deliveries += 1
            for _ in range(self.random.randint(1, 3)):
                self.start(portal.hinted(self._deliveries, there))

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
        last = self._running.pop()
        if place < len(self._running):
            self._running[place] = last

    # people

    def somebody(self) -> None:
        """One thing that a person does anywhere."""
        chance, place = self.random.random(), self.random.choice(self.systems)
        open_ = [one for one in place.tickets.values() if one.merged_into is None]
        if chance < 0.15 or not open_:
            self.written.append(body := f"ticket {len(self.written)}")
            number = place.create("person", body)
        elif chance < 0.3:
            number = self.random.choice(open_).id
            self._set(place, number)
        elif chance < 0.34:
            self._merge()
            return
        else:
            number = self.random.choice(open_).id
            body = f"text {len(self.written)}" if chance < 0.7 else "Any news?"
            self.written.append(body)
            place.add("person", number, body)
        if isinstance(place, Portal):
            self.start(place.deliver(number))

    def _set(self, place: System, number: int) -> None:
        """A person sets a value: in a portal one to which the ticket may be moved."""
        if not isinstance(place, Portal):
            place.set_value("person", number, self.random.choice(place.values))
            return
        values = (_AGAIN,) if place.tickets[number].value == _SOLVED else (*_OPEN, _SOLVED)
        place.set_value("person", number, self.random.choice(values))

    def _merge(self) -> None:
        """Somebody at the partner merges a ticket into one of a group that is not exchanged."""
        known = [
            one
            for one in self.middle.by_their_id
            if (ticket := self.partner.tickets[one]).merged_into is None and not ticket.hidden
        ]
        if not known:
            return
        # from then on it is the counterpart of one of ours: what stands in it is exchanged
        self.written.append(body := f"hidden {self.steps}")
        self.partner.merge(
            self.random.choice(known), self.partner.create("person", body, hidden=True)
        )

    def look(self) -> None:
        """Each portal reads what changed with its partner, and goes through all of its pairs."""
        for portal in self.portals:
            self.start(portal.pull())
            for number in list(portal.tickets):
                self.start(portal.deliver(number))
                link = portal.links.get(number)
                if link is not None and link.asked:
                    portal.answer(number)
                if link is not None and link.pair.their_id:
                    self.start(portal.take_in(number))

    def play(self, steps: int = STEPS) -> None:
        """So many steps with people and trouble; then rest comes."""
        until = self.steps + steps
        while self.steps < until:
            if self.random.random() < 0.02:
                self.somebody()
            if self.random.random() < 0.01:
                portal = self.random.choice(self.portals)
                self.start(portal.pull())
                if portal.tickets:
                    self.start(portal.deliver(self.random.choice(list(portal.tickets))))
            if not self.turn():
                self.now += timedelta(seconds=1)
        self.rates = Rates(0, 0, 0)
        until = self.steps + _REST
        for _ in range(8):
            self.look()
            while self.turn():
                if self.steps > until:
                    self.wrong.append("loop: it does not come to rest")
                    return
            self.now += timedelta(days=2)


class Ring(World):
    """Three portals, each of which passes on to the next what comes to it. None of them reads what
    is new with the next: a text carries the systems behind it only where it is passed on."""

    def set_up(self, broken: Broken) -> None:
        """Who is there."""
        owner = self.random.choice(tuple(Owner))
        first, second, third = (Portal(self, name, broken, owner) for name in "ABC")
        for portal in (first, second, third):
            portal.takes_new = False
        first.follow(second)
        second.follow(third)
        third.follow(first)
        self.middle, self.portals, self.systems = (
            second,
            (first, second, third),
            (first, second, third),
        )

    def somebody(self) -> None:
        """One thing that a person does anywhere; few, for each goes round."""
        place = self.random.choice(self.portals)
        if self.random.random() < 0.1 or not place.tickets:
            if len(self.written) < 60:
                self.written.append(body := f"ticket {len(self.written)}")
                self.start(place.deliver(place.create("person", body)))
        elif len(self.written) < 60:
            number = self.random.choice(list(place.tickets))
            self.written.append(body := f"text {len(self.written)}")
            place.add("person", number, body)
            self.start(place.deliver(number))

    def look(self) -> None:
        """Each portal goes through all of its pairs."""
        for portal in self.portals:
            for number in list(portal.tickets):
                self.start(portal.deliver(number))
                link = portal.links.get(number)
                if link is not None and link.pair.their_id:
                    self.start(portal.take_in(number))


def faults_of(world: World) -> Iterator[str]:
    """What was lost, doubled, left waiting or went round, in words. Compares texts and values
    alone."""
    yield from world.wrong
    if isinstance(world, Ring):
        yield from _rounds_of(world)
        return
    for system in world.systems:
        bodies = Counter(
            without_marks(text.body).strip()
            for ticket in system.tickets.values()
            if ticket.merged_into is None
            for text in ticket.texts
        )
        expected = Counter(world.written)
        for body, count in (expected - bodies).items():
            yield f"{system.name}: lost {count} x {body!r}"
        for body, count in (bodies - expected).items():
            yield f"{system.name}: doubled {count} x {body!r}"
    for portal in world.portals:
        for number, link in portal.links.items():
            theirs = portal.partner.tickets.get(int(link.pair.their_id or 0))
            ours = portal.tickets[number].value
            if theirs is None or ours in _MEANS.get(theirs.value, {theirs.value}):
                continue
            is_said = link.said == (ours, theirs.value) and _may_differ(portal, ours, theirs.value)
            if link.asked != theirs.value and not is_said:
                yield f"{portal.name}: lost value of {number}: {ours}, theirs {theirs.value}"


def _may_differ(portal: Portal, ours: str, theirs: str) -> bool:
    """Whether there is a reason why two values stay different: theirs means nothing here, or our
    ticket may not be moved so; or ours decides, and they set theirs once more."""
    meant = _MEANS.get(theirs, {theirs})
    is_allowed = any((one == _AGAIN) is (ours == _SOLVED) for one in meant)
    return not is_allowed or portal.owner is Owner.US


def _rounds_of(world: Ring) -> Iterator[str]:
    """Each text at most once in a ticket, everywhere at least once, and no ticket more often than
    hops are allowed."""
    copies: Counter[str] = Counter()
    for portal in world.portals:
        seen: set[str] = set()
        for ticket in portal.tickets.values():
            bodies = Counter(without_marks(text.body).strip() for text in ticket.texts)
            copies.update(set(bodies))
            seen |= set(bodies)
            for body, count in bodies.items():
                if count > 1:
                    yield f"{portal.name}: doubled {count} x {body!r} in {ticket.id}"
        for body in set(world.written) - seen:
            yield f"{portal.name}: lost {body!r}"
    for body, count in copies.items():
        if count > MAX_HOPS + 1:
            yield f"loop: {body!r} stands in {count} tickets"


def play(seed: int, steps: int = STEPS, broken: Broken | None = None) -> World:
    """One world of a seed, played to its rest: every tenth is a ring."""
    world = (Ring if seed % 10 == 9 else World)(seed, broken)
    world.play(steps)
    return world


def broken_in(name: str) -> Broken:
    """What is broken in one thing."""
    broken = Broken()
    setattr(broken, name, True)
    return broken


def first_seed_that_finds(broken: Broken, most: int = 200) -> tuple[int, str] | None:
    """The first seed in which what is broken shows, and how."""
    for seed in range(most):
        for fault in faults_of(play(seed, broken=broken)):
            return seed, fault
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Play so many steps; say how fast, and what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.exchange.simulator")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, help="play this one alone, and say all that is wrong")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        for fault in faults_of(play(given.seed)):
            print(fault)
        return
    began, steps, seed = perf_counter(), 0, 0
    found_: Counter[str] = Counter()
    while steps < given.steps:
        world = play(seed)
        steps += world.steps
        for fault in faults_of(world):
            print(f"seed {seed}: {fault}")
            word = next((one for one in ("lost", "doubled", "loop") if one in fault), "wrong")
            found_[word] += 1
        seed += 1
    took = perf_counter() - began
    print(f"steps {steps:,}, seeds {seed}, {steps / took:,.0f} steps a second")
    print(f"lost {found_['lost']}, doubled {found_['doubled']}, loops {found_['loop']}")
    broken = {name: broken_in(name) for name in ("look_up", "lock", "inbox", "memory", "hops")}
    broken |= {f"values, {name}": Broken(values=name) for name in WRONGLY}
    for name, one in broken.items():
        seen = first_seed_that_finds(one)
        print(f"broken {name}: " + (f"seed {seen[0]}: {seen[1]}" if seen else "not found"))


if __name__ == "__main__":
    main()
