"""Rhythms of timed work, and the pauses after what failed. Cases made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from app.jobs.rules.jobs import reason_of, retry_pause
from app.jobs.rules.work import Rhythm


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rhythm", "now", "first", "following", "words"),
    [
        (Rhythm(timedelta(minutes=10)), "2026-11-25 05:59", "2026-11-25 05:59", "2026-11-25 06:09",
         "every 10 minutes"),
        (Rhythm(timedelta(hours=1)), "2026-11-25 23:30", "2026-11-25 23:30", "2026-11-26 00:30",
         "hourly"),
        (Rhythm(daily_at=time(6)), "2026-11-25 05:59", "2026-11-25 06:00", "2026-11-25 06:00",
         "daily at 06:00 UTC"),
        # exactly then it has been done, and a run three days late is one run
        (Rhythm(daily_at=time(6)), "2026-11-25 06:00", "2026-11-26 06:00", "2026-11-26 06:00",
         "daily at 06:00 UTC"),
        (Rhythm(daily_at=time(2, 30)), "2026-12-31 09:00", "2027-01-01 02:30", "2027-01-01 02:30",
         "daily at 02:30 UTC"),
    ],
)  # fmt: skip
def test_rhythms(rhythm: Rhythm, now: str, first: str, following: str, words: str) -> None:
    assert rhythm.first(at(now)) == at(first)
    assert rhythm.next(at(now)) == at(following)
    assert str(rhythm) == words


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [(1, 0, 2), (2, 0, 4), (5, 0, 32), (9, 0, 512), (10, 0, 600), (500, 0, 600), (5, 1, 16),
     (10, 0.5, 450)],
)  # fmt: skip
def test_pauses_double_up_to_a_cap(attempts: int, jitter: float, seconds: float) -> None:
    assert retry_pause(attempts, jitter) == timedelta(seconds=seconds)


def test_a_reason_is_one_short_line() -> None:
    assert reason_of(ValueError("a\n  b")) == "ValueError: a b"
    assert reason_of(KeyError()) == "KeyError"
    assert len(reason_of(ValueError("x" * 5000))) == 500
