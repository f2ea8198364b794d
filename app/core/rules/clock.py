"""Times at the resolution that is stored and sent."""

from __future__ import annotations

from datetime import datetime, timedelta

RESOLUTION = timedelta(milliseconds=1)


def to_milliseconds(moment: datetime) -> datetime:
    """``moment`` without what is below a millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def strictly_after(moment: datetime, previous: datetime | None) -> datetime:
    """``moment`` in milliseconds, moved on by one if it were not after ``previous``.

    Partners compare ``GHD_Date_Of_Change`` to notice changes, so no two changes of one ticket may
    have the same time.
    """
    moment = to_milliseconds(moment)
    if previous is not None and moment <= previous:
        return previous + RESOLUTION
    return moment
