"""The chain of exchanged entries of a pair; two sides with the same head have the same entries.

Each entry of one origin contains the hash of the previous one. Two portals compare the newest hash
(the head) of each origin: equal heads mean that all entries are equal (decisions, section 14).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

START: Final = "0" * 64
"""The head of an empty chain."""


class Origin(StrEnum):
    """Where an entry was first written."""

    OURS = "ours"
    THEIRS = "theirs"


def name_of_chain(origin: Origin, *, began_here: bool) -> str:
    """The origin in words that both sides use: who opened the ticket, or who answers."""
    return "opener" if (origin is Origin.OURS) == began_here else "answerer"


def head_of(name: str, digests: Iterable[str]) -> str:
    """The hash of the newest entry of a chain, from the digests of all entries, oldest first. The
    direction is not included."""
    head = START
    for sequence, digest in enumerate(digests, start=1):
        head = hashlib.sha256(f"{name}\n{sequence}\n{digest}\n{head}".encode()).hexdigest()
    return head
