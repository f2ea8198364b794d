"""The table of ``bench.prove_scale``."""

from __future__ import annotations

from math import inf

import pytest

from bench.prove_scale import Scaled, exponent, failures, rows_of


def test_exponents_are_those_of_powers() -> None:
    assert exponent(5, 5, (10, 1000)) == 0
    assert exponent(5, 50, (10, 100)) == pytest.approx(1)
    assert exponent(3, 300, (10, 100)) == pytest.approx(2)
    assert exponent(100, 10, (10_000, 1_000_000)) == pytest.approx(-0.5)


def test_each_question_is_a_row_with_its_growth() -> None:
    found = [
        Scaled("sqlite", 1_000, {"a page": [10, 12, 20], "a call": [1, 1, 1]}, 80),
        Scaled("sqlite", 10_000, {"a page": [120, 110, 130], "a call": [1, 1, 1]}, 8),
    ]
    assert rows_of(found) == [
        ["a page", "12, 20", "120, 130", "1.00"],
        ["a call", "1, 1", "1, 1", "0.00"],
        ["all doors, calls/s", "80", "8", "-1.00"],
    ]


def test_what_fails_is_said_and_has_no_exponent() -> None:
    found = [
        Scaled("sqlite", 1_000, {"a page": [10, 12, 20]}, 80),
        Scaled("sqlite", 10_000, {"a page": [12, inf, inf]}, 0, failed={"a page": 2}),
    ]
    assert rows_of(found) == [
        ["a page", "12, 20", "failed, failed", "unknown"],
        ["all doors, calls/s", "80", "0", "unknown"],
    ]
    assert [failures(one) for one in found] == [
        "- 1,000 tickets: failed: none.",
        "- 10,000 tickets: failed: a page 2.",
    ]
