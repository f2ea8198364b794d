"""A field that both sides have: who owns it, and how its values are mapped (``settle`` decides)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """Who decides if both sides changed a field (decisions, section 14)."""

    US = "us"
    THEM = "them"
    NEWEST = "whoever wrote last"
    ASK = "ask"


@dataclass(frozen=True)
class ValueMap:
    """The mapping of one field. Several of our values may be one of theirs, and the reverse; a
    value without a row has no mapping, and is never guessed."""

    to_them: Mapping[str, str]
    to_us: Mapping[str, str]

    def theirs_of(self, value: str) -> str | None:
        """The value to send for ours; None = not mapped."""
        return self.to_them.get(value)

    def ours_of(self, value: str) -> str | None:
        """What their value means here; None = not mapped."""
        return self.to_us.get(value)

    def all_of(self, value: str) -> Sequence[str]:
        """All our values that their value may stand for, the usual meaning first."""
        folded = value.casefold()
        sent = (ours for ours, theirs in self.to_them.items() if theirs.casefold() == folded)
        meant = self.ours_of(folded)
        return tuple(dict.fromkeys(sent if meant is None else (meant, *sent)))
