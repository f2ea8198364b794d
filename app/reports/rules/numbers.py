"""What the portal counts for a site's quarterly report: figures, and events without a ticket.

They are frozen with a report that is submitted, so they are plain values that go to JSON and back.
Who counts them is ``app.reports.services.numbers``; what addresses their rows have, the web floor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from app.core.rules.durations import days_in_words
from app.core.rules.language import _, counted

PERCENT: Final = "%"
WORKING_DAYS: Final = "working days"
UNITS: Final[Mapping[str, str]] = {
    "availability": PERCENT,
    "median_response": WORKING_DAYS,
    "median_solution": WORKING_DAYS,
}
"""The figures that are no counts, with their units."""


@dataclass(frozen=True)
class ReportFigure:
    """One number. ``value`` None = there is no data, which is not 0."""

    key: str
    """``incidents``, ``maintenances``, ``changes``, ``events``, ``documented``, ``undocumented``,
    ``availability``, ``median_response``, ``median_solution``, ``duties_missed``, ..."""
    label: str
    """It says what is counted even without its title."""
    value: float | None
    of: float | None = None
    """The whole of which it is a part (``15 of 19``)."""
    unit: str = ""
    """"" = a count; ``%``, ``working days``."""
    told_by: int | None = None
    """For a value that is not a count: the number of tickets or links behind it."""
    group: str = ""
    """The title of the group that it belongs to."""
    unmonitored: float | None = None
    """Of an availability: which part of the time was left out because nobody monitored, in %."""

    @property
    def words(self) -> str:
        """As it is read: ``15 of 19``, ``99.87 %``, ``no data``."""
        if self.value is None:
            return _("no data")
        if self.unit == PERCENT:
            return _percent(self.value)
        if self.unit == WORKING_DAYS:
            return days_in_words(self.value, WORKING_DAYS.removesuffix("s"))
        digits = 0 if self.value == int(self.value) and not self.unit else 2
        text = f"{self.value:.{digits}f}"
        if self.unit:
            text += f" {self.unit}"
        return (
            text
            if self.of is None
            else _("%(text)s of %(of)s", text=text, of=format(self.of, ".0f"))
        )

    @property
    def bare(self) -> str:
        """The same where the head of its column says that it is working time: ``2 days``."""
        return self.words.replace("working day", "day") if self.unit == WORKING_DAYS else self.words

    @property
    def told_of(self) -> str:
        """What is behind a value that is not a count: ``(3 tickets)``, ``over 1 link``."""
        number = self.told_by or 0
        if self.unit == PERCENT:
            links = counted("over %(num)s link", "over %(num)s links", number)
            if not self.unmonitored:
                return links
            return _(
                "%(links)s, excluding unmonitored time (%(share)s)",
                links=links,
                share=_percent(self.unmonitored),
            )
        return counted("(%(num)s ticket)", "(%(num)s tickets)", number)

    @property
    def rows(self) -> int | None:
        """How many rows its address leads to; None where it leads to no list."""
        if self.unit == PERCENT:
            return None
        if self.unit:
            return self.told_by
        return None if self.value is None else int(self.value)


def _percent(value: float) -> str:
    """Never rounded up to 100, nor down to 0."""
    text = f"{value:.2f}"
    if text == "100.00":
        return "100 %" if value >= 100 else "> 99.99 %"
    return "< 0.01 %" if value > 0 and text == "0.00" else f"{text} %"


@dataclass(frozen=True)
class UndocumentedEvent:
    """A detected event of the quarter that counts for the site and that no ticket documents."""

    id: int
    link: str
    start: datetime
    end: datetime | None
    """None = it was ongoing."""
    state: str
    """down or degraded."""


@dataclass(frozen=True)
class ReportNumbers:
    """All of them, as they were at ``counted_at`` (UTC)."""

    site: str
    quarter: str
    counted_at: datetime
    figures: Sequence[ReportFigure]
    undocumented: Sequence[UndocumentedEvent]
    """Oldest first."""
    is_behind: bool = False
    """So much had just changed that some changes were not included."""

    def figure(self, key: str) -> ReportFigure | None:
        """One of them."""
        return next((one for one in self.figures if one.key == key), None)

    @property
    def read_as(self) -> str:
        """Digest of what a person reads of them, whenever it was counted: who signs has read it."""
        said = [[one.key, *(_said(one) or ())] for one in self.figures]
        read = json.dumps([said, [asdict(one) for one in self.undocumented]], default=str)
        return sha256(read.encode()).hexdigest()[:16]

    def as_text(self) -> str:
        """As it is frozen."""
        return json.dumps(asdict(self), ensure_ascii=False, default=datetime.isoformat)

    @classmethod
    def from_text(cls, text: str) -> ReportNumbers:
        """What ``as_text`` wrote, in any of its versions."""
        values: dict[str, Any] = json.loads(text)
        return cls(
            site=values["site"],
            quarter=values["quarter"],
            counted_at=datetime.fromisoformat(values["counted_at"]),
            figures=[ReportFigure(**one) for one in values["figures"]],
            undocumented=[
                UndocumentedEvent(
                    **{
                        **one,
                        "start": datetime.fromisoformat(one["start"]),
                        "end": None if one["end"] is None else datetime.fromisoformat(one["end"]),
                    }
                )
                for one in values["undocumented"]
            ],
            is_behind=values.get("is_behind", False),
        )


@dataclass(frozen=True)
class ChangedFigure:
    """A figure that was frozen, and what the portal counts today."""

    key: str
    label: str
    frozen: ReportFigure | None
    """None = it was not counted then."""
    now: ReportFigure | None
    """None = it is not counted any more."""

    @property
    def words(self) -> str:
        """What there is now, in words; with the number behind it where only that differs."""
        if self.now is None:
            return _("no longer counted")
        if self.frozen is not None and self.frozen.words == self.now.words:
            return _("now %(told_of)s", told_of=self.now.told_of)
        return _("now %(words)s", words=self.now.words)

    @property
    def bare(self) -> str:
        """The same where the head of its column says that it is working time."""
        words = self.words
        return words.replace("working day", "day") if "working day" in words else words


def changed_since(frozen: ReportNumbers, now: ReportNumbers) -> Sequence[ChangedFigure]:
    """The figures that read otherwise now than when they were frozen, in their order."""
    before = {one.key: one for one in frozen.figures}
    today = {one.key: one for one in now.figures}
    return [
        ChangedFigure(key, (today.get(key) or before[key]).label, before.get(key), today.get(key))
        for key in dict.fromkeys((*before, *today))
        if _said(before.get(key)) != _said(today.get(key))
    ]


def _said(figure: ReportFigure | None) -> tuple[str, int | None, str] | None:
    if figure is None:
        return None
    left_out = _percent(figure.unmonitored) if figure.unmonitored else ""
    return figure.words, figure.told_by, left_out
