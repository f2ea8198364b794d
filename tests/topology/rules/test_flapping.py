"""When a link flaps, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.core.rules.durations import length_in_words
from app.topology.rules.flapping import Outage, flapping

NOW = datetime(2026, 11, 30, 22, 4, tzinfo=UTC)


def ago(minutes: float, length: float | None) -> Outage:
    """An outage that began so many minutes ago and lasted so many; None = ongoing."""
    start = NOW - timedelta(minutes=minutes)
    return start, None if length is None else start + timedelta(minutes=length)


def said(*outages: Outage) -> str:
    found = flapping(outages, NOW)
    if found is None:
        return ""
    return f"{found.times} times in {length_in_words(NOW - found.since)}, {found.words}"


def test_forty_short_outages_are_not_three_hours_down() -> None:
    # each 5 min, the first 195 min ago, of 50 s; the last one is ongoing since 30 s
    many = [ago(195 - 5 * turn, 50 / 60) for turn in range(39)]
    assert said(*many, ago(0.5, None)) == "40 times in 3 h 15 min, 33 min down in total"


def test_more_than_five_within_an_hour_are_flapping() -> None:
    five = [ago(minutes, 1) for minutes in (45, 36, 27, 18)] + [ago(9, None)]
    assert said(*five) == ""
    # the sixth an hour before the last: 69 to 9
    edge = [ago(69, 18), *(ago(minutes, 1) for minutes in (45, 36, 27, 18)), ago(9, None)]
    assert said(*edge) == "6 times in 1 h 9 min, 31 min down in total"
    late = [ago(69.1, 18), *edge[1:]]
    assert said(*late) == ""


def test_only_what_reaches_until_now_without_a_gap_counts() -> None:
    once = [ago(35 - minutes, 1) for minutes in range(0, 30, 5)]
    assert said(*once) == "6 times in 35 min, 6 min down in total", "the last ended 9 min before"
    earlier = [ago(55 - minutes, 1) for minutes in range(0, 30, 5)]
    assert said(*earlier) == "", "for 14 min it has been up"
    alone = [*earlier, ago(10, None)]
    assert said(*alone) == "", "19 min lie between"
    assert said(ago(600, None)) == ""
    assert said() == ""
    assert said(ago(-5, None)) == ""


def test_two_sources_that_report_the_same_outage_count_its_time_once() -> None:
    twice = [ago(minutes, 4) for minutes in (50, 40, 30, 20, 10) for _source in range(2)]
    assert said(*twice) == "10 times in 50 min, 20 min down in total"
