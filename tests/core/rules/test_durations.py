"""Lengths of time as people say them."""

from __future__ import annotations

import pytest

from app.core.rules.durations import days_in_words

MINUTE, HOUR = 1 / 1440, 1 / 24


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "0 min"),
        (0.2 * MINUTE, "< 1 min"),
        (25 * MINUTE, "25 min"),
        (0.02, "29 min"),
        (59.4 * MINUTE, "59 min"),
        (59.6 * MINUTE, "1 h"),
        (3 * HOUR, "3 h"),
        (2.5 * HOUR, "2.5 h"),
        (9.96 * HOUR, "10 h"),
        (23.4 * HOUR, "23 h"),
        (23.6 * HOUR, "1 working day"),
        (1, "1 working day"),
        (1.5, "1.5 working days"),
        (2, "2 working days"),
        (12.3, "12 working days"),
        (400, "400 working days"),
    ],
)
def test_days_in_words(days: float, words: str) -> None:
    assert days_in_words(days, "working day") == words
