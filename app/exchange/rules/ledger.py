"""The chain of what crossed a pair, by whose end two sides see that they hold the same.

Each entry of one origin holds the hash of the one before it. Two portals compare the newest hash
(the head) of each origin: equal heads mean equal entries, all of them (decisions, section 14).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

START: Final = "0" * 64
"""The head of a chain without an entry."""


class Origin(StrEnum):
    """Where an entry was written first."""

    OURS = "ours"
    THEIRS = "theirs"


def name_of_chain(origin: Origin, *, began_here: bool) -> str:
    """The origin in words that both sides use: who opened the ticket, or who answers."""
    return "opener" if (origin is Origin.OURS) == began_here else "answerer"


def head_of(name: str, digests: Iterable[str]) -> str:
    """The hash of the newest entry of a chain, by the digests of all of them, the oldest first.
    Which way they crossed is not part of it."""
    head = START
    for sequence, digest in enumerate(digests, start=1):
        head = hashlib.sha256(f"{name}\n{sequence}\n{digest}\n{head}".encode()).hexdigest()
    return head
