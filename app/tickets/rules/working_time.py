"""Working days as GGUS counts them: Monday 00:00 to Saturday 00:00 UTC, no holidays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_DAY = timedelta(days=1)
_SATURDAY = 5
_WEEK = timedelta(days=7)
_FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def add_working_days(start: datetime, days: int) -> datetime:
    """The moment when ``days`` times 24 h of working time have passed since ``start`` (UTC)."""
    moment = start
    remaining = days * _DAY
    while True:
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        if moment.weekday() < _SATURDAY:
            step = midnight - moment
            if remaining <= step:
                return moment + remaining
            remaining -= step
        moment = midnight


def working_days_before(moment: datetime, days: int) -> datetime:
    """The latest start (UTC) from which ``days`` times 24 h of working time have passed by then."""
    remaining = days * _DAY
    while True:
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if midnight == moment:
            midnight -= _DAY
        if midnight.weekday() < _SATURDAY:
            step = moment - midnight
            if remaining <= step:
                return moment - remaining
            remaining -= step
        moment = midnight


def working_time_between(start: datetime, end: datetime) -> timedelta:
    """The working time that passes from ``start`` to ``end`` (UTC); nothing if it ends before."""
    return max(_worked_until(end) - _worked_until(start), timedelta())


def _worked_until(moment: datetime) -> timedelta:
    """The working time since the first Monday of 1970."""
    weeks, rest = divmod(moment - _FIRST_MONDAY, _WEEK)
    return weeks * _SATURDAY * _DAY + min(rest, _SATURDAY * _DAY)
