"""The slides of a meeting pack as plain values: their content, not how it is drawn.

``app.meetings.services.pack_slides`` creates them, and the code that draws them
(``app.meetings.documents``) adds nothing: so the slides, as PPTX and as PDF, say the same as the
pages that are their source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from app.core.rules.language import _


class SlideKind(StrEnum):
    """What may be chosen for a pack; one of them may become several slides."""

    HEADLINES = "headlines"
    TICKETS_BY_QUARTER = "tickets-by-quarter"
    TICKETS_BY_MONTH = "tickets-by-month"
    MATCHING = "matching"
    UNDOCUMENTED = "undocumented"
    DUTIES = "duties"
    WHAT_IF = "what-if"
    STANDING = "long-standing"
    REPORTS = "reports"


SLIDE_WORDS: Final[Mapping[SlideKind, tuple[str, str]]] = {
    SlideKind.HEADLINES: (
        _("Tickets in a year and in a half-year"),
        _("Tickets created in the year and in the half-year in which the pack ends"),
    ),
    SlideKind.TICKETS_BY_QUARTER: (
        _("Tickets per quarter"),
        _("How many tickets were created in each quarter"),
    ),
    SlideKind.TICKETS_BY_MONTH: (
        _("Tickets per month"),
        _("How many tickets were created in each month"),
    ),
    SlideKind.MATCHING: (
        _("Detected events and tickets per T1"),
        _("Detected events >= 1 h, and how many of them have a ticket; two quarters per slide"),
    ),
    SlideKind.UNDOCUMENTED: (
        _("Events without a ticket"),
        _("Detected events >= 1 h without a ticket"),
    ),
    SlideKind.DUTIES: (
        _("Required tickets"),
        _("Tickets required by the rule in force, and missing ones, by responsible site"),
    ),
    SlideKind.WHAT_IF: (
        _("Rule comparison"),
        _("Tickets that each rule would have required, per T1"),
    ),
    SlideKind.STANDING: (
        _("Long-standing tickets"),
        _("Open tickets that were created more than 30 days ago"),
    ),
    SlideKind.REPORTS: (
        _("Quarterly reports"),
        _("Submitted and missing reports by site and quarter"),
    ),
}
"""What each is called and what it shows, in the order in which they are offered."""

Cell: TypeAlias = str | int | None
"""None = there is no data, which is not 0."""


class Tone(StrEnum):
    """How a word of a table is marked, in addition to the word itself."""

    OK = "ok"
    WAITING = "waiting"
    TROUBLE = "trouble"
    QUIET = "quiet"


@dataclass(frozen=True)
class Series:
    """One row of bars: a value for each category."""

    name: str
    values: Sequence[int | None]


@dataclass(frozen=True)
class Chart:
    """Columns side by side on a zero baseline."""

    categories: Sequence[str]
    series: Sequence[Series]


@dataclass(frozen=True)
class Column:
    """A column of a table; ``share`` is its part of the width, relative to the others."""

    head: str
    share: float = 1
    is_number: bool = False


@dataclass(frozen=True)
class SlideRow:
    """A row of a table."""

    cells: Sequence[Cell]
    is_total: bool = False


@dataclass(frozen=True)
class Table:
    """What is in rows. ``tones`` marks words wherever they are in a cell of their own."""

    columns: Sequence[Column]
    rows: Sequence[SlideRow]
    tones: Mapping[str, Tone] = field(default_factory=dict)


@dataclass(frozen=True)
class Slide:
    """One slide. A table that is too long for it continues over several ones when it is drawn."""

    title: str
    subtitle: str
    source: str
    """The address of the page with the same figures."""
    chart: Chart | None = None
    table: Table | None = None
    words: Sequence[str] = ()
    """What is said below, or instead of figures: a paragraph each."""
    is_sample: bool = False
    """Whether its figures are of the demonstration's data."""

    @property
    def foot(self) -> str:
        """What is below: a slide is copied into others' decks, and says what it is there."""
        said = f"Source: {self.source}"
        return f"Sample data. {said}" if self.is_sample else said

    @property
    def notes(self) -> str:
        """What is in the speaker's notes."""
        said = "\n".join((self.subtitle, *self.words))
        return f"{self.title}\n{said}\n\n{self.foot}"


@dataclass(frozen=True)
class Deck:
    """All of a pack. ``facts`` are on the title slide: the time of the figures, and the author."""

    title: str
    subtitle: str
    facts: Sequence[str]
    slides: Sequence[Slide]
