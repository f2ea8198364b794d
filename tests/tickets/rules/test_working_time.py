"""Working days against hand-counted cases and against a slow count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tickets.rules.working_time import add_working_days, working_days_before


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2013-03-06 12:00", "2013-03-20 12:00"),  # Wednesday noon: two weeks
        ("2013-03-08 00:00", "2013-03-22 00:00"),  # Friday 00:00
        ("2013-03-09 15:00", "2013-03-23 00:00"),  # Saturday counts from Monday 00:00
        ("2013-03-10 23:59", "2013-03-23 00:00"),  # Sunday too
        ("2013-03-11 00:00", "2013-03-23 00:00"),  # Monday 00:00: until Saturday 00:00
        ("2012-12-24 06:30", "2013-01-07 06:30"),  # no holidays
    ],
)
def test_ten_working_days(start: str, due: str) -> None:
    assert add_working_days(at(start), 10) == at(due)


moments = st.integers(0, 20 * 365 * 24).map(lambda hour: at("2009-01-01") + timedelta(hours=hour))


@given(moments, st.integers(1, 30))
def test_exactly_that_much_working_time_lies_between(start: datetime, days: int) -> None:
    due = add_working_days(start, days)
    hours = int((due - start) / timedelta(hours=1))
    worked = sum((start + timedelta(hours=n)).weekday() < 5 for n in range(hours))
    assert worked == 24 * days
    assert (due - timedelta(hours=1)).weekday() < 5


@pytest.mark.parametrize(
    ("moment", "days", "start"),
    [
        ("2013-03-20 12:00", 5, "2013-03-13 12:00"),  # Wednesday noon: one week
        ("2013-03-11 06:00", 1, "2013-03-08 06:00"),  # Monday morning: Friday morning
        ("2013-03-10 09:00", 1, "2013-03-08 00:00"),  # Sunday: what was there as Friday began
        ("2013-03-16 00:00", 5, "2013-03-11 00:00"),  # Saturday 00:00: the whole week
    ],
)
def test_working_days_before(moment: str, days: int, start: str) -> None:
    assert working_days_before(at(moment), days) == at(start)


@given(moments, st.integers(1, 30))
def test_before_is_the_latest_start_that_is_over_by_then(moment: datetime, days: int) -> None:
    start = working_days_before(moment, days)
    assert add_working_days(start, days) <= moment
    assert add_working_days(start + timedelta(seconds=1), days) > moment
