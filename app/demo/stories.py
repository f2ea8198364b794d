"""The stories of the demo's tickets: who writes what and when. It knows no database.

A story is made from a random number generator with a fixed seed, so that the same moment gives
the same demo. Everything in it could be written by hand in the portal or sent by a partner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from app.demo.texts import (
    CANCELLED,
    DUPLICATE,
    INTERNAL,
    NOT_UNDERSTOOD,
    REOPENED,
    TEXTS,
    VERIFIED,
    Text,
)
from app.registry.rules.networks import Network
from app.tickets.rules.acknowledgements import Answer
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.tickets import Category, Impact, Layer, Priority, State

OPERATOR = "operator"
REPORTER = "reporter"
PARTNER = "partner"
REPORTERS_SITE = "DE-KIT"
PARTNER_CODE = "GGUS-DEMO"
OVERSEAS = ("CA-TRIUMF", "US-FNAL-CMS", "US-T1-BNL")

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class StoryStep:
    """One change: at ``at`` (UTC), by ``who``, of the fields in ``wanted``."""

    at: datetime
    who: str
    wanted: Mapping[str, Any]


@dataclass(frozen=True)
class SiteAnswer:
    """A site's answer to the change that the ticket is."""

    at: datetime
    who: str
    site: str
    answer: str
    reason: str = ""


@dataclass(frozen=True)
class Relation:
    """The ticket of the story called ``other`` becomes ``role`` to this one."""

    at: datetime
    who: str
    role: RelationRole
    other: str


@dataclass(frozen=True)
class AttachedFile:
    """A file that ``who`` attaches to the ticket."""

    at: datetime
    who: str
    name: str
    content: bytes


Aside = SiteAnswer | Relation | AttachedFile
"""What happens to a ticket besides changes of its fields."""


@dataclass(frozen=True)
class Story:
    """One ticket from its creation on; ``steps`` are in the order of their times."""

    at: datetime
    who: str
    new: NewTicket
    steps: tuple[StoryStep, ...]
    repeated: bool = False
    """Whether the partner sends its creation a second time, with another description."""
    asides: tuple[Aside, ...] = ()
    name: str = ""
    """What other stories call it."""
    child_of: str = ""
    """The name of its parent's story."""


@dataclass(frozen=True)
class Circuit:
    """A link of the registry as stories need it: ``far`` is the T0, or the first T1."""

    name: str
    network: Network
    far: str
    site: str
    valid_from: date | None = None
    valid_until: date | None = None

    def stands(self, begin: datetime, end: datetime) -> bool:
        """Whether it is valid all the time between two moments (UTC)."""
        return (self.valid_from is None or self.valid_from <= begin.date()) and (
            self.valid_until is None or end.date() < self.valid_until
        )


@dataclass
class Times:
    """A part of the demo: how many tickets between two moments (UTC), of what kinds."""

    begin: datetime
    end: datetime
    kinds: Sequence[tuple[Category, Layer]]
    circuits: Sequence[Circuit]
    lhcone: int
    """How many of the tickets are of LHCONE."""
    sites: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        self.circuits = [one for one in self.circuits if one.stands(self.begin, self.end)]
        self.sites = sorted({circuit.site for circuit in self.circuits})


def _kinds(counts: Mapping[tuple[Category, Layer], int]) -> list[tuple[Category, Layer]]:
    return [kind for kind, count in counts.items() for _ in range(count)]


KINDS_OF_2012 = _kinds(
    {
        (Category.INCIDENT, Layer.L2): 61,
        (Category.MAINTENANCE, Layer.L2): 28,
        (Category.INCIDENT, Layer.L3): 6,
        (Category.MAINTENANCE, Layer.L3): 4,
        (Category.CHANGE, Layer.L3): 4,
        (Category.INCIDENT, Layer.PERFORMANCE): 3,
        (Category.INFORMATIONAL, Layer.OTHER): 4,
        (Category.INCIDENT, Layer.UNKNOWN): 1,
    }
)
"""111 tickets, about 80% of the circuit layer, as the operations report of 2010 says; none is a
test, as figures do not count those."""

