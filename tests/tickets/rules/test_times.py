"""The times that a ticket's log tells, computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tickets.rules.times import LoggedValue, TicketTimes, times_of
from app.tickets.rules.working_time import add_working_days, working_time_between

MONDAY = datetime(2013, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def log(*items: tuple[int, float, str, str]) -> list[LoggedValue]:
    """Versions, hours since Monday, fields and new values."""
    return [
        LoggedValue(version, MONDAY + hours * HOUR, name, new)
        for version, hours, name, new in items
    ]


CREATED = ((1, 0, "state", "new"), (1, 0, "unit", "TPM"), (1, 0, "priority", "urgent"))


def test_a_ticket_that_nobody_answered_has_only_its_priority() -> None:
    assert times_of(log(*CREATED)) == TicketTimes(priority="urgent")


def test_assigning_is_no_response_and_the_first_other_state_is() -> None:
    times = times_of(
        log(
            *CREATED,
            (2, 1, "state", "assigned"),
            (3, 5, "state", "in progress"),
            (4, 9, "state", "solved"),
        )
    )
    assert times.responded == MONDAY + 5 * HOUR


def test_a_change_of_unit_is_a_response() -> None:
    times = times_of(
        log(*CREATED, (2, 3, "unit", "WLCG Network Throughput"), (3, 5, "state", "on hold"))
    )
    assert times.responded == MONDAY + 3 * HOUR


def test_waits_are_summed_and_the_last_one_goes_on() -> None:
    times = times_of(
        log(
            *CREATED,
            (2, 1, "state", "waiting for reply"),
            (3, 3, "state", "in progress"),
            (4, 10, "state", "waiting for reply"),
            (5, 14.5, "state", "solved"),
            (6, 20, "state", "reopened"),
            (7, 21, "state", "waiting for reply"),
        )
    )
    assert times.waited == 6.5 * HOUR
    assert times.waiting_since == MONDAY + 21 * HOUR
    assert times.has_waited


def test_pauses_are_working_time_waiting_or_on_hold() -> None:
    times = times_of(
        log(
            *CREATED,
            (2, 1, "state", "waiting for reply"),
            (3, 3, "state", "on hold"),
            (4, 6, "unit", "NOC"),
            (5, 10, "state", "in progress"),
            # Friday 12:00 to Monday 12:00: of three days one is working time
            (6, 4 * 24 + 12, "state", "on hold"),
            (7, 7 * 24 + 12, "state", "solved"),
            (8, 8 * 24, "state", "verified"),
        )
    )
    assert times.paused == 9 * HOUR + 24 * HOUR
    assert times.waited == 2 * HOUR
    # of what came from an old system in the middle of its life it is not known
    assert times_of(log((1, 0, "state", "on hold"), (2, 5, "state", "solved"))).paused is None
    assert times_of(log(*CREATED)).paused == 0 * HOUR


def test_a_later_priority_is_not_that_of_the_submission() -> None:
    assert times_of(log(*CREATED, (2, 1, "priority", "top priority"))).priority == "urgent"


def test_what_was_imported_solved_tells_no_response() -> None:
    times = times_of(
        log((1, 0, "state", "solved"), (2, 8, "state", "reopened"), (3, 9, "state", "solved"))
    )
    assert times.responded is None


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (0, 24, 24),  # Monday
        (4 * 24 + 20, 7 * 24 + 4, 8),  # Friday 20:00 to Monday 04:00
        (5 * 24 + 3, 6 * 24 + 20, 0),  # within a weekend
        (5 * 24, 12 * 24, 5 * 24),  # Saturday to Saturday
        (24, 0, 0),
    ],
)
def test_working_time_stands_still_at_weekends(start: float, end: float, hours: float) -> None:
    assert working_time_between(MONDAY + start * HOUR, MONDAY + end * HOUR) == hours * HOUR


@given(
    start=st.datetimes(datetime(1960, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis adds the zone
    days=st.integers(1, 40),
)
def test_it_is_the_reverse_of_adding_working_days(start: datetime, days: int) -> None:
    assert working_time_between(start, add_working_days(start, days)) == timedelta(days=days)
