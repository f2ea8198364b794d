"""The chain of what crossed a pair, by which two sides find the first entry that differs.

Each entry of one origin holds the hash of the one before it. Two portals compare the newest hash
(the head) of each origin: equal heads mean equal entries, all of them (decisions, section 14).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

START: Final = "0" * 64
"""What the first entry of a chain holds as the hash before it."""


class Origin(StrEnum):
    """Where an entry was written first."""

    OURS = "ours"
    THEIRS = "theirs"


def name_of_chain(origin: Origin, *, began_here: bool) -> str:
    """The origin in words that both sides use: who opened the ticket, or who answers."""
    return "opener" if (origin is Origin.OURS) == began_here else "answerer"


@dataclass(frozen=True)
class Linked:
    """One entry of a chain. ``origin`` names the system in words that both sides use."""

    origin: str
    sequence: int
    digest: str
    before: str
    hash: str


def link(origin: str, sequence: int, digest: str, before: str) -> Linked:
    """The next entry of a chain. Which way it crossed is not part of it."""
    return Linked(origin, sequence, digest, before, _hash(origin, sequence, digest, before))


def _hash(origin: str, sequence: int, digest: str, before: str) -> str:
    return hashlib.sha256(f"{origin}\n{sequence}\n{digest}\n{before}".encode()).hexdigest()


def chain(origin: str, digests: Iterable[str]) -> list[Linked]:
    """A whole chain, from its first entry on (sequence 1)."""
    linked: list[Linked] = []
    for sequence, digest in enumerate(digests, start=1):
        linked.append(link(origin, sequence, digest, linked[-1].hash if linked else START))
    return linked


@dataclass(frozen=True)
class Difference:
    """The first entry in which a chain is not what it should be."""

    sequence: int
    why: str


def first_broken(entries: Sequence[Linked]) -> Difference | None:
    """The first entry that was altered, removed or doubled in our own chain, or None."""
    before, expected = START, 1
    previous: Linked | None = None
    for entry in entries:
        if entry.sequence != expected:
            why = "missing" if entry.sequence > expected else "doubled"
            return Difference(min(entry.sequence, expected), why)
        made = _hash(entry.origin, expected, entry.digest, before)
        if entry.before != before or entry.hash != made:
            is_again = previous is not None and _is_again(previous, entry)
            return Difference(expected, "doubled" if is_again else "altered")
        before, expected, previous = entry.hash, expected + 1, entry
    return None


def _is_again(earlier: Linked, later: Linked) -> bool:
    """Whether an entry was written a second time, as the next one."""
    return (earlier.before, earlier.digest) == (later.before, later.digest)


def first_difference(here: Sequence[str], there: Sequence[str]) -> Difference | None:
    """The first entry in which two chains of hashes differ, or None. By halves: a chain differs
    from its first different entry on, in all that follow."""
    common = min(len(here), len(there))
    low, high = 0, common
    while low < high:
        middle = (low + high) // 2
        if here[middle] == there[middle]:
            low = middle + 1
        else:
            high = middle
    if low < common:
        return Difference(low + 1, "different")
    if len(here) == len(there):
        return None
    return Difference(common + 1, "missing there" if len(here) > common else "missing here")