KINDS_OF_2013 = _kinds(
    {
        (Category.INCIDENT, Layer.L2): 7,
        (Category.MAINTENANCE, Layer.L2): 4,
        (Category.INCIDENT, Layer.L3): 1,
        (Category.CHANGE, Layer.L3): 1,
        (Category.INCIDENT, Layer.PERFORMANCE): 1,
    }
)
"""The 14 tickets of the first half of 2013."""

KINDS_OF_LATELY = _kinds(
    {
        (Category.INCIDENT, Layer.L2): 38,
        (Category.MAINTENANCE, Layer.L2): 25,
        (Category.INCIDENT, Layer.L3): 11,
        (Category.MAINTENANCE, Layer.L3): 8,
        (Category.CHANGE, Layer.L3): 8,
        (Category.INCIDENT, Layer.PERFORMANCE): 7,
        (Category.INFORMATIONAL, Layer.OTHER): 4,
        (Category.TEST, Layer.OTHER): 2,
        (Category.INCIDENT, Layer.UNKNOWN): 2,
    }
)
"""105 tickets of the last twelve months; those of the last days are in ``app.demo.tonight``."""

USUAL_ENDINGS = ("solved", "verified", "reopened and solved", "unsolved")
USUAL_WEIGHTS = (70, 14, 6, 10)
_ALL_OVER = timedelta(days=18)
"""Within this time the longest story ends: a work two weeks ahead that is verified at last."""


def usual_stories(rng: Random, circuits: Sequence[Circuit], now: datetime) -> list[Story]:
    """The stories, each on its own and all over by ``now`` (UTC)."""
    parts = (
        Times(
            datetime(2012, 1, 2, 6, tzinfo=UTC),
            datetime(2012, 12, 31, 18, tzinfo=UTC),
            KINDS_OF_2012,
            circuits,
            lhcone=8,
        ),
        Times(
            datetime(2013, 1, 3, 6, tzinfo=UTC),
            datetime(2013, 6, 28, 18, tzinfo=UTC),
            KINDS_OF_2013,
            circuits,
            lhcone=2,
        ),
        Times(now - 364 * _DAY, now - _ALL_OVER, KINDS_OF_LATELY, circuits, lhcone=23),
    )
    return [story for part in parts for story in _stories(rng, part)]


def _stories(rng: Random, part: Times) -> Iterator[Story]:
    count = len(part.kinds)
    endings = rng.choices(USUAL_ENDINGS, weights=USUAL_WEIGHTS, k=count)
    kinds = list(part.kinds)
    rng.shuffle(kinds)
    networks = [Network.LHCONE] * part.lhcone + [Network.LHCOPN] * (count - part.lhcone)
    rng.shuffle(networks)
    slot = (part.end - part.begin) / count
    for position in range(count):
        at = part.begin + slot * position + slot * rng.random()
        at = at.replace(microsecond=0)
        yield _Writing(rng, part, at).story(
            kinds[position], networks[position], endings[position], position
        )


def _fits(text: Text, circuit: Circuit) -> bool:
    return circuit.site in OVERSEAS or "ransatlantic" not in text.title


