"""What the portal counts for a site's quarterly report: figures, and events without a ticket.

They are frozen with a report that is submitted, so they are plain values that go to JSON and back.
Who counts them is ``app.services.report_numbers``; what addresses their rows have, the web floor.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number. ``value`` None = there is no data, which is not 0."""

    key: str
    """``incidents``, ``maintenances``, ``changes``, ``events``, ``documented``, ``undocumented``,
    ``availability``, ``median_response``, ``median_solution``, ``duties_missed``, ..."""
    label: str
    value: float | None
    of: float | None = None
    """The whole of which it is a part (``15 of 19``)."""
    unit: str = ""
    """"" = a count; ``%``, ``h``."""

    @property
    def words(self) -> str:
        """As it is read: ``15 of 19``, ``99.87 %``, ``no data``."""
        if self.value is None:
            return "no data"
        digits = 0 if self.value == int(self.value) and not self.unit else 2
        text = f"{self.value:.{digits}f}"
        if self.unit:
            text += f" {self.unit}"
        return text if self.of is None else f"{text} of {self.of:.0f}"


@dataclass(frozen=True)
class UndocumentedEvent:
    """A detected event of the quarter that counts for the site and that no ticket documents."""

    id: int
    link: str
    start: datetime
    end: datetime | None
    """None = it went on."""
    state: str
    """down or degraded."""


@dataclass(frozen=True)
class ReportNumbers:
    """All of them, as they were at ``counted_at`` (UTC)."""

    site: str
    quarter: str
    counted_at: datetime
    figures: Sequence[Figure]
    undocumented: Sequence[UndocumentedEvent]

    def figure(self, key: str) -> Figure | None:
        """One of them."""
        return next((one for one in self.figures if one.key == key), None)

    def as_text(self) -> str:
        """As it is frozen."""
        return json.dumps(asdict(self), ensure_ascii=False, default=datetime.isoformat)

    @classmethod
    def from_text(cls, text: str) -> ReportNumbers:
        """What ``as_text`` made."""
        values: dict[str, Any] = json.loads(text)
        return cls(
            site=values["site"],
            quarter=values["quarter"],
            counted_at=datetime.fromisoformat(values["counted_at"]),
            figures=[Figure(**one) for one in values["figures"]],
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
        )
