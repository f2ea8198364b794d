"""The turns of partners in one process."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from app.exchange.rules.budget import Budget, Turns

_START = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.time = _START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> _Clock:
    """A clock that stands still until the test sets it."""
    return _Clock()


def test_a_partner_takes_half_of_the_threads_and_leaves_the_others(clock: _Clock) -> None:
    """A worker runs four jobs at once: two of a slow partner, and two of everybody else."""
    turns = Turns()
    with ExitStack() as stack:
        slow = [stack.enter_context(turns.turn(1, clock)) for _ in range(3)]
        assert [type(one) for one in slow] == [Budget, Budget, datetime]
        assert slow[2] == _START + timedelta(seconds=2), "the third looks again after a turn"
        other = [stack.enter_context(turns.turn(2, clock)) for _ in range(2)]
        assert [type(one) for one in other] == [Budget, Budget]
    with turns.turn(1, clock) as one:
        assert isinstance(one, Budget), "its turns have ended"


def test_a_turn_that_failed_has_ended(clock: _Clock) -> None:
    """Otherwise a partner that breaks two jobs would never have a turn again."""
    turns = Turns()
    for _ in range(5):
        with pytest.raises(RuntimeError), turns.turn(1, clock):
            raise RuntimeError
    with turns.turn(1, clock) as one:
        assert isinstance(one, Budget)