class _Writing:
    """The making of one story."""

    def __init__(self, rng: Random, part: Times, at: datetime) -> None:
        self.rng = rng
        self.part = part
        self.at = at
        self.time = at
        self.who = OPERATOR
        self.steps: list[StoryStep] = []
        self.answers: list[SiteAnswer] = []

    def story(
        self, kind: tuple[Category, Layer], network: Network, ending: str, position: int
    ) -> Story:
        category, layer = kind
        rng = self.rng
        circuit = self._circuit(network, kind)
        text = rng.choice([text for text in TEXTS[kind] if _fits(text, circuit)])
        self.who = self._author(category, circuit)
        values = self._filled(text, circuit)
        affected = self._affected(category, circuit, network, text)
        new = NewTicket(
            title=values["title"],
            description=values["description"],
            state=State.NEW if rng.random() < 0.3 else State.ASSIGNED,
            priority=self._priority(text.impact),
            category=category,
            layer=layer,
            impact=text.impact,
            network=network,
            unit=rng.choice(("TPM", "LHCOPN", "WLCG Network Throughput")),
            type_of_problem=text.type_of_problem,
            affected_vo=rng.choice(("", "", "", "atlas", "cms", "lhcb", "alice")),
            carbon_copy="noc-demo@example.org" if rng.random() < 0.1 else "",
            **affected,
            **self._times(category),
            **self._origin(position, layer),
        )
        self._go_on(new, text, circuit, ending)
        return Story(self.at, self.who, new, tuple(self.steps), asides=tuple(self.answers))

    # how it begins

    def _circuit(self, network: Network, kind: tuple[Category, Layer]) -> Circuit:
        """A circuit of the network; where no text names it, LHCONE has paths between any sites."""
        named = any("{link}" in text.title for text in TEXTS[kind])
        if network is Network.LHCONE and not named:
            far, site = self.rng.sample(list(self.part.sites), 2)
            return Circuit("", network, far, site)
        return self.rng.choice([c for c in self.part.circuits if c.network == network])

    def _author(self, category: Category, circuit: Circuit) -> str:
        if self.rng.random() < 0.18 and category in (Category.INCIDENT, Category.TEST):
            return PARTNER
        if REPORTERS_SITE in (circuit.site, circuit.far) and self.rng.random() < 0.75:
            return REPORTER
        return OPERATOR

    def _filled(self, text: Text, circuit: Circuit) -> dict[str, str]:
        prefix = self.rng.choice(("192.0.2.0/24", "198.51.100.0/24", "2001:db8:5::/48"))
        values = {
            "link": circuit.name,
            "site": circuit.site,
            "far": circuit.far,
            "prefix": prefix,
        }
        self.values = values
        return {
            "title": text.title.format_map(values),
            "description": text.description.format_map(values),
        }

    def _affected(
        self, category: Category, circuit: Circuit, network: Network, text: Text
    ) -> dict[str, Any]:
        """Links and sites as stated; a partner states none and lets the title be recognised."""
        rng = self.rng
        if self.who == PARTNER:
            unknown = ("T2-DEMO-NORTH", "T2-DEMO-SOUTH")
            return {"sites": (rng.choice(unknown),)} if rng.random() < 0.2 else {}
        links = (circuit.name,) if circuit.name and category is not Category.TEST else ()
        if network is Network.LHCOPN and category is Category.MAINTENANCE and rng.random() < 0.15:
            more = [c.name for c in self.part.circuits if c.network is network and c != circuit]
            links = (*links, rng.choice(more))
        sites: tuple[str, ...] = ()
        if category is Category.CHANGE:
            others = [site for site in self.part.sites if site != circuit.site]
            sites = (circuit.site, *sorted(rng.sample(others, 4)))
            links = ()
        elif "{far}" in text.title:
            sites = (circuit.site, circuit.far)
        elif rng.random() < 0.7:
            sites = (circuit.site,)
        return {"links": links, "sites": sites}

    def _priority(self, impact: Impact) -> str:
        choices: dict[Impact, tuple[str, ...]] = {
            Impact.OUTAGE: (Priority.TOP, Priority.VERY_URGENT),
            Impact.DEGRADED: (Priority.VERY_URGENT, Priority.URGENT),
            Impact.REDUCED: (Priority.URGENT, Priority.LESS_URGENT),
        }
        priority = self.rng.choice(choices.get(impact, (Priority.LESS_URGENT,)))
        if self.who == PARTNER and self.rng.random() < 0.2:
            return Priority.NORMAL
        return priority

    def _times(self, category: Category) -> dict[str, Any]:
        rng = self.rng
        if category is Category.INCIDENT:
            start = self.at - rng.randint(10, 400) * _MINUTE
            detected = start + rng.randint(1, 9) * _MINUTE
            return {"event_start": start, "event_detected": detected}
        if category is Category.MAINTENANCE:
            day = (self.at + rng.randint(3, 14) * _DAY).replace(minute=0, second=0)
            start = day.replace(hour=rng.choice((0, 4, 5, 8, 22)), microsecond=0)
            return {"window_start": start, "window_end": start + rng.randint(2, 8) * _HOUR}
        return {}

    def _origin(self, position: int, layer: Layer) -> dict[str, Any]:
        if self.who != PARTNER:
            if layer is Layer.L2 and self.rng.random() < 0.4:
                number = f"NREN-DEMO-{self.at:%Y%m}-{position:03d}"
                url = f"https://tickets.example.org/{number}"
                return {"references": (Reference("NREN-DEMO", number, url),)}
            return {}
        return {
            "origin_system": PARTNER_CODE,
            "origin_id": f"DEMO-{self.at:%Y%m}-{position:03d}",
            "submitter_name": "network support",
            "submitter_mail": "support-demo@example.org",
            "submitter_login": "ggus-demo",
        }

    # how it goes on

    def _go_on(self, new: NewTicket, text: Text, circuit: Circuit, ending: str) -> None:
        says = [comment.format_map(self.values) for comment in text.comments]
        if new.category == Category.MAINTENANCE:
            if self._maintenance(new, says, ending):
                return
        else:
            self._step(
                OPERATOR,
                0.5,
                {
                    "state": State.IN_PROGRESS,
                    "person_in_charge": OPERATOR,
                    "public_comment": says[0],
                },
            )
            if len(says) > 1 and self.rng.random() < 0.6:
                self._step(self._second(new, circuit), 2, {"public_comment": says[1]})
        if self.rng.random() < 0.2:
            self._step(OPERATOR, 1, {"internal_comment": self.rng.choice(INTERNAL)})
        self._end(new, text, ending)

    def _maintenance(self, new: NewTicket, says: Sequence[str], ending: str) -> bool:
        """On hold until its window; whether that is all because it was cancelled."""
        assert new.window_start is not None
        if ending == "unsolved":
            self._step(OPERATOR, 20, {"state": State.UNSOLVED, "solution": CANCELLED})
            return True
        self._step(
            self.who if self.who != PARTNER else OPERATOR,
            1,
            {"state": State.ON_HOLD, "public_comment": says[0]},
        )
        self.time = new.window_start
        wanted: dict[str, Any] = {"state": State.IN_PROGRESS}
        if len(says) > 1:
            wanted["public_comment"] = says[-1]
        self._step(OPERATOR, 0.1, wanted)
        return False

    def _end(self, new: NewTicket, text: Text, ending: str) -> None:
        pause = self.rng.choice((1.5, 3.0, 8.0, 30.0))
        if new.category == Category.MAINTENANCE:
            assert new.window_end is not None
            pause = max((new.window_end - self.time) / _HOUR - 0.5, 0.2)
        self._wait(pause)
        over: dict[str, Any] = {}
        if new.category == Category.INCIDENT:
            # The event is over some minutes before the ticket is written to its end.
            over = {"event_end": self.time - self.rng.randint(5, 30) * _MINUTE}
        if ending == "unsolved":
            reason = self.rng.choice((NOT_UNDERSTOOD, DUPLICATE))
            self._step(OPERATOR, 0, {"state": State.UNSOLVED, "solution": reason, **over})
            return
        if new.category == Category.CHANGE:
            at = self.time - _MINUTE
            self.answers = [SiteAnswer(at, OPERATOR, site, Answer.ACCEPTED) for site in new.sites]
        solution = text.solution.format_map(self.values)
        self._step(OPERATOR, 0, {"state": State.SOLVED, "solution": solution, **over})
        if ending == "reopened and solved":
            self._step(self.who, 12, {"state": State.REOPENED, "public_comment": REOPENED})
            self._step(OPERATOR, 5, {"state": State.SOLVED})
        if ending == "verified":
            self._step(self.who, 20, {"state": State.VERIFIED, "public_comment": VERIFIED})

    def _second(self, new: NewTicket, circuit: Circuit) -> str:
        """Who adds to a ticket: the site's reporter where it is an end of the link."""
        if self.who == OPERATOR and new.links and REPORTERS_SITE in (circuit.site, circuit.far):
            return REPORTER
        return self.who

    def _wait(self, hours: float) -> None:
        self.time = (self.time + hours * self.rng.uniform(0.7, 1.3) * _HOUR).replace(microsecond=0)

    def _step(self, who: str, hours: float, wanted: Mapping[str, Any]) -> None:
        """The next change, about ``hours`` later."""
        self._wait(hours)
        self.steps.append(StoryStep(self.time, who, wanted))
