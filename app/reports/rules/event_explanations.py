"""Words of a report about events that are not among its events without a ticket any more.

A person wrote them: they stay, are shown with what happened to their event, and are signed with the
rest until somebody empties them. Whether an event still counts is decided by matching.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.rules.language import _, said_word
from app.reports.rules.form import EVENT


class ExplanationState(StrEnum):
    """What happened to an event that was written about."""

    DOCUMENTED = "explained before it got its ticket"
    COUNTS_NO_MORE = "counts no more"
    """It was corrected, or no longer is the site's or the quarter's."""
    PART = "part of another event now"
    """An earlier or longer one covers its time on the link."""
    GONE = "no longer detected as an event"

    @property
    def words(self) -> str:
        """As people read it; REST and files for programs have the value."""
        is_out = self is ExplanationState.COUNTS_NO_MORE
        return _("no longer counts") if is_out else said_word(self)


@dataclass(frozen=True)
class OtherWords:
    """What is in a report about such an event. ``id`` is that under which it was written."""

    id: int
    link: str
    state: str
    start: datetime | None
    """None = its report is no longer known."""
    end: datetime | None
    words: str
    fate: ExplanationState
    part_of: int | None = None
    """The detected event that covers its time now."""

    @property
    def field(self) -> str:
        """The name of the field that holds them."""
        return f"{EVENT}{self.id}"


def carried_words(
    others: Sequence[OtherWords], taken: Collection[str], listed: Collection[int]
) -> Mapping[int, Sequence[OtherWords]]:
    """Words that go with their event: by the event without a ticket that covers it now, oldest
    first. ``taken``: names of fields in which somebody wrote; they are left alone. ``listed``: the
    events without a ticket."""
    found: dict[int, list[OtherWords]] = {}
    for one in others:
        into = one.part_of
        if into is not None and into in listed and f"{EVENT}{into}" not in taken:
            found.setdefault(into, []).append(one)
    return found


def joined(words: Sequence[str]) -> str:
    """Several texts as one, each once."""
    return "\n\n".join(dict.fromkeys(words))
