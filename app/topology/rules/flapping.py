"""Detects flapping: a link that goes down again and again, as opposed to one that stays down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.rules.durations import length_in_words
from app.core.rules.language import _

MANY: Final = 5
"""More starts than this within ``SPAN`` are flapping, as in the clause of R2009."""
SPAN: Final = timedelta(minutes=60)
GAP: Final = timedelta(minutes=10)
"""Two outages with at most this gap belong together (decisions, section 9)."""
LOOKED_BACK: Final = timedelta(days=1)
"""How far back outages are read."""

Outage = tuple[datetime, datetime | None]
"""Start and end (UTC); None = ongoing."""


@dataclass(frozen=True)
class Flapping:
    """How often a link has gone down since a moment, and for how long in total."""

    times: int
    since: datetime
    """UTC."""
    down: timedelta

    @property
    def words(self) -> str:
        """``33 min down in total``, next to a state that says how often and since when."""
        return _("%(down)s down in total", down=length_in_words(self.down))


def flapping(outages: Sequence[Outage], now: datetime) -> Flapping | None:
    """Describe the flapping of a link with these outages, from any source, if it flaps at ``now``
    (UTC): the newest outage lasts until now, and the previous ones are close to one another."""
    together: list[Outage] = []
    begin = now
    for start, end in sorted(outages, key=lambda one: one[1] or now, reverse=True):
        if start > now or (end or now) < begin - GAP:
            continue
        together.append((start, end))
        begin = min(begin, start)
    starts = sorted(start for start, _end in together)
    is_dense = any(
        later - first <= SPAN for first, later in zip(starts, starts[MANY:], strict=False)
    )
    if not is_dense:
        return None
    down, until = timedelta(), begin
    for start, end in sorted(together, key=lambda one: one[0]):
        over = end or now
        down += max(over - max(start, until), timedelta())
        until = max(until, over)
    return Flapping(len(starts), begin, down)
