"""A field that both sides hold: whose value counts, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """Who decides where both sides changed a field (decisions, section 14)."""

    US = "us"
    THEM = "them"
    NEWEST = "whoever wrote last"
    ASK = "ask"


class Decision(StrEnum):
    """What is done about a field."""

    AGREED = "agreed"
    SEND = "send"
    """Our value goes to them."""
    TAKE = "take"
    """Their value becomes ours."""
    ASK = "ask"
    """Both stay; a person chooses."""


def decide(
    owner: Owner, base: str, ours: str, theirs: str, *, ours_is_newer: bool | None = None
) -> Decision:
    """What becomes of one field. ``base`` is the value that both sides had when they last agreed.

    Where one side alone changed it that side's value counts, unless the owner is the other.
    ``ours_is_newer``: None = nobody can say.
    """
    if ours == theirs:
        return Decision.AGREED
    if owner is Owner.US:
        return Decision.SEND
    if owner is Owner.THEM:
        return Decision.TAKE
    if theirs == base:
        return Decision.SEND
    if ours == base:
        return Decision.TAKE
    if owner is Owner.NEWEST and ours_is_newer is not None:
        return Decision.SEND if ours_is_newer else Decision.TAKE
    return Decision.ASK


@dataclass(frozen=True)
class ValueMap:
    """Our values and theirs of one field. Several of ours may be one of theirs, and the reverse;
    a value that is in no row has no counterpart, and is never guessed."""

    to_them: Mapping[str, str]
    to_us: Mapping[str, str]

    def theirs_of(self, value: str) -> str | None:
        """What we send for our value; None = nobody said."""
        return self.to_them.get(value)

    def ours_of(self, value: str) -> str | None:
        """What their value means here; None = nobody said."""
        return self.to_us.get(value)
