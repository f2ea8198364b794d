"""When the detectors run, against cases from the sources, and CERN's clock as UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.calendar.rules.lhc_calendar import (
    Period,
    PeriodKind,
    cern_words,
    covering,
    read_cern_time,
    running_at,
    running_between,
    states_between,
)
from app.core.rules.errors import Invalid


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def period(name: str, kind: PeriodKind, begin: str, end: str) -> Period:
    begins, _ = read_cern_time(begin, is_end=False)
    ends, _ = read_cern_time(end, is_end=True)
    return Period(name, kind, begins, ends)


KNOWN = [
    period("Run 3", PeriodKind.RUN, "2022-07-05", "2026-06-29 06:00"),
    period("Physics 2024", PeriodKind.PHYSICS, "2024-04-05 18:25", "2024-11-23"),
    period("Technical stop", PeriodKind.STOP, "2024-06-10", "2024-06-15"),
    period("Ions 2026", PeriodKind.IONS, "2026-05-23", "2026-06-29 06:00"),
    period("LS3", PeriodKind.SHUTDOWN, "2026-06-29 06:00", "2030-06"),
]


@pytest.mark.parametrize(
    ("moment", "season"),
    [
        ("2024-04-05 16:24", ""),  # 18:25 in Geneva is 16:25 UTC in summer
        ("2024-04-05 16:25", "Physics 2024"),
        ("2024-06-09 21:59", "Physics 2024"),
        ("2024-06-09 22:00", ""),  # the stop begins at midnight in Geneva
        ("2024-06-15 21:59", ""),  # and lasts to the end of its last day
        ("2024-06-15 22:00", "Physics 2024"),
        ("2024-11-23 22:59", "Physics 2024"),  # winter: one hour
        ("2024-11-23 23:00", ""),
        ("2025-01-01 00:00", ""),  # a run is no season
        ("2026-06-29 03:59", "Ions 2026"),
        ("2026-06-29 04:00", ""),
    ],
)
def test_running_at(moment: str, season: str) -> None:
    found = running_at(at(moment), KNOWN)
    assert (found.name if found else "") == season


@pytest.mark.parametrize(
    ("start", "end", "season"),
    [
        ("2024-06-10 00:00", "2024-06-15 22:00", ""),  # all in the stop
        ("2024-06-10 00:00", "2024-06-15 22:01", "Physics 2024"),  # a minute longer
        ("2024-04-05 10:00", "2024-04-05 16:25", ""),  # ends as it begins
        ("2024-04-05 10:00", "2024-04-05 16:26", "Physics 2024"),
        ("2024-01-01 00:00", "2027-01-01 00:00", "Ions 2026"),  # the one that began last
        ("2026-07-01 00:00", "2026-07-02 00:00", ""),
    ],
)
def test_running_between(start: str, end: str, season: str) -> None:
    found = running_between(at(start), at(end), KNOWN)
    assert (found.name if found else "") == season


def test_what_the_lhc_does_in_a_time() -> None:
    def told(begin: str, end: str) -> list[tuple[str, str, bool]]:
        found = states_between(at(begin), at(end), KNOWN)
        return [(f"{since:%m-%d %H:%M}", one.name if one else "", on) for since, one, on in found]

    assert told("2026-11-01", "2026-12-01") == [("11-01 00:00", "LS3", False)]
    assert told("2024-06-01", "2024-07-01") == [
        ("06-01 00:00", "Physics 2024", True),
        ("06-09 22:00", "Technical stop", False),
        ("06-15 22:00", "Physics 2024", True),
    ], "a day of CERN begins at 22:00 UTC in summer"
    assert told("2026-06-01", "2026-07-01") == [
        ("06-01 00:00", "Ions 2026", True),
        ("06-29 04:00", "LS3", False),
    ]
    assert told("2012-01-01", "2012-02-01") == [("01-01 00:00", "", False)]


def test_an_endless_shutdown_halts_for_good() -> None:
    endless = Period("LS9", PeriodKind.SHUTDOWN, at("2024-05-01 00:00"), None)
    assert running_at(at("2024-07-01 00:00"), [*KNOWN, endless]) is None
    found = covering(at("2031-01-01 00:00"), [*KNOWN, endless])
    assert found is endless


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2013-02-14 07:24", "2013-02-14 06:24", "2013-02-14 06:24"),
        ("2010-12-06", "2010-12-05 23:00", "2010-12-06 23:00"),
        ("2025-03-30", "2025-03-29 23:00", "2025-03-30 22:00"),  # the clock goes forward
        ("2030-06", "2030-05-31 22:00", "2030-06-30 22:00"),
        ("2030-12", "2030-11-30 23:00", "2030-12-31 23:00"),
    ],
)
def test_cern_time(text: str, begin: str, end: str) -> None:
    begins, how = read_cern_time(text, is_end=False)
    ends, _ = read_cern_time(text, is_end=True)
    assert (begins, ends) == (at(begin), at(end))
    assert cern_words(begins, how, is_end=False) == cern_words(ends, how, is_end=True) == text


@pytest.mark.parametrize("text", ["", "2013", "2013-2-14", "2013-02-30", "2013-02-14T07:24", "?"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Invalid, match="Use CERN local time"):
        read_cern_time(text, is_end=True)
