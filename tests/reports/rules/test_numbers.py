"""What is said of a figure that changed since it was frozen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.reports.rules.numbers import (
    PERCENT,
    WORKING_DAYS,
    ReportFigure,
    ReportNumbers,
    changed_since,
)


def numbers(figure: ReportFigure) -> ReportNumbers:
    return ReportNumbers("DE-KIT", "2013-Q1", datetime(2013, 4, 10, tzinfo=UTC), [figure], [])


def median(value: float | None, told_by: int) -> ReportFigure:
    return ReportFigure("median_response", "Median", value, unit=WORKING_DAYS, told_by=told_by)


@pytest.mark.parametrize(
    ("old", "new", "words", "bare"),
    [
        (median(1.2, 3), median(1.31, 3), "now 1.3 working days", "now 1.3 days"),
        # what is read is the same: only of how many it is told differs
        (median(1.2, 3), median(1.2, 5), "now (5 tickets)", "now (5 tickets)"),
        (median(1.201, 3), median(1.199, 1), "now (1 ticket)", "now (1 ticket)"),
        (
            ReportFigure("availability", "Availability", 99.5, unit=PERCENT, told_by=1),
            ReportFigure("availability", "Availability", 99.5, unit=PERCENT, told_by=2),
            "now over 2 links",
            "now over 2 links",
        ),
        (median(1.2, 3), median(None, 0), "now no data", "now no data"),
    ],
)
def test_now_says_what_differs(old: ReportFigure, new: ReportFigure, words: str, bare: str) -> None:
    (changed,) = changed_since(numbers(old), numbers(new))
    assert (changed.words, changed.bare) == (words, bare)


def test_what_reads_alike_has_not_changed() -> None:
    assert changed_since(numbers(median(1.201, 3)), numbers(median(1.199, 3))) == []
