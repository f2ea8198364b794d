"""Reads what changed at a partner, from the newest change back to a known one.

Times are compared only with times of the same system, and are sent only with two days to spare:
neither its clock nor the time zone in which it interprets them can lose a change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.partner import CallFailed, Changed

OVERLAP: Final = timedelta(minutes=5)
"""Read again before the cursor: what was written during the last read may have an older time."""
AHEAD: Final = timedelta(minutes=1)
"""How far the cursor may be ahead of our clock: a ticket with a time of some later year must not
hide all changes until then. With a faster clock there, what is after the limit is read again."""
SPARE: Final = timedelta(days=2)
"""More than the distance of any two time zones."""
PAGE: Final = 100
MOST_PAGES: Final = 1000


class ChangedTicket(NamedTuple):
    """A ticket there, and when it was last changed. ``version`` changes with each change, "" if
    nothing reliable is available."""

    id: str
    at: datetime
    version: str = ""


Page: TypeAlias = Callable[[int, datetime | None], Sequence[ChangedTicket]]


def changed_since(cursor: str, now: datetime, page: Page) -> Changed:
    """The ids of what changed since the cursor, oldest change first.

    ``page(number, after)`` returns ``PAGE`` rows, newest change first, from page 0 on; ``after`` is
    a time before which results are not needed, in any time zone.
    """
    if not cursor:
        newest = page(0, None)[:1]
        return Changed((), min(newest[0].at if newest else now, now + AHEAD).isoformat())
    last = datetime.fromisoformat(cursor)
    since = last - OVERLAP
    found: dict[str, ChangedTicket] = {}
    for number in range(MOST_PAGES):
        rows, before = page(number, since - SPARE), len(found)
        if any(later.at > former.at for former, later in pairwise(rows)):
            reason = "Its search does not list the last change first"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))
        for row in rows:
            if row.at >= since:
                found.setdefault(row.id, row)
        if len(rows) < PAGE or rows[-1].at < since or len(found) == before:
            break
    reached = min(max([last, *(row.at for row in found.values())]), now + AHEAD)
    versions = {row.id: row.version for row in found.values() if row.version}
    return Changed(tuple(reversed(found)), reached.isoformat(), versions=versions)
