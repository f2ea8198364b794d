"""Which windows collide and which days they touch, in cases counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.calendar.rules.calendar import (
    Conflict,
    ConflictKind,
    PlannedLink,
    Window,
    conflicts,
    conflicts_of,
    days_of,
    free_spans,
    month_after,
    weeks_of,
)

KIT = frozenset({"DE-KIT"})
FIRST = PlannedLink("CERN-GRIDKA-LHCOPN-001", KIT)
SECOND = PlannedLink("CERN-GRIDKA-LHCOPN-002", KIT, backs_up=FIRST.name)
CNAF = PlannedLink("CNAF-GRIDKA-LHCOPN-001", frozenset({"DE-KIT", "IT-INFN-CNAF"}))
PIC = PlannedLink("CERN-PIC-LHCOPN-001", frozenset({"ES-PIC"}))
FAR = PlannedLink("A-B-LHCONE-001", backs_up=PIC.name)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def window(ticket: int, start: str, end: str, *links: PlannedLink) -> Window:
    return Window(ticket, at(start), at(end), links)


def told(found: list[Conflict]) -> list[tuple[object, ...]]:
    return [(one.kind, one.tickets, f"{one.start:%d %H}-{one.end:%d %H}") for one in found]


def test_a_link_and_its_backup() -> None:
    one, other = (
        window(7, "02-01 06:00", "02-01 10:00", SECOND),
        window(3, "02-01 08:00", "02-01 12:00", FIRST),
    )
    found = conflicts([one, other])
    assert told(found) == [(ConflictKind.BACKUP, (3, 7), "01 08-01 10")]
    assert found[0].links == (FIRST.name, SECOND.name)
    assert found[0].words == (
        "CERN-GRIDKA-LHCOPN-001 and its backup CERN-GRIDKA-LHCOPN-002 at the same time"
    )
    assert conflicts([other, one]) == found


@pytest.mark.parametrize(
    ("start", "end", "collides"),
    [
        ("02-01 10:00", "02-01 12:00", False),  # begins as the other ends
        ("02-01 04:00", "02-01 06:00", False),  # ends as the other begins
        ("02-01 09:59", "02-01 12:00", True),
        ("01-31 22:00", "02-02 02:00", True),  # around it, over two midnights and a month's end
        ("02-01 08:00", "02-01 08:00", False),  # a moment is no time
        ("02-02 06:00", "02-02 10:00", False),
    ],
)
def test_only_a_common_time_collides(start: str, end: str, collides: bool) -> None:
    found = conflicts(
        [window(1, "02-01 06:00", "02-01 10:00", FIRST), window(2, start, end, SECOND)]
    )
    assert bool(found) is collides


def test_two_links_of_one_t1() -> None:
    found = conflicts(
        [
            window(1, "02-01 06:00", "02-01 10:00", FIRST),
            window(2, "02-01 07:00", "02-01 08:00", CNAF),
            window(3, "02-01 07:30", "02-01 09:00", PIC),
        ]
    )
    assert told(found) == [(ConflictKind.SAME_T1, (1, 2), "01 07-01 08")]
    assert found[0].words == (
        "CERN-GRIDKA-LHCOPN-001 and CNAF-GRIDKA-LHCOPN-001, links of DE-KIT, at the same time"
    )


def test_the_same_link_twice_is_no_second_link() -> None:
    assert (
        conflicts(
            [
                window(1, "02-01 06:00", "02-01 10:00", FIRST),
                window(2, "02-01 06:00", "02-01 10:00", FIRST),
            ]
        )
        == []
    )


def test_one_ticket_collides_with_itself_and_a_backup_need_not_share_a_site() -> None:
    found = conflicts([window(1, "02-01 06:00", "02-01 10:00", FIRST, SECOND, CNAF)])
    assert told(found) == [
        (ConflictKind.BACKUP, (1, 1), "01 06-01 10"),
        (ConflictKind.SAME_T1, (1, 1), "01 06-01 10"),
    ]
    assert found[1].links == (FIRST.name, SECOND.name, CNAF.name)
    lhcone = conflicts(
        [
            window(1, "02-01 06:00", "02-01 10:00", PIC),
            window(2, "02-01 06:00", "02-01 10:00", FAR),
        ]
    )
    assert [one.kind for one in lhcone] == [ConflictKind.BACKUP]


def test_three_at_once_are_three_pairs() -> None:
    third = PlannedLink("GRIDKA-SARA-LHCOPN-001", KIT)
    found = conflicts(
        [
            window(1, "02-01 06:00", "02-01 10:00", FIRST),
            window(2, "02-01 07:00", "02-03 10:00", CNAF),
            window(3, "02-01 08:00", "02-01 09:00", third),
            window(4, "02-02 08:00", "02-02 09:00", third),
        ]
    )
    assert [one.tickets for one in found] == [(1, 2), (1, 3), (2, 3), (2, 4)]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("02-01 06:00", "02-01 10:00", ["02-01"]),
        ("02-01 22:00", "02-02 02:00", ["02-01", "02-02"]),
        ("02-01 22:00", "02-02 00:00", ["02-01"]),  # ends at midnight
        ("02-28 12:00", "03-02 12:00", ["02-28", "03-01", "03-02"]),
        ("02-01 00:00", "02-01 00:00", ["02-01"]),
        ("02-03 00:00", "02-01 00:00", ["02-03"]),
    ],
)
def test_days_of(start: str, end: str, days: list[str]) -> None:
    assert [f"{day:%m-%d}" for day in days_of(at(start), at(end))] == days


def test_months() -> None:
    weeks = weeks_of(date(2026, 11, 25))
    assert (weeks[0][0], weeks[-1][-1]) == (date(2026, 10, 26), date(2026, 12, 6))
    assert month_after(date(2026, 12, 31)) == date(2027, 1, 1)
    assert month_after(date(2026, 1, 31), -1) == date(2025, 12, 1)


def test_one_windows_conflicts_are_those_of_the_calendar_that_it_has_part_in() -> None:
    mine = window(0, "02-01 06:00", "02-01 10:00", FIRST)
    others = [
        window(3, "02-01 08:00", "02-01 12:00", SECOND),
        window(4, "02-01 11:00", "02-01 12:00", CNAF),  # with 3 alone
        window(5, "02-01 10:00", "02-01 12:00", SECOND),  # begins as it ends
        window(6, "02-01 07:00", "02-01 09:00", CNAF),
    ]
    assert told(conflicts_of(mine, others)) == [
        (ConflictKind.SAME_T1, (0, 6), "01 07-01 09"),
        (ConflictKind.BACKUP, (0, 3), "01 08-01 10"),
    ]


def test_free_spans_leave_out_what_collides_and_what_is_too_short() -> None:
    mine = window(0, "02-01 06:00", "02-01 10:00", FIRST)  # four hours
    others = [
        window(3, "02-01 08:00", "02-01 12:00", SECOND),
        window(4, "02-01 11:00", "02-01 14:00", CNAF),  # over the end of 3
        window(5, "02-01 17:59", "02-01 20:00", SECOND),  # 3 h 59 min after it
        window(6, "02-01 21:00", "02-02 00:00", PIC),  # of another T1: no matter
        window(7, "02-02 00:00", "02-02 00:00", SECOND),  # no length
        window(8, "02-02 02:00", "02-02 08:00", SECOND),
    ]
    spans = free_spans(mine, others, at("02-01 04:00"), at("02-02 12:00"))
    assert [(f"{start:%d %H:%M}", f"{end:%d %H:%M}") for start, end in spans] == [
        ("01 04:00", "01 08:00"),
        ("01 20:00", "02 02:00"),
        ("02 08:00", "02 12:00"),
    ]
    assert free_spans(mine, others, at("02-01 05:00"), at("02-01 09:00")) == []
    assert free_spans(mine, [], at("02-01 05:00"), at("02-01 09:00")) == [
        (at("02-01 05:00"), at("02-01 09:00"))
    ]
