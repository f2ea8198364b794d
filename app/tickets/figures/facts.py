"""What figures need to know of each ticket, as arrays: a million tickets are some 70 MB.

Times are int64 microseconds since 1970, UTC; ``NOT_SET`` if none exists. Words of closed lists
are their place in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from app.core.figures.columns import Columns
from app.core.figures.columns import joined as joined_columns
from app.registry.rules.networks import Network
from app.tickets.rules.tickets import Category, Layer, Priority, State
from app.tickets.rules.times import TicketTimes

NOT_SET: Final = -(2**63)
"""A time or a length that is not there."""
NO_SITE: Final = 0
"""No responsible site; keys of sites begin at 1."""
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "state": tuple(State),
    "network": tuple(Network),
    "category": tuple(Category),
    "layer": tuple(Layer),
    "priority": tuple(Priority),
}
"""The closed lists; a fact is the place in them."""

Times: TypeAlias = npt.NDArray[np.int64]
Table: TypeAlias = npt.NDArray[Any]
"""A column."""
TICKET: Final = np.dtype(
    [
        ("number", "<i4"),
        ("created", "<i8"),
        ("responded", "<i8"),
        ("ended", "<i8"),
        ("waited", "<i8"),
        ("waiting_since", "<i8"),
        ("paused", "<i8"),
        ("changed", "<i8"),
        ("responsible", "<i4"),
        *((name, "u1") for name in WORDS),
    ]
)
"""One ticket. ``waited``: finished waits, NOT_SET where it never waited; ``ended``: the newest move
to solved or unsolved, if not reopened since; ``paused``: working time spent waiting for a reply or
on hold, NOT_SET where it is not known; ``priority``: at submission."""
PAIR: Final = np.dtype([("number", "<i4"), ("id", "<i4")])
"""A ticket and a link or site that it affects."""
_BITS: Final = 32
"""Of a key, which is never negative."""
_EPOCH_DAY: Final = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001  # only its day is asked


@dataclass(frozen=True)
class TicketFacts:
    """The facts of some tickets, ordered by number; of pairs each is once."""

    tickets: Columns
    """Those of ``TICKET``."""
    links: Columns
    """Those of ``PAIR``."""
    sites: Columns
    names: tuple[tuple[int, str], ...] = ()
    """Affected sites that are unknown, as they were sent: number and name."""

    def __len__(self) -> int:
        return len(self.tickets)


@dataclass(frozen=True)
class TicketRow:
    """What a ticket's row says; times are UTC."""

    number: int
    created: datetime
    changed: datetime
    ended: datetime | None
    responsible: int | None
    state: str
    network: str
    category: str
    layer: str
    priority: str


def microseconds(moment: datetime | None) -> int:
    """A UTC time as whole microseconds since 1970."""
    if moment is None:
        return NOT_SET
    days = moment.toordinal() - _EPOCH_DAY
    seconds = days * 86400 + moment.hour * 3600 + moment.minute * 60 + moment.second
    return seconds * 1_000_000 + moment.microsecond


def facts_of(
    rows: Iterable[tuple[TicketRow, TicketTimes]],
    links: Sequence[tuple[int, int]],
    sites: Sequence[tuple[int, int]],
    names: Iterable[tuple[int, str]],
) -> TicketFacts:
    """The facts of tickets, with pairs of their numbers and links, sites, unknown sites' names."""
    places = {name: {word: at for at, word in enumerate(known)} for name, known in WORDS.items()}
    records = [
        (
            row.number,
            microseconds(row.created),
            microseconds(times.responded),
            microseconds(row.ended),
            _length(times.waited) if times.has_waited else NOT_SET,
            microseconds(times.waiting_since),
            NOT_SET if times.paused is None else _length(times.paused),
            microseconds(row.changed),
            row.responsible or NO_SITE,
            places["state"][row.state],
            places["network"][row.network],
            places["category"][row.category],
            places["layer"][row.layer],
            places["priority"][times.priority or row.priority],
        )
        for row, times in rows
    ]
    tickets = np.array(records, dtype=TICKET)
    return TicketFacts(
        Columns.of(tickets[np.argsort(tickets["number"], kind="stable")]),
        _pairs(links),
        _pairs(sites),
        tuple(sorted(set(names))),
    )


def joined(parts: Sequence[TicketFacts]) -> TicketFacts:
    """Several as one; they are given in the order of their numbers."""
    if not parts:
        return nothing()
    return TicketFacts(
        joined_columns([part.tickets for part in parts]),
        joined_columns([part.links for part in parts]),
        joined_columns([part.sites for part in parts]),
        tuple(pair for part in parts for pair in part.names),
    )


def nothing() -> TicketFacts:
    """No ticket at all."""
    return facts_of((), (), (), ())


def followed(facts: TicketFacts | None, newer: TicketFacts) -> TicketFacts:
    """The facts, with what is newer of some tickets; tickets that were not there are added."""
    if facts is None:
        return newer
    numbers = newer.tickets["number"]
    names = facts.names
    if names or newer.names:
        of_newer = frozenset(numbers.tolist())
        kept = (pair for pair in names if pair[0] not in of_newer)
        names = tuple(sorted((*kept, *newer.names)))
    return TicketFacts(
        facts.tickets.replaced(numbers, newer.tickets),
        facts.links.replaced(numbers, newer.links),
        facts.sites.replaced(numbers, newer.sites),
        names,
    )


def concerning(facts: TicketFacts, ends: Mapping[int, tuple[int, int]]) -> TicketFacts:
    """The same, where ``sites`` are all that a ticket concerns: affected, responsible, and the ends
    of its links; ``ends`` by the link's key."""
    of_links = facts.links["id"]
    tables = [np.zeros(int(of_links.max(initial=0)) + 1, np.int32) for _ in range(2)]
    for link, both in ends.items():
        for table, site in zip(tables, both, strict=True):
            if link < len(table):
                table[link] = site
    responsible = facts.tickets["responsible"]
    has_one = responsible != NO_SITE
    numbers = [
        facts.sites["number"],
        facts.tickets["number"][has_one],
        *(facts.links["number"] for _ in tables),
    ]
    sites = [facts.sites["id"], responsible[has_one], *(table[of_links] for table in tables)]
    return replace(facts, sites=_each_once(np.concatenate(numbers), np.concatenate(sites)))


def _pairs(pairs: Sequence[tuple[int, int]]) -> Columns:
    both = np.array(list(pairs), np.int64).reshape(-1, 2)
    return _each_once(both[:, 0], both[:, 1])


def _each_once(numbers: Table, keys: Table) -> Columns:
    """Pairs in their order, each once. As one whole number for both they are sorted a hundred times
    as fast as rows of two, and as ``np.unique`` would."""
    both = np.sort((numbers.astype(np.int64) << _BITS) | keys.astype(np.int64), kind="stable")
    both = both[np.diff(both, prepend=-1) != 0]
    pairs = np.zeros(len(both), PAIR)
    pairs["number"], pairs["id"] = both >> _BITS, both & (2**_BITS - 1)
    return Columns.of(pairs)


def _length(span: timedelta) -> int:
    return (span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds
