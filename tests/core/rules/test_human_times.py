"""Times as people say them: a table with a fixed now, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.rules.errors import Invalid
from app.core.rules.human_times import Tense, read_human_time

NOW = datetime(2026, 11, 25, 9, 10, 42, 5000, tzinfo=UTC)
"""A Wednesday; 10:10 in Zurich, 04:10 in New York."""
ZURICH = "Europe/Zurich"


def read(
    text: str,
    zone: str = "UTC",
    *,
    now: datetime = NOW,
    tense: Tense = Tense.PAST,
    days: bool = False,
) -> str:
    found = read_human_time("start", text, now=now, zone=ZoneInfo(zone), tense=tense, days=days)
    assert found.tzinfo is UTC
    return found.strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("now", "UTC", "2026-11-25 09:10:42"),
        ("  NOW ", ZURICH, "2026-11-25 09:10:42"),
        ("40 min ago", "UTC", "2026-11-25 08:30:00"),
        ("40min ago", "UTC", "2026-11-25 08:30:00"),
        ("40 minutes ago", ZURICH, "2026-11-25 08:30:00"),
        ("2 h ago", "UTC", "2026-11-25 07:10:00"),
        ("1 h 30 min ago", "UTC", "2026-11-25 07:40:00"),
        ("1h30m ago", "UTC", "2026-11-25 07:40:00"),
        ("3 days ago", "UTC", "2026-11-22 09:10:00"),
        ("1 week ago", "UTC", "2026-11-18 09:10:00"),
        ("in 2 hours", "UTC", "2026-11-25 11:10:00"),
        ("08:29", "UTC", "2026-11-25 08:29:00"),
        ("8:29", "UTC", "2026-11-25 08:29:00"),
        ("08:29", ZURICH, "2026-11-25 07:29:00"),
        ("08:29 utc", ZURICH, "2026-11-25 08:29:00"),
        ("08:29Z", ZURICH, "2026-11-25 08:29:00"),
        ("08:29+02:00", ZURICH, "2026-11-25 06:29:00"),
        ("08:29 -0330", "UTC", "2026-11-25 11:59:00"),
        ("today 23:00", "UTC", "2026-11-25 23:00:00"),
        ("yesterday 14:00", "UTC", "2026-11-24 14:00:00"),
        ("Yesterday at 14:00", ZURICH, "2026-11-24 13:00:00"),
        ("tomorrow 08:00", "America/New_York", "2026-11-26 13:00:00"),
        ("tue 10:00", "UTC", "2026-11-24 10:00:00"),
        ("Tuesday 10:00", "UTC", "2026-11-24 10:00:00"),
        ("tue. 10:00", "UTC", "2026-11-24 10:00:00"),
        ("wed 09:00", "UTC", "2026-11-25 09:00:00"),  # today, and past
        ("wed 09:11", "UTC", "2026-11-18 09:11:00"),  # today it is still to come
        ("wed 10:00", ZURICH, "2026-11-25 09:00:00"),
        ("thu 10:00", "UTC", "2026-11-19 10:00:00"),
        ("2026-01-31 09:05", ZURICH, "2026-01-31 09:05:00"),  # a full date is UTC
        ("2026-01-31 09:05 UTC", ZURICH, "2026-01-31 09:05:00"),  # as the portal shows it
        ("2026-01-31T10:05:30+01:00", "UTC", "2026-01-31 09:05:30"),
        ("2026-01-31", "UTC", "2026-01-31 00:00:00"),
    ],
)
def test_what_a_person_types_is_read(text: str, zone: str, expected: str) -> None:
    assert read(text, zone) == expected


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("tue 10:00", "UTC", "2026-12-01 10:00:00"),
        ("wed 09:11", "UTC", "2026-11-25 09:11:00"),
        ("wed 09:10", "UTC", "2026-12-02 09:10:00"),
        ("thu 10:00", ZURICH, "2026-11-26 09:00:00"),
    ],
)
def test_a_weekday_of_a_plan_is_to_come(text: str, zone: str, expected: str) -> None:
    assert read(text, zone, tense=Tense.COMING) == expected


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("Tuesday", "UTC", "2026-12-01 09:00:00"),
        ("wed", "UTC", "2026-12-02 09:00:00"),  # today it was 09:00 ten minutes ago
        ("wed", "America/New_York", "2026-11-25 14:00:00"),  # where it is to come today
        ("tomorrow", ZURICH, "2026-11-26 08:00:00"),
        ("tomorrow 9:00", "UTC", "2026-11-26 09:00:00"),
        ("in 3 days", "UTC", "2026-11-28 09:10:00"),
        ("next Monday 14:00", "UTC", "2026-11-30 14:00:00"),
        ("next wednesday", "UTC", "2026-12-02 09:00:00"),
        ("Next Wed 23:00", "UTC", "2026-12-02 23:00:00"),  # not today
        ("2026-12-24", ZURICH, "2026-12-24 09:00:00"),  # a full date is UTC
        ("2026-12-24 18:00", "UTC", "2026-12-24 18:00:00"),
        ("now", "UTC", "2026-11-25 09:10:42"),
    ],
)
def test_a_day_alone_will_do_for_what_is_to_come(text: str, zone: str, expected: str) -> None:
    assert read(text, zone, tense=Tense.COMING, days=True) == expected


@pytest.mark.parametrize(
    "text",
    ["soon", "next", "next tomorrow", "next 14:00", "next week", "2026-02-30", "tuesday 25:00"],
)
def test_what_is_no_day_says_what_may_be_written(text: str) -> None:
    with pytest.raises(Invalid, match="write Tuesday, tomorrow 9:00, in 3 days, next Monday"):
        read(text, tense=Tense.COMING, days=True)


def test_days_are_those_of_the_person() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # the 26th in Zurich
    assert read("08:00", ZURICH, now=late) == "2026-11-26 07:00:00"
    assert read("yesterday 08:00", ZURICH, now=late) == "2026-11-25 07:00:00"
    assert read("08:00", "UTC", now=late) == "2026-11-25 08:00:00"


def test_the_hour_that_clocks_skip_is_none_and_of_a_doubled_one_it_is_the_first() -> None:
    spring = datetime(2026, 3, 29, 12, tzinfo=UTC)
    with pytest.raises(Invalid):
        read("02:30", ZURICH, now=spring)
    autumn = datetime(2026, 10, 25, 12, tzinfo=UTC)
    assert read("02:30", ZURICH, now=autumn) == "2026-10-25 00:30:00"


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "soon",
        "ago",
        "40 ago",
        "40 parsecs ago",
        "40 min",
        "-5 min ago",
        "99999 weeks ago",
        "25:00",
        "08:60",
        "08:29 CET",
        "08:29+99:00",
        "funday 10:00",
        "in",
        "2026-02-30",
        "2026-01-31 10:00+01:00 UTC",
        "\u0664\u0660 min ago",
        "now\0",
        "9" * 5000,
        "1 min " * 2000 + "ago",
    ],
)
def test_what_is_no_time_says_what_may_be_written(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_human_time("start", text, now=NOW, zone=UTC, tense=Tense.PAST, label="Event start")
    assert refused.value.field == "start"
    assert refused.value.message.startswith("Event start is not a readable time; write now, 40 min")
