"""What figures show, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from app.core.rules.quarters import Quarter
from app.matching.figures.per_t1 import Cell
from app.statistics.pages.findings import (
    changed_in_words,
    measured_in_words,
    tickets_in_words,
)

Q1, Q2, Q3 = Quarter(2013, 1), Quarter(2013, 2), Quarter(2013, 3)
IN_Q3 = datetime(2013, 8, 1, tzinfo=UTC)
AFTER = datetime(2013, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("counts", "moment", "said"),
    [
        (
            [9, 11, 8],
            IN_Q3,
            "8 tickets in 2013-Q3 so far; 11 in 2013-Q2, 9 in 2013-Q1",
        ),
        ([9, 11, 8], AFTER, "8 tickets in 2013-Q3, 3 fewer than in 2013-Q2"),
        ([None, 11, 1], IN_Q3, "1 ticket in 2013-Q3 so far; 11 in 2013-Q2"),
        ([None, None, 0], IN_Q3, "0 tickets in 2013-Q3 so far"),
        ([5, 5, None], AFTER, "5 tickets in 2013-Q2, as many as in 2013-Q1"),
        ([1000, 3000, None], AFTER, "3,000 tickets in 2013-Q2, 2,000 more than in 2013-Q1"),
        ([None, None, None], AFTER, "No data on tickets"),
    ],
)
def test_counts(counts: Sequence[int | None], moment: datetime, said: str) -> None:
    assert tickets_in_words([Q1, Q2, Q3], counts, moment) == said


def test_measures() -> None:
    def words(value: float) -> str:
        return f"{value:.1f} h"

    assert measured_in_words([Q1, Q2, Q3], [1, 2, 3], words, IN_Q3) == (
        "3.0 h in 2013-Q3 so far, 2.0 h in 2013-Q2"
    )
    assert measured_in_words([Q1, Q2, Q3], [1, None, None], words, AFTER) == "1.0 h in 2013-Q1"
    assert measured_in_words([Q1], [None], words, AFTER) == "no data"


def test_changes() -> None:
    assert [changed_in_words(3, one) for one in (1, 3, 4)] == [
        "2 more than",
        "as many as",
        "1 fewer than",
    ]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (Cell(18, 13), "13 of 18 events with a ticket, 5 without"),
        (Cell(18, 18), "18 of 18 events with a ticket"),
        (Cell(0, 0), "no events"),
    ],
)
def test_events(cell: Cell, said: str) -> None:
    assert cell.finding == said
