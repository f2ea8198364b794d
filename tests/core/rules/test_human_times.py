"""Times as people say them: a table with a fixed now, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("08:29 -0330", "UTC", "2026-11-24 11:59:00"),  # there it is 05:40
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
    with pytest.raises(
        Invalid, match="Use for example: Tuesday, tomorrow 9:00, in 3 days, next Monday"
    ):
        read(text, tense=Tense.COMING, days=True)


def test_days_are_those_of_the_person() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # the 26th in Zurich, 00:30
    assert read("today 08:00", ZURICH, now=late) == "2026-11-26 07:00:00"
    assert read("00:20", ZURICH, now=late) == "2026-11-25 23:20:00"
    assert read("yesterday 08:00", ZURICH, now=late) == "2026-11-25 07:00:00"
    assert read("08:00", "UTC", now=late) == "2026-11-25 08:00:00"


def test_the_hour_that_clocks_skip_is_none() -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
    for text in ("02:30", "today 02:30", "sun 02:30", "29 Mar 02:30"):
        with pytest.raises(Invalid):
            read(text, ZURICH, now=noon)
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30, and it is skipped at 02:00
    assert read("02:30", ZURICH, now=before) == "2026-03-28 01:30:00"
    with pytest.raises(Invalid):
        read("02:30", ZURICH, now=before, tense=Tense.COMING)


@pytest.mark.parametrize(
    ("clock", "text", "expected"),
    [
        # clocks are put back on 2026-10-25 at 01:00 UTC, from 03:00 to 02:00
        ("00:15", "02:30", "2026-10-24 00:30:00"),  # 02:15, for the first time
        ("00:45", "02:30", "2026-10-25 00:30:00"),  # 02:45, for the first time
        ("01:15", "02:30", "2026-10-25 00:30:00"),  # 02:15, for the second time
        ("01:45", "02:30", "2026-10-25 01:30:00"),  # 02:45, for the second time
        ("12:00", "02:30", "2026-10-25 01:30:00"),
        ("12:00", "today 02:30", "2026-10-25 01:30:00"),
        ("12:00", "02:30+02:00", "2026-10-25 00:30:00"),
    ],
)
def test_of_a_doubled_hour_it_is_the_last_that_has_been(
    clock: str, text: str, expected: str
) -> None:
    now = datetime.fromisoformat(f"2026-10-25T{clock}:00+00:00")
    assert read(text, ZURICH, now=now) == expected


def test_of_a_doubled_hour_of_a_plan_it_is_the_first() -> None:
    now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    for text in ("tomorrow 02:30", "sun 02:30", "25 Oct 02:30"):
        assert read(text, ZURICH, now=now, tense=Tense.COMING) == "2026-10-25 00:30:00"


LATE = datetime(2026, 11, 30, 22, 4, 30, tzinfo=UTC)
"""A Monday; 23:04 in Zurich, 17:04 in New York, the next day 07:04 in Tokyo."""


@pytest.mark.parametrize(
    ("text", "zone", "past", "coming"),
    [
        ("23:50", "UTC", "11-29 23:50", "11-30 23:50"),
        ("22:04", "UTC", "11-30 22:04", "12-01 22:04"),
        ("22:05", "UTC", "11-29 22:05", "11-30 22:05"),
        ("23:50", ZURICH, "11-29 22:50", "11-30 22:50"),
        ("23:50", "Asia/Tokyo", "11-30 14:50", "12-01 14:50"),
        ("07:00", "Asia/Tokyo", "11-30 22:00", "12-01 22:00"),
        ("18:00", "America/New_York", "11-29 23:00", "11-30 23:00"),
        ("23:50 UTC", ZURICH, "11-29 23:50", "11-30 23:50"),
        ("23:50+01:00", "UTC", "11-29 22:50", "11-30 22:50"),
        ("10am", "UTC", "11-30 10:00", "12-01 10:00"),
        ("10 a.m.", "UTC", "11-30 10:00", "12-01 10:00"),
        ("10:30 PM", "UTC", "11-29 22:30", "11-30 22:30"),
        ("12am", "UTC", "11-30 00:00", "12-01 00:00"),
        ("12:15pm", ZURICH, "11-30 11:15", "12-01 11:15"),
        ("noon", "UTC", "11-30 12:00", "12-01 12:00"),
        ("Noon", "America/New_York", "11-30 17:00", "12-01 17:00"),
        ("midnight", "UTC", "11-30 00:00", "12-01 00:00"),
        ("midnight", ZURICH, "11-29 23:00", "11-30 23:00"),
        # a day that is said is that day
        ("today 23:50", "UTC", "11-30 23:50", "11-30 23:50"),
        ("10:00 tomorrow", "UTC", "12-01 10:00", "12-01 10:00"),
        ("tomorrow 10:00", ZURICH, "12-01 09:00", "12-01 09:00"),
        ("tomorrow noon", "UTC", "12-01 12:00", "12-01 12:00"),
        ("10:00 yesterday", "UTC", "11-29 10:00", "11-29 10:00"),
        ("10am, on tue", "UTC", "11-24 10:00", "12-01 10:00"),
        ("10:00 next monday", "UTC", "12-07 10:00", "12-07 10:00"),
        ("1 Dec 10:00", "UTC", "12-01 10:00", "12-01 10:00"),
        ("1 Dec 10:00", ZURICH, "12-01 09:00", "12-01 09:00"),
        ("1. December, 10:00", "UTC", "12-01 10:00", "12-01 10:00"),
        ("10:00 1 Dec 2026 UTC", ZURICH, "12-01 10:00", "12-01 10:00"),
        ("30.11.2026 10:00", "UTC", "11-30 10:00", "11-30 10:00"),
        ("30.11.2026 10:00", ZURICH, "11-30 09:00", "11-30 09:00"),
        ("30.11.2026 10pm", "UTC", "11-30 22:00", "11-30 22:00"),
        ("1.7.2026 10:00", ZURICH, "07-01 08:00", "07-01 08:00"),  # summer time
        # lengths
        ("-40m", "UTC", "11-30 21:24", "11-30 21:24"),
        ("- 1 h 30 min", ZURICH, "11-30 20:34", "11-30 20:34"),
        ("+2h", "UTC", "12-01 00:04", "12-01 00:04"),
    ],
)
def test_a_time_by_its_tense(text: str, zone: str, past: str, coming: str) -> None:
    for tense, expected in ((Tense.PAST, past), (Tense.COMING, coming)):
        assert read(text, zone, now=LATE, tense=tense) == f"2026-{expected}:00", tense


@pytest.mark.parametrize(
    ("text", "past", "coming", "either"),
    [
        ("31 Dec 10:00", "2026-12-31", "2026-12-31", "2026-12-31"),  # in 31 days
        ("1 Jan 10:00", "2026-01-01", "2027-01-01", "2027-01-01"),  # in 32 days
        ("30 Oct 10:00", "2026-10-30", "2026-10-30", "2026-10-30"),  # 31 days ago
        ("29 Oct 10:00", "2026-10-29", "2027-10-29", "2026-10-29"),  # 32 days ago
        ("31 May 10:00", "2026-05-31", "2027-05-31", "2027-05-31"),  # 183 days ago, in 182
        ("29 Feb 2028 10:00", "2028-02-29", "2028-02-29", "2028-02-29"),
    ],
)
def test_a_day_of_a_month_is_of_the_year_that_its_tense_means(
    text: str, past: str, coming: str, either: str
) -> None:
    found = [read(text, now=LATE, tense=tense) for tense in Tense]
    assert found == [f"{day} 10:00:00" for day in (past, coming, either)]


@pytest.mark.parametrize(
    "text",
    [
        "29 Feb 10:00",  # no such day within a year
        "31 Nov 10:00",
        "1 Decembre 10:00",
        "0 Dec 10:00",
        "31.11.2026 10:00",
        "11/30/2026 10:00",  # a month or a day first: nobody knows
        "13pm",
        "0am",
        "noon 10:00",
        "-40",
        "-",
        "- 40 parsecs",
        "1 Dec",
    ],
)
def test_what_could_be_two_times_or_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read(text, now=LATE)


@given(
    st.integers(946_684_800, 2_208_988_800),  # from 2000 to 2040
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["UTC", ZURICH, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_a_clock_time_of_the_past_is_never_to_come_and_less_than_two_days_ago(
    seconds: int, hour: int, minute: int, zone: str
) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    try:
        found = read(f"{hour:02}:{minute:02}", zone, now=moment)
    except Invalid:
        return  # clocks skip it
    passed = moment.replace(tzinfo=None) - datetime.fromisoformat(found)
    assert timedelta() <= passed <= timedelta(hours=25)


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
    assert refused.value.message.startswith(
        "Event start is not a readable time. Use for example: now, 40 min"
    )
