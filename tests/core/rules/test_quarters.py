"""Quarters and their kin: UTC, leap years, year ends, what is no period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import Invalid
from app.core.rules.quarters import HalfYear, Month, Quarter, Year, period_range, range_touching

moments = st.integers(-62_000_000_000, 253_000_000_000).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_quarter_as_it_is_written_and_its_ends() -> None:
    quarter = Quarter.parse("2012-Q1")
    assert (quarter, str(quarter)) == (Quarter(2012, 1), "2012-Q1")
    assert (quarter.begin, quarter.end) == (at("2012-01-01"), at("2012-04-01"))
    assert (quarter.end - quarter.begin).days == 91, "2012 is a leap year"
    assert (Quarter(2013, 1).end - Quarter(2013, 1).begin).days == 90
    assert Quarter(2012, 4).next == Quarter(2013, 1)
    assert Quarter(2013, 1).previous == Quarter(2012, 4)


def test_the_others() -> None:
    assert [
        str(kind.of(at("2012-12-31T23:59:59"))) for kind in (Month, Quarter, HalfYear, Year)
    ] == [
        "2012-12",
        "2012-Q4",
        "2012-H2",
        "2012",
    ]
    assert Year.parse("2012").end == at("2013-01-01")
    assert Month.parse("2012-02").end == at("2012-03-01")
    assert HalfYear.parse("2013-H1").end == at("2013-07-01")


def test_the_quarter_is_that_of_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert Quarter.of(datetime(2013, 1, 1, 8, 59, tzinfo=tokyo)) == Quarter(2012, 4)
    assert Quarter.of(datetime(2013, 1, 1, 9, 0, tzinfo=tokyo)) == Quarter(2013, 1)


@pytest.mark.parametrize(
    "text",
    ["", "2012", "2012-Q0", "2012-Q5", "2012-q1", "0000-Q1", "2012-Q11", "２０１２-Q1", "2012-Q1 "],
)
def test_what_is_no_quarter_says_how_one_is_written(text: str) -> None:
    with pytest.raises(Invalid, match="Write a quarter as 2012-Q1") as raised:
        Quarter.parse(text, "from")
    assert raised.value.field == "from"


def test_a_range_has_both_ends_and_a_limit() -> None:
    assert [str(one) for one in period_range(Quarter(2012, 3), Quarter(2013, 2))] == [
        "2012-Q3",
        "2012-Q4",
        "2013-Q1",
        "2013-Q2",
    ]
    with pytest.raises(Invalid, match="ends before it begins"):
        period_range(Quarter(2013, 1), Quarter(2012, 4))
    with pytest.raises(Invalid, match="too long"):
        period_range(Quarter(1, 1), Quarter(9998, 4))
    with pytest.raises(Invalid, match="Write a quarter"):
        Quarter(9998, 4).next  # noqa: B018


def test_a_range_of_moments_ends_before_its_end() -> None:
    assert range_touching(Month, at("2012-01-31"), at("2012-03-01")) == [
        Month(2012, 1),
        Month(2012, 2),
    ]
    assert range_touching(Year, at("2012-01-01"), at("2012-01-01")) == [Year(2012)]


def test_partial_and_future() -> None:
    now = at("2013-05-01")
    states = [
        (one.is_partial(now), one.is_future(now)) for one in (Quarter(2013, n) for n in (1, 2, 3))
    ]
    assert states == [(False, False), (True, False), (False, True)]
    assert Quarter(2013, 2).is_partial(at("2013-04-01")), "its first moment is in it"
    assert not Quarter(2013, 2).is_partial(at("2013-07-01"))


@given(moments, st.sampled_from([Month, Quarter, HalfYear, Year]))
def test_each_moment_lies_in_exactly_one(moment: datetime, kind: type[Quarter]) -> None:
    period = kind.of(moment)
    assert period.begin <= moment < period.end
    assert kind.parse(str(period)) == period
    assert period.next.begin == period.end
    assert period.next.previous == period
